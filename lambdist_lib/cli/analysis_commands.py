"""The commands that measure, predict and show."""

import argparse

from lambdist_lib.cli import options as cli_options


def run(options: argparse.Namespace) -> None:
    from lambdist_lib import experiment, paths
    from lambdist_lib.measures import thresholds

    for text in options.fail_if:
        thresholds.parse(text)  # before minutes are spent
    options_of_start = {"keep_stacks": options.keep_stacks, "arms": options.arms.split(",")}
    where = cli_options.given(options, "target", "region", "profile", "experiment_id")
    what = cli_options.given(
        options, "data", "seed", "processing", "queue_batch", "memory_mb", *cli_options.SENDING
    )
    with experiment.start(**options_of_start, **where, **what) as work:
        runs = 1 + experiment.max_pairs(options.repetitions, options.until)
        work.deploy(runs=runs, **cli_options.given(options, "budget_usd", "yes"))
        work.run_cold()
        work.run_pairs(options.repetitions, until=options.until, budget_s=options.budget_s)
        summary = work.summarise()
    then = f"results: {paths.shown(work.folder)}/; `lambdist report {work.id}` makes one page of them"
    cli_options.tell(options, f"{summary['finding']}\n{then}", summary)
    thresholds.require(summary, options.fail_if)


def analyse(options: argparse.Namespace) -> None:
    from lambdist_lib import analysis
    from lambdist_lib.measures import thresholds

    summary = analysis.summarise(options.run, insist=options.insist)
    said = [summary["finding"] or "no pairs to compare; --json has every measure", summary["cost"]]
    cli_options.tell(options, "\n".join(filter(None, said)), summary)
    thresholds.require(summary, options.fail_if)


def compare(options: argparse.Namespace) -> int:
    from lambdist_lib import comparison

    found = comparison.compare(options.first, options.second, factor=options.factor)
    cli_options.tell(options, found.sentence(), {"sentence": found.sentence(), "effects": found.rows()})
    return found.exit_status(options.tolerance)


def report(options: argparse.Namespace) -> None:
    from lambdist_lib.report import write

    made = write.write(options.run, options.to)
    cli_options.tell(options, "\n".join([*made["warnings"], f"report: {made['report']}"]), made)


def gallery(options: argparse.Namespace) -> None:
    from lambdist_lib.report import gallery

    made = gallery.write()
    cli_options.tell(options, f"{len(made['results'])} results: {made['gallery']}", made)


def plan(options: argparse.Namespace) -> None:
    from lambdist_lib.planner import plan as planner_plan
    from lambdist_lib.planner import plan_text

    found = planner_plan.plan(
        count=options.datapoints,
        settings={
            **cli_options.given(options, "queue_batch", "memory_mb"),
            **dict(cli_options.setting(text) for text in options.set),
        },
        limits_file=options.limits,
        run=options.calibrate,
        local_cloud=options.local,
        **cli_options.given(options, "data", "seed", "free_tier", "chunks", "request_batch", "work", "fault"),
    )
    cli_options.tell(options, plan_text.format_plan(found), found)


def notebook(options: argparse.Namespace) -> None:
    from lambdist_lib.notebooks import runner

    made = runner.run_notebook(options.notebook, options.output, dict(options.parameters), quiet=options.json)
    cli_options.tell(options, "", made)
