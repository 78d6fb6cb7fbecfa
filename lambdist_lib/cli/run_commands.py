"""The commands that send datapoints and return their outcomes."""

import argparse
import sys
from typing import Any

from lambdist_lib.cli import arguments, value_types
from lambdist_lib.cli import options as cli_options
from lambdist_lib.cli.declaration import FILES, argument, command, exclusive, flag
from lambdist_lib.cli.screen import Verbatim
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import ADHOC, REJECTED

SENDING_ARMS = [arm for arm, traits in ARMS.items() if traits.stack]


@command(
    "try",
    "run process() on a file's first datapoints, without a cloud",
    argument("data", type=value_types.not_empty, complete=FILES, help=arguments.DATA_HELP),
    argument("-n", type=value_types.whole(1), default=5, help="how many (default 5)"),
    *arguments.FORMAT,
    arguments.PROCESSING,
)
def try_(options: argparse.Namespace) -> None:
    from lambdist_lib.deployment import bundles
    from lambdist_lib.progress import print_note
    from lambdist_lib.runs import preview

    processing = bundles.folder(options.processing)
    how = cli_options.of_file(options)
    for note in filter(None, (preview.other_python(processing), preview.header_note(options.data, **how))):
        print_note(f"note: {note}")
    failed = 0
    for answer in preview.preview(options.data, options.n, processing=processing, **how):
        print(cli_options.as_json(answer), flush=True)
        failed += not answer.get("error", REJECTED).startswith(REJECTED)
    if failed:
        raise RunError(f"process() failed for {failed:,} of the datapoints shown")


@command(
    "submit",
    "send a file to the deployed stacks, or to any API, and collect its answers",
    *arguments.SENDING,
    *arguments.TARGET,
    exclusive(
        argument(
            "--arm", default="distributed", choices=SENDING_ARMS, metavar="ARM",
            help=f"distributed (default) or another way: {', '.join(SENDING_ARMS)}",
        ),
        argument(
            "--url", type=value_types.not_empty, default="",
            help='any API that takes {"data": ...}, also one not deployed here',
        ),
    ),
    argument("--api-key-env", default="", metavar="NAME", help="environment variable with the key of --url"),
    argument(
        "--header", action="append", default=[], metavar="'NAME: env:VARIABLE'",
        help="further header of --url, such as 'Authorization: Bearer env:TOKEN'; may come again",
    ),
    argument("--tries", type=value_types.whole(1), metavar="N", help="per datapoint, with --url (default 8)"),
    argument(
        "--timeout", type=value_types.real(0.001, 1e6), metavar="S",
        help="of a request, with --url (default 60)",
    ),
    argument(
        "--deadline", type=value_types.real(0), default=0.0, metavar="S",
        help="of the sending (default 0: none)",
    ),
    arguments.ALLOW_REJECTED,
    arguments.STOP_IF_DEAD,
)  # fmt: skip
def submit(options: argparse.Namespace) -> None:
    if options.url:
        _submit_to_url(options)
        return
    if options.api_key_env or options.header:
        raise UsageError(
            "--api-key-env and --header go with --url; the key of a deployed stack is read from the stack"
        )
    if options.tries is not None or options.timeout is not None:
        raise UsageError("--tries and --timeout go with --url; a deployed stack has max_receives")
    from lambdist_lib.formatting import counted
    from lambdist_lib.progress import Progress
    from lambdist_lib.results import closing
    from lambdist_lib.runs import run as runs_run
    from lambdist_lib.runs.inputs import Source

    Source(data=options.data, **cli_options.of_file(options)).require_datapoints()  # before a cloud starts
    with Progress(options.arm) as progress:
        row = runs_run.submit(
            cli_options.deployed_target(options, ARMS[options.arm].stack),
            options.arm,
            experiment_id=options.experiment_id,
            watch=progress.watcher(),
            log=progress.note,
            deadline_s=options.deadline,
            **cli_options.values(options, "data", "seed", "stop_if_dead", *cli_options.SENDING),
            **cli_options.of_file(options),
        )
        progress.show(closing.closing_line([row]))
    changed = ", ".join(row["stack_changed"])
    notes = [f"the stack changed during the run ({changed}): it is not a timing"] if changed else []
    if row["dead"]:
        notes.append(f"{counted(row['dead'], 'datapoints')} died: `lambdist dead {row['run_id']}` tells why")
    cli_options.print_result(options, [*notes, Verbatim(f"answers: {row['folder']}/outputs.jsonl")], row)
    _require_all_well(options, [row])


def _submit_to_url(options: argparse.Namespace) -> None:
    from lambdist_lib.progress import Progress
    from lambdist_lib.results import closing
    from lambdist_lib.runs import external_api

    if options.format not in ("", "lines") or options.column:
        raise UsageError("--format and --column are for the stacks; the API of --url receives lines")
    if options.stop_if_dead:
        raise UsageError("--stop-if-dead needs a stack: the API of --url does not tell which datapoints died")
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


@command(
    "resume",
    "finish a run that was interrupted, or those of an experiment",
    arguments.RUN,
    arguments.MOVED_DATA,
    *arguments.TARGET,
    arguments.ALLOW_REJECTED,
)
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
            log=progress.note,
        )
        progress.show(f"{len(rows)} run{'s' if len(rows) != 1 else ''}: {closing.closing_line(rows)}")
    cli_options.print_result(options, "", rows)
    _require_all_well(options, rows)


@command(
    "fetch",
    "print a run's answers in input order",
    arguments.RUN,
    arguments.MOVED_DATA,
    *arguments.TARGET,
    argument(
        "--format", default="jsonl", choices=["jsonl", "csv", "tsv", "parquet"],
        help="default jsonl; a table has the input's columns and the result's: data_KEY and result_KEY "
        "where a name is taken",
    ),
)  # fmt: skip
def fetch(options: argparse.Namespace) -> None:
    from lambdist_lib.progress import to_stderr
    from lambdist_lib.results import outputs
    from lambdist_lib.runs import collect
    from lambdist_lib.runs import resume as runs_resume

    if options.run.startswith(ADHOC):
        collect.fetch_adhoc(cli_options.deployed_target(options), options.run)
    elif not runs_resume.is_collected(options.run):
        runs_resume.resume_all(
            options.run,
            data=options.data,
            connect=cli_options.by_target_label(options),
            log=to_stderr,
        )
    if options.format != "jsonl":
        outputs.print_table(collect.fetch(options.run), options.format, sys.stdout)
        return
    for answer in collect.fetch(options.run):
        print(cli_options.as_json(answer))


@command(
    "dead",
    "count dead-lettered datapoints by cause; list each with --all",
    arguments.RUN,
    arguments.CAUSE,
    flag("--all", "list each datapoint"),
    *arguments.TARGET,
)
def dead(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from lambdist_lib.cli import dead_text, screen
    from lambdist_lib.records import dead_letters

    if options.run.startswith(ADHOC):
        letters = dead_letters.from_table(
            *cli_options.target_and_stack(options), options.run, cause=options.cause
        )
    else:
        letters = dead_letters.list_dead_letters(options.run, cause=options.cause)
    if options.all:
        blocks = dead_text.each(letters, options.run, screen.width())
    else:
        blocks = dead_text.by_cause(letters, options.run)
    cli_options.print_result(options, blocks, [asdict(letter) for letter in letters])


@command(
    "redrive",
    "send dead-lettered datapoints again",
    arguments.RUN,
    arguments.CAUSE,
    argument(
        "--fault", type=value_types.fault, default="none",
        help="fault plan for the new attempts (default: none, even if the run had one)",
    ),
    *arguments.TARGET,
)  # fmt: skip
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
        options, [report.sentence() for report in reports], [asdict(one) for one in reports]
    )
    for report in reports:
        report.require_finished()
