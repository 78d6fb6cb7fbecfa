"""What runs used, metered from their records and the log lines of their invocations.

    metered = cost_after.by_run(runs, records, invocations, limits.load())
    cost_after.table(metered, limits.load())      each line of the bill, predicted and metered, by arm

Everything that can be counted is. Not known from a run, and so left out: e-mails, arm64, what a stack costs
because it stands (`cost_counts.standing`, the metric of deaths too), and the size of what is queued (64 KB
a request are taken).
An invocation that died left no line: it is counted by the receives that nobody logged, each for itself, at
the mean duration of the others. On AWS a REPORT line's billed time counts, where there is one
(`report_lines.with_report`). On the local cloud the counts are those of AWS, durations are the machine's.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lambdist_lib.costs import bill, estimate
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.costs.usage import AT_ONCE, Counts, usage
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS, is_local
from lambdist_lib.protocol.contract import DEAD, STORED

ENTRIES = ("collector", "single_node")
LOCAL_NOTE = (
    "counts carry over to AWS; GB-s, traces and polls follow durations, which are this machine's and do not"
)


UNITS = {
    "per_million_usd": "USD a million datapoints",
    "retries_share": "share of it",
    "dead_letters_share": "share of it",
}


class MeteredRun(NamedTuple):
    """One run: what it used, and what its conditions let expect."""

    run_id: str
    arm: str
    datapoints: int
    used: dict[str, bill.Usage]
    expected: dict[str, bill.Usage]


class Costs(NamedTuple):
    """`figures` and `table` of runs."""

    runs: pd.DataFrame
    table: pd.DataFrame


NO_COSTS = Costs(pd.DataFrame(columns=["arm"]), pd.DataFrame())


def costs(metered: list[MeteredRun], prices: Table, *, free_tier: bool = False) -> Costs:
    return Costs(figures(metered, prices), table(metered, prices, free_tier=free_tier))


def meter_runs(
    runs: pd.DataFrame,
    records: pd.DataFrame,
    invocations: pd.DataFrame,
    prices: Table,
    *,
    units: dict[str, int] | None = None,
) -> list[MeteredRun]:
    """Meter each run that used a cloud and has log lines.

    Args:
        runs, records, invocations: Of `columns`.
        prices: What `limits.load` returns.
        units: By run, the write units of all its results together; by default one of 1 KB for each.
    """
    of_records, of_lines = records.groupby("run_id"), invocations.groupby("run_id")
    found = []
    for run in runs.itertuples():
        if (
            run.arm not in ARMS
            or is_local(run.arm)
            or run.run_id not in of_lines.groups
            or run.run_id not in of_records.groups
        ):
            continue
        mine = of_records.get_group(run.run_id)
        counted = counts(run, mine, of_lines.get_group(run.run_id), (units or {}).get(run.run_id))
        expected = estimate.predict(prices, **conditions(run, prices))
        found.append(MeteredRun(run.run_id, run.arm, len(mine), usage(counted, prices), expected))
    return found


def counts(run: Any, records: pd.DataFrame, lines: pd.DataFrame, units: int | None = None) -> Counts:
    """What happened in a run.

    Args:
        run: A row of the runs table. records, lines: Its records and its invocations.
    """
    queued = ARMS[run.arm].queued
    entry, processor, dead = (
        lines[lines["function"].isin(functions)] for functions in (ENTRIES, ["processor"], ["dead_letter"])
    )
    received = pd.to_numeric(records["receives"], errors="coerce")
    receives, tried = float(received.sum()), received[received > 0]
    plan = faults.parse_fault(_text(run.fault))
    workers = processor if queued else entry
    unlogged = max(receives - float(workers["received"].sum()), 0.0)
    unlogged_s = unlogged * _handlers_s(workers) / max(len(workers), 1)
    requests = len(entry) + (0.0 if queued else unlogged)
    first = np.ceil((~records["tries"].isna() & (records["tries"] > 0)).sum() / run.request_batch)
    stored = int((records["outcome"] == STORED).sum())
    return Counts(
        queued=queued, datapoints=len(records), requests=requests, again=max(requests - first, 0.0),
        entry_s=_handlers_s(entry) + (0.0 if queued else unlogged_s),
        sends=float(np.ceil(entry["stored"] / AT_ONCE).sum()) if queued else 0.0,
        receives=receives, invocations=len(processor) + (unlogged if queued else 0.0),
        processor_s=_handlers_s(processor) + (unlogged_s if queued else 0.0),
        deletes=float((processor["received"] > processor["failed"]).sum()),
        failures=float(records["failures"].sum()),
        returned=float(processor["failed"].sum()),
        marked_first=len(tried) if plan.may_leave_no_trace else 0.0,
        marked_more=max(receives - len(tried), 0.0),  # every deploy of ours has its controls on
        init_s=_inits_s(entry) + _inits_s(processor),
        result_units=stored if units is None else units,
        dead=float((records["outcome"] == DEAD).sum()), permanent=float(workers["permanent"].sum()),
        dead_invocations=len(dead), dead_s=_handlers_s(dead), dead_init_s=_inits_s(dead),
        span_s=max(float(run.seen_s), 0.0) if pd.notna(run.seen_s) else 0.0, memory_mb=float(run.memory_mb),
    )  # fmt: skip


def conditions(run: Any, table: Table) -> dict[str, Any]:
    """A run's conditions as `cost_before.predict` takes them."""
    work = faults.parse_work(_text(run.work))
    of_cpu = max(table["vcpu_memory_mb"].value / run.memory_mb, 1.0) if work.kind == "cpu" else 1.0
    return {
        "arm": run.arm,
        "datapoints": run.submitted,
        "chunks": run.chunks,
        "processors": int(run.processors),
        "request_batch": run.request_batch,
        "queue_batch": run.queue_batch,
        "memory_mb": run.memory_mb,
        "work_s": work.seconds * of_cpu,
        **estimate.failure_rates(_text(run.fault), run.submitted, queued=ARMS[run.arm].queued),
    }


def _text(declared: object) -> str:
    return declared if isinstance(declared, str) else "none"


def _handlers_s(lines: pd.DataFrame) -> float:
    """Billed seconds of the handlers, in whole milliseconds as AWS counts them."""
    own_s = np.ceil(lines["duration_s"].fillna(0.0) * 1000) / 1000
    if "billed_s" in lines:
        own_s = (lines["billed_s"] - lines["report_init_s"].fillna(0.0)).fillna(own_s)
    return float(own_s.sum())


def _inits_s(lines: pd.DataFrame) -> float:
    own_s = lines["init_s"].where(lines["cold"].eq(True), 0.0).fillna(0.0)
    if "report_init_s" in lines:
        own_s = lines["report_init_s"].fillna(own_s)
    return float(own_s.sum())


def table(metered: list[MeteredRun], prices: Table, *, free_tier: bool = False) -> pd.DataFrame:
    """The lines of the bill by arm, for a million datapoints each.

    Returns:
        `arm` and the columns of `cost.side_by_side`; empty where nothing was metered. The free tier is
        that of one month which has all runs of the arm, and no other.
    """
    found = []
    for arm in dict.fromkeys(run.arm for run in metered):
        runs = [run for run in metered if run.arm == arm]
        expected, used = (
            bill.split_bill(sum_usage([getattr(run, side) for run in runs]), prices, free_tier=free_tier)
            for side in ("expected", "used")
        )
        both = bill.side_by_side(expected, used)
        numbers = both.columns[2:]
        both[numbers] *= 1e6 / sum(run.datapoints for run in runs)
        both.insert(0, "arm", arm)
        found.append(both)
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def sum_usage(of_runs: list[dict[str, bill.Usage]]) -> dict[str, bill.Usage]:
    return {part: sum((one[part] for one in of_runs), bill.Usage()) for part in bill.PARTS}


def figures(metered: list[MeteredRun], prices: Table) -> pd.DataFrame:
    """One row per run: `run_id`, `arm`, `datapoints`, `predicted_usd`, and what `cost.figures` says of it."""
    rows = []
    for run in metered:
        predicted_usd = bill.split_bill(run.expected, prices)["usd"].sum()
        of = bill.totals(bill.split_bill(run.used, prices), datapoints=run.datapoints)
        rows.append({"run_id": run.run_id, "arm": run.arm, "datapoints": run.datapoints,
                     "predicted_usd": predicted_usd, **of})  # fmt: skip
    names = ["usd", "per_million_usd", "retries_share", "dead_letters_share"]
    return pd.DataFrame(rows, columns=["run_id", "arm", "datapoints", "predicted_usd", *names])


def sentence(whole: pd.DataFrame, target: str) -> str:
    """A `table` in words: what a million datapoints cost in each arm, and of what.

    Args:
        target: The stamp of the runs.
    """
    if whole.empty:
        return ""
    said = []
    for arm, of_arm in whole.groupby("arm", sort=False):
        lines, last = of_arm.iloc[:-1], of_arm.iloc[-1]
        dear = lines.groupby("service")["usd_metered"].sum().nlargest(3)
        usd = last["usd_metered"]
        parts = ", ".join(f"{service} {100 * part / usd:.0f} %" for service, part in dear.items())
        said.append(
            f"{arm} {usd:.3g} USD ({last['usd_predicted']:.3g} predicted; {parts}; "
            f"retries {100 * last['retries_usd'] / usd:.2g} %, dead letters "
            f"{100 * last['dead_letters_usd'] / usd:.2g} %)"
        )
    note = "" if target.startswith("AWS") else f"; {LOCAL_NOTE}"
    return f"cost of a million datapoints at AWS's prices, metered on {target}: {'; '.join(said)}{note}"
