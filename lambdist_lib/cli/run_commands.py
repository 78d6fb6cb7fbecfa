"""The commands that send datapoints and return their outcomes."""

import argparse
import sys
from typing import Any

from lambdist_lib.cli import options as cli_options
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.protocol.contract import ADHOC, REJECTED


def try_(options: argparse.Namespace) -> None:
    from lambdist_lib.deployment import bundles
    from lambdist_lib.runs import preview

    processing = bundles.folder(options.processing)
    how = cli_options.of_file(options)
    if note := preview.other_python(processing):
        print(f"note: {note}", file=sys.stderr)
    failed = 0
    for answer in preview.preview(options.data, options.n, processing=processing, **how):
        print(cli_options.as_json(answer), flush=True)
        failed += not answer.get("error", REJECTED).startswith(REJECTED)
    if failed:
        raise RunError(f"process() failed for {failed:,} of the datapoints shown")


def submit(options: argparse.Namespace) -> None:
    if options.url:
        _submit_to_url(options)
        return
    if options.api_key_env or options.header:
        raise UsageError(
            "--api-key-env and --header go with --url; the key of a stack of ours is read from it"
        )
    if options.tries is not None or options.timeout is not None:
        raise UsageError("--tries and --timeout go with --url; a stack of ours says how often it tries")
    from lambdist_lib.progress import Progress
    from lambdist_lib.results import closing
    from lambdist_lib.runs import run as runs_run

    with Progress(options.arm) as progress:
        row = runs_run.submit(
            cli_options.target(options),
            options.arm,
            experiment_id=options.experiment_id,
            watch=progress.watcher(),
            deadline_s=options.deadline,
            **cli_options.values(options, "data", "seed", "stop_if_dead", *cli_options.SENDING),
            **cli_options.of_file(options),
        )
        progress.show(closing.closing_line([row]))
    changed = ", ".join(row["stack_changed"])
    notes = [f"the stack changed during the run ({changed}): it is not a timing"] if changed else []
    cli_options.print_result(options, "\n".join([*notes, f"answers: {row['folder']}/outputs.jsonl"]), row)
    _require_all_well(options, [row])


def _submit_to_url(options: argparse.Namespace) -> None:
    from lambdist_lib.progress import Progress
    from lambdist_lib.results import closing
    from lambdist_lib.runs import external_api

    if options.format not in ("", "lines") or options.column:
        raise UsageError("--format and --column are for the stacks; an API of others is sent lines")
    if options.stop_if_dead:
        raise UsageError("--stop-if-dead needs a stack: an API of others does not tell which datapoints died")
    patience = {"headers": options.header or None, "tries": options.tries, "timeout_s": options.timeout}
    with Progress("submit") as progress:
        row = external_api.submit_to_url(
            options.url,
            watch=progress.watcher(),
            deadline_s=options.deadline,
            **cli_options.values(options, "data", "api_key_env", "experiment_id", *cli_options.SENDING),
            **{name: value for name, value in patience.items() if value is not None},
        )
        progress.show(closing.closing_line([row]))
    cli_options.print_result(options, f"outcomes: {row['folder']}/outputs.jsonl", row)
    _require_all_well(options, [row])


def _require_all_well(options: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    """Raise what the runs' ledgers say: unfinished, lost, ended early or rejected datapoints."""
    from lambdist_lib.results import closing

    for row in rows:
        closing.require_finished(row)
    if not options.allow_rejected:
        closing.require_accepted(rows)


def resume(options: argparse.Namespace) -> None:
    from lambdist_lib.progress import Progress
    from lambdist_lib.results import closing
    from lambdist_lib.runs import resume as runs_resume

    with Progress("resume") as progress:
        rows = runs_resume.resume_all(
            options.run,
            data=options.data,
            connect=cli_options.by_target_label(options),
            watch=progress.watcher(),
        )
        progress.show(f"{len(rows)} run{'s' if len(rows) != 1 else ''}: {closing.closing_line(rows)}")
    cli_options.print_result(options, "", rows)
    _require_all_well(options, rows)


def fetch(options: argparse.Namespace) -> None:
    from lambdist_lib.results import outputs
    from lambdist_lib.runs import collect
    from lambdist_lib.runs import resume as runs_resume

    if options.run.startswith(ADHOC):
        collect.fetch_adhoc(cli_options.target(options), options.run)
    elif not runs_resume.is_collected(options.run):
        runs_resume.resume_all(options.run, data=options.data, connect=cli_options.by_target_label(options))
    if options.format != "jsonl":
        outputs.print_table(collect.fetch(options.run), options.format, sys.stdout)
        return
    for answer in collect.fetch(options.run):
        print(cli_options.as_json(answer))


def dead(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from lambdist_lib.records import dead_letters

    if options.run.startswith(ADHOC):
        letters = dead_letters.from_table(
            *cli_options.target_and_stack(options), options.run, cause=options.cause
        )
    else:
        letters = dead_letters.list_dead_letters(options.run, cause=options.cause)
    lines = [*map(dead_letters.line, letters), dead_letters.summary(letters, options.run)]
    cli_options.print_result(options, "\n".join(lines), [asdict(letter) for letter in letters])


def redrive(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from lambdist_lib.progress import Progress
    from lambdist_lib.runs import redrive

    what = {"cause": options.cause, "fault": options.fault}
    with Progress("redrive") as progress:
        if options.run.startswith(ADHOC):
            reports = [
                redrive.redrive_adhoc(
                    *cli_options.target_and_stack(options), options.run, **what, watch=progress.watcher()
                )
            ]
        else:
            connect = cli_options.by_target_label(options)
            reports = redrive.redrive_all(options.run, **what, connect=connect, watch=progress.watcher())
        progress.show(f"{sum(report.letters for report in reports):,} dead letters")
    cli_options.print_result(
        options, "\n".join(report.sentence() for report in reports), [asdict(one) for one in reports]
    )
    for report in reports:
        redrive.require_finished(report)
