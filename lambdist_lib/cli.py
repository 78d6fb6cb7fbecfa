"""`lambdist …`: parse, call, print. Each command's work is a call into the library.

What can be typed, and what the exit statuses mean, stands in `arguments`.
"""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from lambdist_lib import interrupts
from lambdist_lib.arguments import parser
from lambdist_lib.contract import ADHOC
from lambdist_lib.errors import LambdistError, UsageError

INTERRUPTED, TERMINATED = 130, 143
SENDING = ("chunks", "rate", "request_batch", "work", "fault")


def main(arguments: list[str] | None = None) -> int:
    """The command line's entry; returns the exit status."""
    options = parser(COMMANDS).parse_args(arguments)
    try:
        with interrupts.sigterm_as_interrupt() as terminated:
            return options.call(options) or 0
    except LambdistError as error:
        print(f"lambdist: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as interrupt:  # a run says where it is kept and how it goes on
        print(f"lambdist: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return TERMINATED if terminated else INTERRUPTED
    except BrokenPipeError:  # `lambdist fetch RUN | head`
        sys.stderr.close()
        return 0
    except Exception as error:  # AWS out of something; anything else is our bug and keeps its traceback
        if not (line := _told(error)):
            raise
        print(f"lambdist: {line}", file=sys.stderr)
        return LambdistError.exit_status


def _told(error: Exception) -> str:
    if "botocore" not in sys.modules:
        return ""
    from lambdist_lib import refusals

    return refusals.told(error)


def _try(options: argparse.Namespace) -> None:
    from lambdist_lib import bundles, trying

    processing = bundles.folder(options.processing)
    for answer in trying.process_first(options.data, options.n, processing=processing):
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
    from lambdist_lib import bundles, deploying, local_cloud, tags

    processing = bundles.folder(options.processing)
    lifetime_s = tags.lifetime_s(options.expires) if options.expires else None
    if options.target == "local":
        local_cloud.start(keep=True)  # or what is deployed would be gone with this command
    target = _connected(options)
    settings = {"experiment_controls": True, **dict(_setting(text) for text in options.set)}
    how: dict[str, Any] = {"processing": processing, "lifetime_s": lifetime_s}
    deployed = deploying.deploy(target, settings, **how, **_given(options, "budget_usd", "yes"))
    facts = {"endpoint_url": target.endpoint_url, **{kind: stack.outputs for kind, stack in deployed.items()}}
    _print(
        options, "\n".join(f"{kind:<12} {target.api_url(s.outputs)}" for kind, s in deployed.items()), facts
    )


def _leaks(options: argparse.Namespace) -> None:
    from lambdist_lib import leaks, local_cloud
    from lambdist_lib.progress import Progress

    if options.all and not options.delete:
        raise UsageError("--all goes with --delete; without it everything is listed anyway")
    if options.target == "local" and not local_cloud.find():
        _print(options, "no local cloud runs, so nothing is left there", [])
        return
    target = _connected(options)
    if options.delete:
        with Progress("leaks") as progress:
            gone = leaks.delete(target, everything=options.all, force=options.force, say=progress.show)
            progress.show(f"{len(gone)} removed")
    rows = leaks.find(target)
    _print(
        options,
        "\n".join([*(row.line() for row in rows), leaks.summary(rows, target)]),
        [row.facts() for row in rows],
    )


def _destroy(options: argparse.Namespace) -> None:
    from lambdist_lib import deploying

    target = _connected(options)
    deploying.destroy(target, force=options.force)
    still = target.cloud is not None and target.cloud.kept
    _print(
        options,
        "the local cloud itself runs on; `lambdist cloud stop` ends it" if still else "",
        {"left": []},
    )


def _package(options: argparse.Namespace) -> None:
    from lambdist_lib import bundles, packaging, project

    processing = bundles.folder(options.processing)
    written = packaging.write(options.to, as_sam=options.sam, bucket=options.bucket, processing=processing)
    where = project.shown(options.to)
    text = f"{len(written)} files in {where}/; {packaging.COMMANDS} there says what to type"
    _print(options, text, {"folder": where, "files": [path.name for path in written]})


def _submit(options: argparse.Namespace) -> None:
    if options.url:
        _submit_to_url(options)
        return
    if options.api_key_env:
        raise UsageError("--api-key-env goes with --url; the key of a stack of ours is read from it")
    if options.tries is not None or options.timeout is not None:
        raise UsageError("--tries and --timeout go with --url; a stack of ours says how often it tries")
    from lambdist_lib import folders, submitting
    from lambdist_lib.progress import Progress

    with Progress(options.arm) as progress:
        row = submitting.submit(
            _connected(options),
            options.arm,
            experiment_id=options.experiment_id,
            watch=progress.watcher(),
            deadline_s=options.deadline,
            **_given(options, "data", "seed", *SENDING),
        )
        progress.show(f"{row['stored']:,} stored, {row['dead']:,} dead of {row['submitted']:,}")
    _print(options, f"answers: {row['folder']}/outputs.jsonl", row)
    folders.require_finished(row)


def _submit_to_url(options: argparse.Namespace) -> None:
    from lambdist_lib import folders, foreign
    from lambdist_lib.progress import Progress

    patience = {"tries": options.tries, "timeout_s": options.timeout}
    with Progress("submit") as progress:
        row = foreign.submit(
            options.url,
            watch=progress.watcher(),
            deadline_s=options.deadline,
            **_given(options, "data", "api_key_env", "experiment_id", *SENDING),
            **{name: value for name, value in patience.items() if value is not None},
        )
        progress.show(f"{row['accepted']:,} accepted of {row['submitted']:,}")
    _print(options, f"what became of each: {row['folder']}/outputs.jsonl", row)
    folders.require_finished(row)


def _run(options: argparse.Namespace) -> None:
    from lambdist_lib import experiment, project, thresholds

    for text in options.fail_if:
        thresholds.parse(text)  # before minutes are spent
    options_of_start = {"keep_stacks": options.keep_stacks, "arms": options.arms.split(",")}
    where = _given(options, "target", "region", "profile", "experiment_id")
    what = _given(options, "data", "seed", "processing", "queue_batch", "memory_mb", *SENDING)
    with experiment.start(**options_of_start, **where, **what) as work:
        runs = 1 + experiment.most_pairs(options.repetitions, options.until)
        work.deploy(runs=runs, **_given(options, "budget_usd", "yes"))
        work.run_cold()
        work.run_pairs(options.repetitions, until=options.until, budget_s=options.budget_s)
        summary = work.summarise()
    then = f"results: {project.shown(work.folder)}/; `lambdist report {work.id}` makes one page of them"
    _print(options, f"{summary['finding']}\n{then}", summary)
    thresholds.require(summary, options.fail_if)


def _analyse(options: argparse.Namespace) -> None:
    from lambdist_lib import analysing, thresholds

    summary = analysing.summarise(options.run, insist=options.insist)
    said = [summary["finding"] or "no pairs to compare; --json has every measure", summary["cost"]]
    _print(options, "\n".join(filter(None, said)), summary)
    thresholds.require(summary, options.fail_if)


def _compare(options: argparse.Namespace) -> int:
    from lambdist_lib import compare

    found = compare.compare(options.first, options.second, factor=options.factor)
    _print(options, found.sentence(), {"sentence": found.sentence(), "effects": found.rows()})
    return found.exit_status(options.tolerance)


def _report(options: argparse.Namespace) -> None:
    from lambdist_lib import report

    made = report.write(options.run, options.to)
    _print(options, "\n".join([*made["warnings"], f"report: {made['report']}"]), made)


def _gallery(options: argparse.Namespace) -> None:
    from lambdist_lib import gallery

    made = gallery.write()
    _print(options, f"{len(made['results'])} results: {made['gallery']}", made)


def _plan(options: argparse.Namespace) -> None:
    from lambdist_lib import planning
    from lambdist_lib.planner import words

    found = planning.plan(
        count=options.datapoints,
        settings={
            **_given(options, "queue_batch", "memory_mb"),
            **dict(_setting(text) for text in options.set),
        },
        limits_file=options.limits,
        run=options.calibrate,
        local_cloud=options.local,
        **_given(options, "data", "seed", "free_tier", "chunks", "request_batch", "work", "fault"),
    )
    _print(options, words.words(found), found)


def _resume(options: argparse.Namespace) -> None:
    from lambdist_lib import folders, running
    from lambdist_lib.progress import Progress

    with Progress("resume") as progress:
        rows = running.finish(
            options.run, data=options.data, connect=_by_stamp(options), watch=progress.watcher()
        )
        progress.show(f"{len(rows)} runs whole")
    _print(options, "", rows)
    for row in rows:
        folders.require_finished(row)


def _fetch(options: argparse.Namespace) -> None:
    from lambdist_lib import collecting, running

    if options.run.startswith(ADHOC):
        collecting.collect_adhoc(_connected(options), options.run)
    elif not running.is_collected(options.run):
        running.finish(options.run, data=options.data, connect=_by_stamp(options))
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
            reports = [redrive.run_adhoc(*_queued(options), options.run, **what, watch=progress.watcher())]
        else:
            connect = _by_stamp(options)
            reports = redrive.of(options.run, **what, connect=connect, watch=progress.watcher())
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

    made = notebooks.run_and_tell(
        options.notebook, options.output, dict(options.parameters), quiet=options.json
    )
    _print(options, "", made)


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


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Options as the library names them."""
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


COMMANDS = {
    "try": _try,
    "deploy": _deploy,
    "destroy": _destroy,
    "package": _package,
    "leaks": _leaks,
    "cloud": _cloud,
    "submit": _submit,
    "run": _run,
    "resume": _resume,
    "fetch": _fetch,
    "dead": _dead,
    "redrive": _redrive,
    "analyse": _analyse,
    "compare": _compare,
    "report": _report,
    "gallery": _gallery,
    "plan": _plan,
    "notebook": _notebook,
}
