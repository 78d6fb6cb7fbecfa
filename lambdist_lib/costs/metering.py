"""Meter what runs used, from their records and the log lines of their invocations.

    metered = metering.meter_runs(runs, records, invocations, assumptions.load())
    metering.table(metered, assumptions.load())      each line of the bill, predicted and metered, by arm

A run does not show, and the bill leaves out: e-mails, arm64, the cost of an idle stack (`usage.standing`,
with the metric of dead datapoints), and the size of queued messages (64 KB a request are assumed).

An invocation that crashed has no log line: receives without a line count as one invocation each, with the
mean duration of the others. On AWS the billed time of a REPORT line counts where there is one
(`lambda_reports.with_report`). On the local cloud counts are those of AWS, and durations this machine's.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lambdist_lib.cloud.stack_settings import parse_settings
from lambdist_lib.costs import bill, estimate, map_counts
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.costs.usage import AT_ONCE, Counts, usage
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS, is_local
from lambdist_lib.protocol.contract import DEAD, STORED

ENTRIES = ("collector", "single_node")
COUNTED = ["run_id", "outcome", "tries", "receives", "failures", "first_received_at", "put_at"]  # of records
MAX_MISSING_SHARE = 0.02  # of the datapoints: more than the lines that a busy emulator writes late
LOCAL_NOTE = (
    "counts carry over to AWS; GB-s, traces and polls depend on durations, which are this machine's "
    "and do not"
)
UNITS = {
    "per_million_usd": "USD a million datapoints",
    "retries_share": "share of it",
    "dead_letters_share": "share of it",
}


class MeteredRun(NamedTuple):
    """One run: its metered usage, and the usage expected from its conditions."""

    run_id: str
    arm: str
    datapoints: int
    used: dict[str, bill.Usage]
    expected: dict[str, bill.Usage]


class Costs(NamedTuple):
    """The costs of runs: one row per run (`figures`), and the bill by arm (`table`)."""

    runs: pd.DataFrame
    table: pd.DataFrame


NO_COSTS = Costs(pd.DataFrame(columns=["arm"]), pd.DataFrame())


def costs(metered: list[MeteredRun], prices: Table, *, free_tier: bool = False) -> Costs:
    """Price metered runs, in USD."""
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
        runs, records, invocations: Tables of `results.schema`.
        prices: What `assumptions.load` returns.
        units: By run, the write units of all its results; by default one of 1 KB for each result.
    """
    of_records, of_lines = records[COUNTED].groupby("run_id"), invocations.groupby("run_id")
    metered = []
    for run in runs.itertuples():
        if (
            run.arm not in ARMS
            or is_local(run.arm)
            or run.run_id not in of_lines.groups
            or run.run_id not in of_records.groups
            or lacks_invocations(run)
        ):
            continue
        run_records = of_records.get_group(run.run_id)
        counted = counts(run, run_records, of_lines.get_group(run.run_id), (units or {}).get(run.run_id))
        expected = estimate.predict(prices, **conditions(run, prices))
        metered.append(MeteredRun(run.run_id, run.arm, len(run_records), usage(counted, prices), expected))
    return metered


def counts(run: Any, records: pd.DataFrame, lines: pd.DataFrame, units: int | None = None) -> Counts:
    """Count what happened in a run.

    Args:
        run: A row of the runs table.
        records, lines: The run's records and invocations.
    """
    traits, queued = ARMS[run.arm], ARMS[run.arm].cloud_retries
    entry, processor, dead = (
        lines[lines["function"].isin(functions)] for functions in (ENTRIES, ["processor"], ["dead_letter"])
    )
    received = pd.to_numeric(records["receives"], errors="coerce")
    receives, tried = float(received.sum()), received[received > 0]
    workers = processor if queued else entry
    unlogged = max(receives - float(workers["received"].sum()), 0.0)
    unlogged_s = unlogged * _handlers_s(workers) / max(len(workers), 1)
    sent = _sent(run, records, entry, 0.0 if queued else unlogged)
    invocations = len(processor) + (unlogged if queued else 0.0)
    stored = int((records["outcome"] == STORED).sum())
    marks_first = faults.parse_fault(_text(run.fault)).may_leave_no_trace
    return Counts(
        queued=queued, through_api=traits.through_api, first_lambda=traits.first_lambda,
        map=_children(run, records, invocations) if traits.orchestrated else None,
        datapoints=len(records), **sent._asdict(),
        entry_s=_handlers_s(entry) + (0.0 if queued else unlogged_s),
        receives=receives, invocations=invocations,
        processor_s=_handlers_s(processor) + (unlogged_s if queued else 0.0),
        deletes=float((processor["received"] > processor["failed"]).sum()) * traits.queued,
        failures=float(records["failures"].sum()),
        returned=float(processor["failed"].sum()) * traits.queued,
        marked_first=len(tried) if marks_first else 0.0,
        marked_more=max(receives - len(tried), 0.0),  # our deployments have experiment controls
        init_s=_inits_s(entry) + _inits_s(processor),
        result_units=stored if units is None else units,
        dead=float((records["outcome"] == DEAD).sum()), permanent=float(workers["permanent"].sum()),
        dead_invocations=len(dead), dead_s=_handlers_s(dead), dead_init_s=_inits_s(dead),
        span_s=max(float(run.seen_s), 0.0) if pd.notna(run.seen_s) else 0.0, memory_mb=float(run.memory_mb),
    )  # fmt: skip


class _Sent(NamedTuple):
    """What the client sent, and what reached a queue: fields of `Counts`."""

    requests: float
    again: float
    sends: float


def _sent(run: Any, records: pd.DataFrame, entry: pd.DataFrame, unlogged: float) -> _Sent:
    """Count requests and sends, from the lines of the Lambda that receives requests if there is one."""
    traits = ARMS[run.arm]
    request_batch = traits.per_request(run.request_batch)
    requests = len(entry) + unlogged
    sends = float(np.ceil(entry["stored"] / AT_ONCE).sum()) if traits.cloud_retries else 0.0
    if not traits.first_lambda:  # each request of the client is a send, and no log has a line of it
        requests = sends = float(np.ceil(records["tries"].sum() / request_batch))
    first = np.ceil((~records["tries"].isna() & (records["tries"] > 0)).sum() / request_batch)
    return _Sent(requests, max(requests - first, 0.0), 0.0 if traits.orchestrated else sends)


def _children(run: Any, records: pd.DataFrame, tries: float) -> map_counts.MapCounts:
    """Count a map's children; the datapoints that were sent stand on its lines in their order."""
    per_line = ARMS[run.arm].per_request(run.request_batch)
    sent = records[pd.to_numeric(records["tries"], errors="coerce") > 0].reset_index(drop=True)
    begun, ended = (
        pd.to_numeric(sent[name], errors="coerce").groupby(sent.index // per_line)
        for name in ("first_received_at", "put_at")
    )
    known_s = (ended.max() - begun.min()).dropna().map(map_counts.rounded_s)  # others last as long on average
    deaths = sent[(sent["outcome"] == DEAD) & (pd.to_numeric(sent["receives"], errors="coerce") > 1)]
    children = begun.ngroups
    return map_counts.MapCounts(
        children=children,
        tries=max(tries, children),
        dead=len(set(deaths.index // per_line)),
        child_s=children * (known_s.mean() if len(known_s) else map_counts.CHILD_STEP_S),
        standard=run.map_children == map_counts.STANDARD,
    )


def lacks_invocations(run: Any) -> bool:
    """Return whether a run's invocations.csv is incomplete; a declared crash leaves no line either.

    A few lines may lack: a busy emulator writes the last line of a worker with that worker's next one. Their
    receives are metered.
    """
    missing = pd.to_numeric(getattr(run, "missing_invocations", None), errors="coerce")
    return (
        bool(missing > MAX_MISSING_SHARE * run.submitted)
        and not faults.parse_fault(_text(run.fault)).may_leave_no_trace
    )


def conditions(run: Any, table: Table) -> dict[str, Any]:
    """Return a run's conditions as fields of `estimate.Workload`."""
    work = faults.parse_work(_text(run.work))
    settings = parse_settings(getattr(run, "settings", ""))
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
        "standard_children": run.map_children == map_counts.STANDARD,
        "controls": settings.get("experiment_controls") != "off",
        **({"receives": int(settings["max_receives"])} if "max_receives" in settings else {}),
        **estimate.failure_rates(_text(run.fault), run.submitted, arm=run.arm),
    }


def _text(declared: object) -> str:
    return declared if isinstance(declared, str) else "none"


def _handlers_s(lines: pd.DataFrame) -> float:
    """Return the billed seconds of the handlers, each rounded up to milliseconds as AWS does."""
    if lines.empty:  # a good part of all calls
        return 0.0
    own_s = np.ceil(lines["duration_s"].fillna(0.0) * 1000) / 1000
    if "billed_s" in lines:
        own_s = (lines["billed_s"] - lines["report_init_s"].fillna(0.0)).fillna(own_s)
    return float(own_s.sum())


def _inits_s(lines: pd.DataFrame) -> float:
    if lines.empty:
        return 0.0
    own_s = lines["init_s"].where(lines["cold"].eq(True), 0.0).fillna(0.0)
    if "report_init_s" in lines:
        own_s = lines["report_init_s"].fillna(own_s)
    return float(own_s.sum())


def table(metered: list[MeteredRun], prices: Table, *, free_tier: bool = False) -> pd.DataFrame:
    """Return the bill of each arm, scaled to a million datapoints.

    Returns:
        `arm` and the columns of `bill.side_by_side`; empty where nothing was metered. The free tier is that
        of one month with all runs of the arm and nothing else.
    """
    tables = []
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
        tables.append(both)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def sum_usage(usages: list[dict[str, bill.Usage]]) -> dict[str, bill.Usage]:
    """Add the usage of several runs, part by part."""
    return {part: sum((usage[part] for usage in usages), bill.Usage()) for part in bill.PARTS}


def figures(metered: list[MeteredRun], prices: Table) -> pd.DataFrame:
    """Return one row per run: `run_id`, `arm`, `datapoints`, `predicted_usd` and `bill.totals`."""
    rows = []
    for run in metered:
        predicted_usd = np.sum([line.usd for line in bill.line_items(bill.total(run.expected), prices)])
        totals = bill.totals(bill.split_bill(run.used, prices), datapoints=run.datapoints)
        rows.append({"run_id": run.run_id, "arm": run.arm, "datapoints": run.datapoints,
                     "predicted_usd": predicted_usd, **totals})  # fmt: skip
    names = ["usd", "per_million_usd", "retries_share", "dead_letters_share"]
    return pd.DataFrame(rows, columns=["run_id", "arm", "datapoints", "predicted_usd", *names])


def sentence(whole: pd.DataFrame, target: str) -> str:
    """Return a `table` as a sentence: the cost of a million datapoints in each arm, by service.

    Args:
        target: The label of the runs' target.
    """
    if whole.empty:
        return ""
    texts = []
    for arm, of_arm in whole.groupby("arm", sort=False):
        lines, last = of_arm.iloc[:-1], of_arm.iloc[-1]
        dear = lines.groupby("service")["usd_metered"].sum().nlargest(3)
        usd = last["usd_metered"]
        parts = ", ".join(f"{service} {100 * part / usd:.0f} %" for service, part in dear.items())
        texts.append(
            f"{arm} {usd:.3g} USD ({last['usd_predicted']:.3g} predicted; {parts}; "
            f"retries {100 * last['retries_usd'] / usd:.2g} %, dead letters "
            f"{100 * last['dead_letters_usd'] / usd:.2g} %)"
        )
    note = "" if target.startswith("AWS") else f"; {LOCAL_NOTE}"
    return f"cost of a million datapoints at AWS's prices, metered on {target}: {'; '.join(texts)}{note}"
