"""The commands that measure, predict and report."""

import argparse

from lambdist_lib.cli import options as cli_options


def run(options: argparse.Namespace) -> None:
    from lambdist_lib import paths
    from lambdist_lib.experiment import Experiment
    from lambdist_lib.measures import thresholds
    from lambdist_lib.planner import outlook
    from lambdist_lib.results import closing

    for text in options.fail_if:
        thresholds.parse(text)  # before minutes are spent
    asked = cli_options.values(
        options, "target", "region", "profile", "experiment_id", "keep_stacks", "data", "seed", "processing",
        "queue_batch", "memory_mb", "processors", "stop_if_dead", *cli_options.SENDING,
    )  # fmt: skip
    how = cli_options.of_file(options)
    with Experiment(arms=options.arms.split(","), **how, **asked) as experiment:
        runs = 1 + options.repetitions
        experiment.deploy(runs=runs, **cli_options.values(options, "budget_usd", "yes"))
        experiment.run_cold()
        experiment.run_pairs(
            options.repetitions, **cli_options.values(options, "target_precision", "time_limit_s")
        )
        experiment.ledger()
        summary = outlook.summarise(experiment.results)
    folder = paths.shown(experiment.folder)
    end = f"results: {folder}/; `lambdist report {experiment.id}` writes them as one page"
    cli_options.print_result(options, f"{outlook.as_text(summary)}\n\n{end}", summary)
    thresholds.require(summary, options.fail_if)
    if not options.allow_rejected:
        closing.require_accepted(experiment.runs.to_dict("records"))


def analyse(options: argparse.Namespace) -> None:
    from lambdist_lib.analysis import load_results
    from lambdist_lib.measures import thresholds
    from lambdist_lib.planner import outlook

    summary = outlook.summarise(load_results(options.run, allow_incomplete=options.allow_incomplete))
    lines = [summary["finding"] or "no pairs to compare; --json has every measure", summary["cost"]]
    cli_options.print_result(options, "\n".join(filter(None, lines)), summary)
    thresholds.require(summary, options.fail_if)


def compare(options: argparse.Namespace) -> int:
    from lambdist_lib import comparison

    found = comparison.compare(options.first, options.second, factor=options.factor)
    cli_options.print_result(
        options, found.sentence(), {"sentence": found.sentence(), "effects": found.rows()}
    )
    return found.exit_status(options.tolerance)


def report(options: argparse.Namespace) -> None:
    from lambdist_lib.report import write

    made = write.write_report(options.run, options.output)
    cli_options.print_result(options, "\n".join([*made["warnings"], f"report: {made['report']}"]), made)


def gallery(options: argparse.Namespace) -> None:
    from lambdist_lib.report import gallery

    made = gallery.write_gallery()
    cli_options.print_result(options, f"{len(made['results'])} results: {made['gallery']}", made)


def plan(options: argparse.Namespace) -> None:
    from lambdist_lib.planner import plan as planner_plan
    from lambdist_lib.planner import plan_text

    answer = planner_plan.plan(
        count=options.datapoints,
        settings={
            **cli_options.values(options, "queue_batch", "memory_mb"),
            **dict(cli_options.setting(text) for text in options.set),
        },
        limits_file=options.limits,
        run=options.calibrate,
        local_cloud=options.with_local_cloud,
        **cli_options.values(
            options,
            "data",
            "seed",
            "free_tier",
            "region",
            "chunks",
            "processors",
            "request_batch",
            "work",
            "fault",
        ),
    )
    cli_options.print_result(options, plan_text.format_plan(answer), answer)


def notebook(options: argparse.Namespace) -> None:
    from lambdist_lib.notebooks import runner

    made = runner.run_notebook(options.notebook, options.output, dict(options.parameters), quiet=options.json)
    cli_options.print_result(options, "", made)
