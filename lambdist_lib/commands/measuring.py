"""The commands that measure, predict and show."""

import argparse

from lambdist_lib.commands import asked


def run(options: argparse.Namespace) -> None:
    from lambdist_lib import experiment, project, thresholds

    for text in options.fail_if:
        thresholds.parse(text)  # before minutes are spent
    options_of_start = {"keep_stacks": options.keep_stacks, "arms": options.arms.split(",")}
    where = asked.given(options, "target", "region", "profile", "experiment_id")
    what = asked.given(options, "data", "seed", "processing", "queue_batch", "memory_mb", *asked.SENDING)
    with experiment.start(**options_of_start, **where, **what) as work:
        runs = 1 + experiment.most_pairs(options.repetitions, options.until)
        work.deploy(runs=runs, **asked.given(options, "budget_usd", "yes"))
        work.run_cold()
        work.run_pairs(options.repetitions, until=options.until, budget_s=options.budget_s)
        summary = work.summarise()
    then = f"results: {project.shown(work.folder)}/; `lambdist report {work.id}` makes one page of them"
    asked.tell(options, f"{summary['finding']}\n{then}", summary)
    thresholds.require(summary, options.fail_if)


def analyse(options: argparse.Namespace) -> None:
    from lambdist_lib import analysing, thresholds

    summary = analysing.summarise(options.run, insist=options.insist)
    said = [summary["finding"] or "no pairs to compare; --json has every measure", summary["cost"]]
    asked.tell(options, "\n".join(filter(None, said)), summary)
    thresholds.require(summary, options.fail_if)


def compare(options: argparse.Namespace) -> int:
    from lambdist_lib import compare

    found = compare.compare(options.first, options.second, factor=options.factor)
    asked.tell(options, found.sentence(), {"sentence": found.sentence(), "effects": found.rows()})
    return found.exit_status(options.tolerance)


def report(options: argparse.Namespace) -> None:
    from lambdist_lib import report

    made = report.write(options.run, options.to)
    asked.tell(options, "\n".join([*made["warnings"], f"report: {made['report']}"]), made)


def gallery(options: argparse.Namespace) -> None:
    from lambdist_lib.reporting import gallery

    made = gallery.write()
    asked.tell(options, f"{len(made['results'])} results: {made['gallery']}", made)


def plan(options: argparse.Namespace) -> None:
    from lambdist_lib import planning
    from lambdist_lib.planner import words

    found = planning.plan(
        count=options.datapoints,
        settings={
            **asked.given(options, "queue_batch", "memory_mb"),
            **dict(asked.setting(text) for text in options.set),
        },
        limits_file=options.limits,
        run=options.calibrate,
        local_cloud=options.local,
        **asked.given(options, "data", "seed", "free_tier", "chunks", "request_batch", "work", "fault"),
    )
    asked.tell(options, words.words(found), found)


def notebook(options: argparse.Namespace) -> None:
    from lambdist_lib import notebooks

    made = notebooks.run_and_tell(
        options.notebook, options.output, dict(options.parameters), quiet=options.json
    )
    asked.tell(options, "", made)
