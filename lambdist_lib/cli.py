"""`lambdist …`: parse, call, print. Each command's work is a call into the library.

Exit status: 0 all well, 1 failed, 2 wrong usage, 3 unfinished, 4 a threshold was
passed, 130 interrupted.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lambdist_lib.contract import ADHOC, CAUSE_CLASSES
from lambdist_lib.errors import LambdistError, UsageError

INTERRUPTED = 130
TOUR = """\
a first tour:
  lambdist try data/words.txt -n 5             process() here, without a cloud
  lambdist deploy                              both stacks on a local cloud
  lambdist run data/words.txt --repetitions 6  does the fan-out pay?
  lambdist submit data/words.txt --chunks 20   just the answers
  lambdist fetch RUN                           ... in input order, again
  lambdist destroy                             nothing is left
"""

FAULT_HELP = """\
none, or KIND:P[@N+N+A-B] separated by commas, P the probability (@: of these datapoints only). Drawn for each
attempt: raise, slow (beyond the timeout), crash (before the write), crash-after, memory (AWS only); for each
datapoint: permanent, poison (cannot be parsed), duplicate (queued twice); for the run: throttle (share of the
processors). Example: raise:0.1,permanent:1@5+7-9"""


def main(arguments: list[str] | None = None) -> int:
    """The command line's entry; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.call(options) or 0
    except LambdistError as error:  # anything else is our bug and keeps its traceback
        print(f"lambdist: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as interrupt:  # a run says where it is kept and how it goes on
        print(f"lambdist: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `lambdist fetch RUN | head`
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lambdist",
        description="Does fanning a file out over AWS Lambdas pay? Deploy, measure, compare.",
        epilog=TOUR,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = _command(commands, "try", _try, "run process() on a file's first datapoints, in this process")
    command.add_argument("data", help="data file, one datapoint a line")
    command.add_argument("-n", type=int, default=5, help="how many (default 5)")

    command = _command(commands, "cloud", _cloud, "start, show or stop the local cloud; its mail")
    command.add_argument(
        "action", choices=["start", "status", "stop", "mail"], help="mail: what AWS would have sent"
    )
    command.add_argument("--force", action="store_true", help="stop even if results are uncollected")

    command = _command(commands, "deploy", _deploy, "create or update both stacks")
    _add_target(command)
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the templates, such as memory_mb=256",
    )

    command = _command(commands, "destroy", _destroy, "delete both stacks")
    _add_target(command)
    command.add_argument("--force", action="store_true", help="even if results are uncollected")

    command = _command(commands, "submit", _submit, "send a file through one arm and collect the answers")
    _add_run(command)
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--arm", default="distributed", help="distributed (default), single_node or single_node_parallel"
    )
    where.add_argument(
        "--url", default="", help='any API that takes {"data": ...}, also one not deployed here'
    )
    command.add_argument(
        "--api-key-env", default="", metavar="NAME", help="environment variable with the key of --url"
    )

    command = _command(commands, "run", _run, "the whole experiment: deploy, cold runs, warm pairs, measures")
    _add_run(command)
    command.add_argument("--repetitions", type=int, default=10, metavar="R", help="warm pairs (default 10)")
    command.add_argument(
        "--until", type=float, default=0.0, metavar="W",
        help="repeat until the interval's half-width is W of the speedup (0.05), in place of R times",
    )  # fmt: skip
    command.add_argument(
        "--budget-s", type=float, default=600.0, metavar="S", help="with --until: no longer (default 600)"
    )
    command.add_argument(
        "--arms",
        default="distributed,single_node",
        help="of each repetition: distributed, single_node, single_node_parallel, as_original, local_pool",
    )
    _add_thresholds(command)
    command.add_argument("--keep-stacks", action="store_true", help="do not delete them at the end")

    command = _command(commands, "analyse", _analyse, "measure a run or an experiment again, from its folder")
    command.add_argument("run", metavar="RUN", help="id or folder of a run or an experiment")
    command.add_argument("--insist", action="store_true", help="although datapoints are unaccounted for")
    _add_thresholds(command)

    command = _command(commands, "compare", _compare, "two experiments: how much longer the second takes")
    command.add_argument("first", metavar="A", help="id or folder of an experiment or a run")
    command.add_argument("second", metavar="B", help="compared with A")
    command.add_argument("--factor", help="what may differ between them, such as chunks or memory_mb")
    command.add_argument(
        "--tolerance", type=float, default=0.0, help="exit 1 only if B is surely slower by more (0.05: 5 %%)"
    )

    command = _command(commands, "fetch", _fetch, "print a run's answers in input order, as JSON lines")
    _add_finished(command)
    command = _command(commands, "resume", _resume, "finish a run or an experiment that was interrupted")
    _add_finished(command)

    command = _command(commands, "dead", _dead, "list dead datapoints: what each was, and why it died")
    _add_letters(command)
    command = _command(commands, "redrive", _redrive, "send dead datapoints again, once the reason is gone")
    _add_letters(command)
    command.add_argument("--fault", default="none", help="for the new attempts; default: none, whatever was")

    command = _command(commands, "notebook", _notebook, "run a notebook headless, with checked parameters")
    command.add_argument("notebook", type=Path)
    command.add_argument("output", type=Path, nargs="?", help="default: results/<name>.ipynb")
    command.add_argument(
        "-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), dest="parameters"
    )
    return parser


def _command(
    commands: Any, name: str, call: Callable[[argparse.Namespace], int | None], text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(call=call)
    return command


def _add_target(command: argparse.ArgumentParser) -> None:
    command.add_argument("--target", default="local", help="local (default) or aws")
    command.add_argument("--region", default="", help="AWS region")
    command.add_argument("--profile", default="", help="AWS profile")


def _add_thresholds(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--fail-if",
        action="append",
        default=[],
        metavar="'NAME>X'",
        help="exit 4 if a measure does so, such as 'dead_rate>0.01' or 'speedup_low<2'",
    )


def _add_finished(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help="id or folder of a run or an experiment")
    command.add_argument("--data", default="", help="where its data file is by now, if it was moved")
    _add_target(command)


def _add_letters(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help="id or folder of a run or an experiment")
    command.add_argument("--cause", default="", help=f"only of this class: {', '.join(CAUSE_CLASSES)}")
    _add_target(command)


def _add_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", help="data file, one datapoint a line; .gz is read as well, - is stdin")
    _add_target(command)
    command.add_argument(
        "--chunks", type=int, default=20, metavar="N", help="most senders at once (default 20)"
    )
    command.add_argument(
        "--rate", type=float, default=0.0, metavar="R", help="datapoints per second (default: as they go)"
    )
    command.add_argument("--request-batch", type=int, default=1, metavar="B", help="datapoints per request")
    command.add_argument(
        "--queue-batch", type=int, default=1, metavar="B", help="messages per invocation at most"
    )
    command.add_argument("--memory-mb", type=int, default=512, metavar="MB")
    command.add_argument("--work", default="none", help="none, io:100ms or cpu:50ms per datapoint")
    command.add_argument("--fault", default="none", help=FAULT_HELP)
    command.add_argument("--seed", type=int, default=0, help="of the faults and of the order of the arms")
    command.add_argument("--id", default="", dest="experiment_id", help="name of the folder under results/")


def _try(options: argparse.Namespace) -> None:
    from lambdist_lib import trying

    for answer in trying.process_first(options.data, options.n):
        print(json.dumps(answer, ensure_ascii=False))


def _cloud(options: argparse.Namespace) -> None:
    from lambdist_lib import local_cloud, teardown

    if options.action == "mail":
        _cloud_mail(options)
    elif options.action == "start":
        cloud = local_cloud.start(keep=True)
        _print(options, f"the local cloud runs at {cloud.endpoint_url}", {"endpoint_url": cloud.endpoint_url})
    elif options.action == "stop":
        stopped = teardown.stop_local_cloud(force=options.force)
        _print(options, "the local cloud is gone" if stopped else "no local cloud runs", {"stopped": stopped})
    elif status := local_cloud.status():
        facts = {
            "endpoint_url": status.cloud.endpoint_url,
            "kept": status.cloud.kept,
            "workers": status.workers,
            "holders": list(status.holders),
        }
        _print(options, "\n".join(f"{name:<14} {value}" for name, value in facts.items()), facts)
    else:
        _print(options, "no local cloud runs; `lambdist cloud start` starts one", None)


def _cloud_mail(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from lambdist_lib import local_cloud, mailbox, targets

    mails = mailbox.read(targets.connect("local")) if local_cloud.find() else []
    _print(options, "\n".join(map(str, mails)) or "no mail", [asdict(mail) for mail in mails])


def _deploy(options: argparse.Namespace) -> None:
    from lambdist_lib import local_cloud, stacks
    from lambdist_lib.progress import Progress

    if options.target == "local":
        local_cloud.start(keep=True)  # or what is deployed would be gone with this command
    target = _connected(options)
    settings = {"experiment_controls": True, **dict(_setting(text) for text in options.set)}
    with Progress("deploy") as progress:
        deployed = stacks.deploy(target, settings=settings, say=progress.show)
        progress.show(f"{len(deployed)} stacks on {target.stamp}")
    facts = {"endpoint_url": target.endpoint_url, **{kind: stack.outputs for kind, stack in deployed.items()}}
    _print(
        options, "\n".join(f"{kind:<12} {target.api_url(s.outputs)}" for kind, s in deployed.items()), facts
    )


def _destroy(options: argparse.Namespace) -> None:
    from lambdist_lib import teardown
    from lambdist_lib.progress import Progress

    target = _connected(options)
    with Progress("destroy") as progress:
        teardown.destroy(target, force=options.force, say=progress.show)
        progress.show("both stacks and the artifact bucket are gone")
    still = target.cloud is not None and target.cloud.kept
    _print(
        options,
        "the local cloud itself runs on; `lambdist cloud stop` ends it" if still else "",
        {"left": []},
    )


def _submit(options: argparse.Namespace) -> None:
    from lambdist_lib import folders, submitting
    from lambdist_lib.progress import Progress

    if options.url:
        _submit_to_url(options)
        return
    if options.api_key_env:
        raise UsageError("--api-key-env goes with --url; the key of a stack of ours is read from it")
    with Progress(options.arm) as progress:
        row = submitting.submit(
            _connected(options),
            options.arm,
            experiment_id=options.experiment_id,
            watch=progress.show,
            **_what(options),
        )
        progress.show(f"{row['stored']:,} stored, {row['dead']:,} dead of {row['submitted']:,}")
    _print(options, f"answers: {row['folder']}/outputs.jsonl", row)
    folders.require_finished(row)


def _submit_to_url(options: argparse.Namespace) -> None:
    from lambdist_lib import folders, foreign
    from lambdist_lib.progress import Progress

    names = ("data", "api_key_env", "experiment_id", "chunks", "rate", "request_batch", "work", "fault")
    with Progress("submit") as progress:
        row = foreign.submit(
            options.url, watch=progress.show, **{name: getattr(options, name) for name in names}
        )
        progress.show(f"{row['accepted']:,} accepted of {row['submitted']:,}")
    _print(options, f"what became of each: {row['folder']}/outputs.jsonl", row)
    folders.require_finished(row)


def _run(options: argparse.Namespace) -> None:
    from lambdist_lib import experiment, project, thresholds

    for text in options.fail_if:
        thresholds.parse(text)  # before minutes are spent
    options_of_start = {"keep_stacks": options.keep_stacks, "arms": options.arms.split(",")}
    where = {name: getattr(options, name) for name in ("target", "region", "profile", "experiment_id")}
    with experiment.start(**options_of_start, **where, **_what(options)) as work:
        work.deploy()
        work.run_cold()
        work.run_pairs(options.repetitions, until=options.until, budget_s=options.budget_s)
        summary = work.summarise()
    _print(options, f"{summary['finding']}\nresults: {project.shown(work.folder)}/", summary)
    thresholds.require(summary, options.fail_if)


def _analyse(options: argparse.Namespace) -> None:
    from lambdist_lib import analysing, thresholds

    summary = analysing.summarise(options.run, insist=options.insist)
    _print(options, summary["finding"] or "no pairs to compare; --json has every measure", summary)
    thresholds.require(summary, options.fail_if)


def _compare(options: argparse.Namespace) -> int:
    from lambdist_lib import compare

    found = compare.compare(options.first, options.second, factor=options.factor)
    _print(options, found.sentence(), {"sentence": found.sentence(), "effects": found.rows()})
    return found.exit_status(options.tolerance)


def _resume(options: argparse.Namespace) -> None:
    from lambdist_lib import folders, running
    from lambdist_lib.progress import Progress

    with Progress("resume") as progress:
        rows = running.finish(options.run, data=options.data, connect=_by_stamp(options), watch=progress.show)
        progress.show(f"{len(rows)} runs whole")
    _print(options, "", rows)
    for row in rows:
        folders.require_finished(row)


def _fetch(options: argparse.Namespace) -> None:
    from lambdist_lib import collecting, running

    if options.run.startswith(ADHOC):
        collecting.collect_adhoc(_connected(options), options.run)
    elif not running.is_collected(options.run):
        running.finish(options.run, data=options.data, connect=_by_stamp(options), watch=lambda text: None)
    for answer in collecting.outputs_of(options.run):
        print(json.dumps(answer, ensure_ascii=False))


def _dead(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from lambdist_lib import dead_letters

    if options.run.startswith(ADHOC):
        letters = dead_letters.of_table(*_queued(options), options.run, cause=options.cause)
    else:
        letters = dead_letters.of_run(options.run, cause=options.cause)
    lines = [*map(dead_letters.line, letters), dead_letters.summary(letters, options.run)]
    _print(options, "\n".join(lines), [asdict(letter) for letter in letters])


def _redrive(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from lambdist_lib import redrive
    from lambdist_lib.progress import Progress

    what = {"cause": options.cause, "fault": options.fault}
    with Progress("redrive") as progress:
        if options.run.startswith(ADHOC):
            reports = [redrive.run_adhoc(*_queued(options), options.run, **what, watch=progress.show)]
        else:
            connect = _by_stamp(options)
            reports = redrive.of(options.run, **what, connect=connect, watch=progress.show)
        progress.show(f"{sum(report.letters for report in reports):,} dead letters")
    _print(options, "\n".join(report.sentence() for report in reports), [asdict(one) for one in reports])
    for report in reports:
        redrive.require_finished(report)


def _queued(options: argparse.Namespace) -> tuple[Any, Any]:
    """The target, and its stack with a queue."""
    from lambdist_lib import stacks

    target = _connected(options)
    return target, stacks.describe(target, "distributed")


def _notebook(options: argparse.Namespace) -> None:
    from lambdist_lib import notebooks

    notebooks.run_and_tell(options.notebook, options.output, dict(options.parameters))


def _connected(options: argparse.Namespace) -> Any:
    from lambdist_lib import targets

    return targets.connect(options.target, region=options.region, profile=options.profile)


def _by_stamp(options: argparse.Namespace) -> Callable[[str], Any]:
    from lambdist_lib import targets

    def connect(stamp: str) -> Any:
        region = options.region or stamp.partition(" ")[2].split(" ")[0]
        name = "local" if stamp == targets.LOCAL_STAMP else "aws"
        return targets.connect(name, region="" if name == "local" else region, profile=options.profile)

    return connect


def _what(options: argparse.Namespace) -> dict[str, Any]:
    """What is sent and how, as the library names it."""
    names = ("data", "seed", "chunks", "rate", "request_batch", "queue_batch", "memory_mb", "work", "fault")
    return {name: getattr(options, name) for name in names}


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text!r}: write NAME=VALUE, such as memory_mb=256")
    return name, value


def _print(options: argparse.Namespace, text: str, facts: Any) -> None:
    """Words for people, or the same facts as JSON."""
    if options.json:
        print(json.dumps(facts, indent=1, default=str))
    elif text:
        print(text)
