"""Call a function for every item of a collection, on Lambdas.

    titles = fan_out(title, urls, requirements=["requests"])

The run is kept below results/ like every other one: `load_results`, `write_report` and `lambdist dead`
read it, and `lambdist resume` finishes it. Nothing here is timed; `Experiment(process=title,
data=urls)` measures the same job.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from lambdist_lib import paths
from lambdist_lib.cloud import locks, targets
from lambdist_lib.cloud.limits import MIN_PROCESSORS
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Datapoints
from lambdist_lib.deployment import callables, lifecycle, stacks, templates
from lambdist_lib.deployment.callables import Module
from lambdist_lib.errors import FailedItemError, FanOutError, Interrupted, UsageError
from lambdist_lib.progress import Progress, in_notebook
from lambdist_lib.protocol.arms import arm_abbreviation
from lambdist_lib.protocol.contract import DATAPOINT_CEILING_CHARS, DEAD
from lambdist_lib.records import dead_letters
from lambdist_lib.results import folders, outputs
from lambdist_lib.results.closing import closing_line, is_finished, require_finished
from lambdist_lib.runs import argument_checks, cost_estimate, resume, run
from lambdist_lib.runs.conditions import (
    Conditions,
    parse_conditions,
    require_possible,
    resolve_faults,
)

ARM = "distributed"
LOCAL_WIDTH = 2  # calls at once on the local cloud, per processor of this machine: each is a process
LOCAL_SENDERS = 2  # there: they keep such calls busy, and each opens one more process
STEM_MAX_CHARS = 8  # of the function's name in an id, beside the time and its milliseconds
SHOWN_FAILURES = 3  # in the message of a FanOutError
REQUEST_BATCH = 10

_local_target: dict[str, Target] = {}  # of the former call: to make its clients takes half a second


def fan_out(
    function: Callable[[Any], object],
    items: Iterable[object],
    *,
    chunks: int = 50,
    target: str | Target = "local",
    region: str = "",
    profile: str = "",
    requirements: Sequence[str] = (),
    modules: Iterable[Module] = (),
    errors: Literal["raise", "return"] = "raise",
    experiment_id: str = "",
    budget_usd: float = 0.0,
    yes: bool | None = None,
    settings: dict[str, Any] | None = None,
    **conditions: Any,
) -> list[Any]:
    """Return what `function` returns for each item, in their order.

    The distributed stack is deployed if it runs other code or has other settings, and stays.

    Args:
        function: Takes one item and returns what JSON holds. It travels by value, with what it uses
            of your notebook or script (`deployment.callables`).
        items: Any iterable of what JSON holds, such as strings, numbers, dicts or the rows of a
            DataFrame; a generator is read once and not kept (`data.items`).
        chunks: The most calls at once; on the local cloud two per processor of this machine.
        target: `local`, or `aws` with `region` and `profile`; or what `connect` returned.
        requirements: Packages that the function imports, as lines of a requirements.txt.
        modules: Your own modules that it imports: a module, its name or its path.
        errors: "return" gives a FailedItemError for each item that failed.
        experiment_id: Name of the folder below results/. With the id of an interrupted call the rest
            is sent; with that of a finished one the results are read again.
        budget_usd, yes: On AWS: the most that the call may cost, and whether it is agreed to.
        settings: Further parameters of the stack, in Python's spelling, such as `max_receives`.
        conditions: Fields of `Conditions`, such as `memory_mb`, `processors` or `retry_delay_s`.

    Raises:
        UsageError: An item, the function or a condition is not possible; nothing was deployed.
        FanOutError: Items failed; it holds their errors, and the results of all others.
        UnfinishedError: Items are still queued or were not sent.
        Interrupted: After a notebook's stop button; the message says how to continue.

    Example:
        fan_out(str.upper, ["to", "the", "cloud"])      # ['TO', 'THE', 'CLOUD']
    """
    target_name = target if isinstance(target, str) else target.name
    chunks = argument_checks.whole("chunks", chunks, 1)
    _require_valid(target_name, errors, budget_usd, settings or {})
    processing = callables.write(function, requirements=requirements, modules=modules)
    known = _conditions(target_name, chunks, conditions)
    experiment = _folder(function, experiment_id)
    data = folders.items_file(items, experiment, max_chars=known.max_chars)
    if not data.stat().st_size:
        shutil.rmtree(experiment, ignore_errors=True)
        return []
    points, folder = known.read(data), experiment / "runs" / f"{experiment.name}-{arm_abbreviation(ARM)}"
    known = resolve_faults(known, points, seed=0)
    with Progress(callables.name_of(function)) as progress:
        if (row := _finished_row(folder)) is None:
            connected = _connected(target, region, profile)
            wanted = _settings(connected, known, settings or {}, processing)
            cost_estimate.confirm_experiment(
                connected, known, [ARM], points.submitted, 1, wanted, budget_usd=budget_usd, yes=yes
            )
            row = _run(connected, known, wanted, processing, points, folder, progress)
        progress.show(closing_line([row]))
    require_finished(row)
    return _results(folder, row, errors)


def _require_valid(target: str, errors: str, budget_usd: float, settings: dict[str, Any]) -> None:
    """Raise UsageError for an argument that is out of bounds, before anything is written."""
    if errors not in ("raise", "return"):
        raise UsageError(f"errors is {errors!r}: write 'raise' or 'return'")
    argument_checks.require_known("target", [target], targets.NAMES)
    argument_checks.real("budget_usd", budget_usd)
    templates.require_valid(dict(settings))


def _finished_row(folder: Path) -> dict[str, Any] | None:
    """Return the row of a run that an earlier call finished; None without one."""
    if not (folder / "run.json").exists():
        return None
    facts = folders.read_facts(folder)
    return facts if is_finished(facts) else None


def _connected(target: str | Target, region: str, profile: str) -> Target:
    """The target; a later call on the same local cloud finds its clients made."""
    if not isinstance(target, str):
        return target
    fresh = targets.connect(target, region=region, profile=profile)
    if not fresh.cloud:
        return fresh
    kept = _local_target.get("kept")
    if kept is None or kept.cloud is None or kept.cloud.emulator != fresh.cloud.emulator:
        _local_target["kept"] = fresh
    return _local_target["kept"]


def _conditions(target: str, chunks: int, conditions: dict[str, Any]) -> Conditions:
    """The conditions of the call; what is not given favours an early answer, not a measurement."""
    own: dict[str, Any] = {"request_batch": REQUEST_BATCH, "max_chars": DATAPOINT_CEILING_CHARS}
    if target == "local":
        own["processors"] = max(MIN_PROCESSORS, min(chunks, LOCAL_WIDTH * (os.cpu_count() or 1)))
        chunks = min(chunks, LOCAL_SENDERS)
    known = parse_conditions({**own, "chunks": chunks, **conditions}, fan_out)
    require_possible(target, known)
    return known


def _folder(function: Callable[..., object], experiment_id: str) -> Path:
    if experiment_id:
        return paths.results() / folders.checked_id(experiment_id)
    while True:
        now = time.time()
        stamp = f"{time.strftime('%y%m%d-%H%M%S', time.localtime(now))}{int(now % 1 * 1000):03}"
        folder = paths.results() / f"{callables.name_of(function)[:STEM_MAX_CHARS].strip('-')}-{stamp}"
        if not folder.exists():
            return folder


def _settings(
    target: Target, known: Conditions, settings: dict[str, Any], processing: Path
) -> dict[str, Any]:
    """The stack's parameters; controls are for declared work and faults, which a real job has none of."""
    controls = {"experiment_controls": known.work != "none" or known.fault not in ("", "none")}
    return callables.with_runtime({**known.settings(), **controls, **settings}, processing, target.name)


def _run(
    target: Target,
    known: Conditions,
    settings: dict[str, Any],
    processing: Path,
    points: Datapoints,
    folder: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Deploy what is not deployed, then send the items, or the rest of an interrupted run."""
    experiment_id = folder.parents[1].name
    try:
        with locks.stacks(target, f"fan_out in {experiment_id}"):
            progress.show("deploying")
            stack = stacks.up_to_date(target, ARM, settings=settings, processing=processing)
            if stack is None:
                stack = lifecycle.deploy(
                    target, settings, processing=processing, kinds=[ARM], confirmed=True, force=True,
                    log=progress.show,
                )[ARM]  # fmt: skip
            watch = progress.watcher(target.label)
            if (folder / "run.json").exists():
                return resume.resume(target, stack, points, folder, watch=watch, log=progress.note)
            info = run.new_run(
                target, stack, points, folder, known, arm=ARM, experiment_id=experiment_id, encoding="json"
            )
            return run.run_once(target, stack, points, folder, info, watch=watch)
    except KeyboardInterrupt:
        if not in_notebook():
            raise
        raise Interrupted(
            f"Stopped; what was done is kept. Run this cell again with experiment_id={experiment_id!r} to go "
            "on from there."
        ) from None


def _results(folder: Path, row: dict[str, Any], errors: str) -> list[Any]:
    letters = iter(dead_letters.from_folder(folder) if row[DEAD] else ())
    failed: list[FailedItemError] = []
    results: list[Any] = []
    for answer in outputs.outputs(folder):
        if "result" in answer:
            results.append(answer["result"])
            continue
        letter = next(letters)
        failed.append(
            FailedItemError(answer["n"], letter.cause, attempts=letter.receives, causes=letter.causes)
        )
        results.append(failed[-1])
    if failed and errors == "raise":
        raise FanOutError(_told(failed, len(results), folder.name), failed=failed, results=results)
    return results


def _told(failed: list[FailedItemError], count: int, run_id: str) -> str:
    shown = "; ".join(f"{error.n} ({error.cause})" for error in failed[:SHOWN_FAILURES])
    more = f"; and {len(failed) - SHOWN_FAILURES:,} more" if len(failed) > SHOWN_FAILURES else ""
    return (
        f"{len(failed):,} of {count:,} items failed: {shown}{more}; `lambdist dead {run_id}` lists them, "
        "errors='return' gives the other results, and so does this error's .results"
    )
