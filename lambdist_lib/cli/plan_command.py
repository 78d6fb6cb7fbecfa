"""The command that predicts a job."""

import argparse

from lambdist_lib.cli import arguments, value_types
from lambdist_lib.cli import options as cli_options
from lambdist_lib.cli.declaration import FILES, RUNS, argument, command, flag


@command(
    "plan",
    "predict a job on AWS: time, bottleneck, dead letters, cost",
    argument("data", nargs="?", default="", complete=FILES, help=arguments.DATA_HELP),
    argument("--datapoints", type=value_types.datapoints, metavar="N", help="or only how many, such as 1e9"),
    arguments.CHUNKS,
    arguments.PROCESSORS,
    arguments.REQUEST_BATCH,
    arguments.QUEUE_BATCH,
    arguments.memory("of every Lambda"),
    argument("--region", default="", help="AWS region, for its API rates; prices are those of us-east-1"),
    arguments.WORK,
    argument("--fault", type=value_types.fault, default="none",
             help="as for a run, without @: raise:0.01,slow:0.001"),
    argument(
        "--set", action="append", type=value_types.setting, default=[], metavar="NAME=VALUE",
        help="a parameter of the distributed stack, such as maximum_concurrency=1000",
    ),
    argument("--calibrate", default="", metavar="RUN", complete=RUNS,
             help="take times and failures of this run"),
    flag("--with-local-cloud", "also predict the local cloud, calibrated by that run"),
    argument("--limits", default="", metavar="FILE", complete=FILES,
             help="your own limits and prices, as TOML"),
    flag("--free-tier", "subtract the AWS free tier"),
    argument("--seed", type=arguments.SEED, default=0, help="of the simulation"),
    flag("--verbose", "also where each number of the prediction comes from"),
)  # fmt: skip
def plan(options: argparse.Namespace) -> None:
    from lambdist_lib.cli import screen
    from lambdist_lib.planner import plan as planner_plan
    from lambdist_lib.planner import plan_text

    answer = planner_plan.plan(
        count=options.datapoints,
        settings={**cli_options.values(options, "queue_batch", "memory_mb"), **dict(options.set)},
        limits_file=options.limits,
        run=options.calibrate,
        local_cloud=options.with_local_cloud,
        **cli_options.values(
            options, "data", "seed", "free_tier", "region", "chunks", "processors", "request_batch", "work",
            "fault",
        ),
    )  # fmt: skip
    text = plan_text.format_plan(answer, width=screen.width(), verbose=options.verbose)
    cli_options.print_result(options, text, answer)
