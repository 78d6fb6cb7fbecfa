"""Split the time of a datapoint into stages, from its intended send to the write of its result.

Consecutive time stamps bound the stages without gap or overlap, so they add up exactly:

    with a queue         intended > sent > received > queued > first_received > started > finished > put
    without a collector  intended > sent > queued > first_received > started > finished > put
    distributed_map      intended > sent > queued > first_received > started > finished > put
    without a queue      intended > sent > received > started > finished > put

In distributed_map `sent` is the end of the file's upload, `queued` the start of the execution and
`first_received` the entry of the child execution, both by Step Functions' clock in milliseconds.

Clocks (see `results.schema`): `to_entry` is from the client's clock to the Lambda's, or without a collector
to SQS's; `collector` and `start` are between the Lambda's and SQS's. SQS truncates its stamps to
milliseconds, so a stage that ends at one may be up to 1 ms too short (even negative), and the next one too
long by as much. `check` compares the stages with this bound.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.measures.intervals import as_numbers, order_at, quantile_of, quantile_places
from lambdist_lib.protocol.arms import ARMS, is_local
from lambdist_lib.protocol.contract import STORED

Span = tuple[str, str]  # of two time stamps, columns of the records
STAGES: dict[str, Span] = {  # of an arm with a queue, in order of time
    "wait": ("intended_at", "sent_at"),  # for a free sender, and tries before the last
    "to_entry": ("sent_at", "received_at"),  # network, API, cold start of the first Lambda
    "collector": ("received_at", "queued_at"),
    "queue": ("queued_at", "first_received_at"),
    # cold start of the processor, neighbours before it in the batch, failed attempts and their delays
    "start": ("first_received_at", "started_at"),
    "process": ("started_at", "finished_at"),  # process() and its declared work
    "to_put": ("finished_at", "put_at"),
}
STAGES_WITHOUT_QUEUE = {
    "wait": STAGES["wait"],
    "to_entry": STAGES["to_entry"],
    "start": ("received_at", "started_at"),  # neighbours before it in the request
    "process": STAGES["process"],
    "to_put": STAGES["to_put"],
}
STAGES_WITHOUT_COLLECTOR = {  # the client or the API writes to the queue
    "wait": STAGES["wait"],
    "to_entry": ("sent_at", "queued_at"),  # network, API
    **{name: STAGES[name] for name in ("queue", "start", "process", "to_put")},
}
STAGES_OF_MAP = {
    "upload": STAGES["wait"],  # reading the file, and one upload for all of its datapoints
    "to_entry": ("sent_at", "queued_at"),  # network, StartExecution
    # start of the map, and the wait for one of its children
    **{name: STAGES[name] for name in ("queue", "start", "process", "to_put")},
}
NAMES = ("wait", "upload", *list(STAGES)[1:])
COLUMNS = tuple(f"{name}_s" for name in NAMES)
SQS_STAMP_S = 0.001
END_TO_END = "end_to_end"
STAMPS = [*dict.fromkeys(stamp for span in STAGES.values() for stamp in span)]


def of_arm(arm: str) -> dict[str, Span]:
    """Return an arm's stages in order of time: each name with the columns of its begin and its end.

    Empty for an arm without a cloud.
    """
    if arm not in ARMS or is_local(arm):
        return {}
    if ARMS[arm].orchestrated:
        return STAGES_OF_MAP
    if not ARMS[arm].queued:
        return STAGES_WITHOUT_QUEUE
    return STAGES if ARMS[arm].first_lambda else STAGES_WITHOUT_COLLECTOR


def per_datapoint(records: pd.DataFrame) -> pd.DataFrame:
    """Return the stages of each stored datapoint, in seconds.

    Columns: `run_id`, `arm`, `n`, `<stage>_s` for each of NAMES, `end_to_end_s`. A stage is NaN where the
    arm does not have it or a time stamp is missing.
    """
    is_stored = (records["outcome"] == STORED).to_numpy(bool)
    at, arms = _stamps(records), records["arm"]
    masks = {arm: is_stored & (arms == arm).to_numpy(bool) for arm in arms.unique() if of_arm(arm)}
    rows = np.flatnonzero(is_stored)

    def lasted_s(name: str) -> np.ndarray:
        seconds = np.full(len(records), np.nan)
        for arm, mask in masks.items():
            if span := of_arm(arm).get(name):
                np.subtract(at[span[1]], at[span[0]], out=seconds, where=mask)
        return seconds.take(rows)

    columns: dict[str, Any] = {name: records[name].array.take(rows) for name in ("run_id", "arm", "n")}
    columns |= {f"{name}_s": lasted_s(name) for name in NAMES}
    columns["end_to_end_s"] = at["put_at"].take(rows) - at["intended_at"].take(rows)
    return pd.DataFrame(columns, copy=False)


def _stamps(records: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the time stamps, of which `sent_at` is that of the counted try."""
    return {
        name: (_sent_at(records) if name == "sent_at" else as_numbers(records[name])).to_numpy(float)
        for name in STAMPS
    }


def with_sent_at_of_counted_try(records: pd.DataFrame) -> pd.DataFrame:
    """Return records whose `sent_at` is never after `received_at` for a datapoint that was sent again.

    There an earlier try was accepted without a response. Its send time is not known, so the time until it
    was received, or without a first Lambda queued, counts as waiting.
    """
    return records.assign(sent_at=_sent_at(records))


def _sent_at(records: pd.DataFrame) -> pd.Series:
    """Return `sent_at` of `with_sent_at_of_counted_try`."""
    sent_at = as_numbers(records["sent_at"])
    if not (again := records["tries"] > 1).any():
        return sent_at
    received_at = as_numbers(records["received_at"]).fillna(as_numbers(records["queued_at"]))
    return sent_at.mask(again & (sent_at > received_at), received_at)


def check(stages: pd.DataFrame, bound_s: float = SQS_STAMP_S) -> None:
    """Refuse stages that are negative by more than the clocks' uncertainty.

    Args:
        stages: What `per_datapoint` returns.
        bound_s: How far two of the clocks may be apart, in seconds. The default is for one clock and
            SQS's milliseconds; on AWS add the uncertainty of the client's clock.

    Raises:
        RunError: Names the worst stage and the number of datapoints.
    """
    shortest = stages[list(COLUMNS)].min()
    if (shortest >= -bound_s).where(shortest.notna(), True).all():
        return
    worst = shortest.idxmin()
    negative = stages[stages[worst] < -bound_s]
    raise RunError(
        f"run {', '.join(negative['run_id'].unique())}: {worst.removesuffix('_s')} lasts "
        f"{shortest[worst] * 1000:.3f} ms for the worst of {len(negative):,} datapoints, and the clocks "
        f"agree within {bound_s * 1000:g} ms: synchronise this machine's clock and run again, "
        "or pass the true bound"
    )


def summary(records: pd.DataFrame) -> pd.DataFrame:
    """Summarise the stages, one row per arm and stage in order of time, and one for `end_to_end`.

    Columns: `arm`, `stage`, `n` datapoints, `median_s`, `p90_s`, and `share`, the stage's part of the
    total time of all datapoints. Datapoints with a missing time stamp are left out of `n`.
    """
    is_stored, arms, at = (records["outcome"] == STORED).to_numpy(bool), records["arm"], _stamps(records)
    rows = []
    for arm in arms[is_stored].dropna().unique():
        places = np.flatnonzero(is_stored & (arms == arm).to_numpy(bool))
        rows += [(arm, *stage) for stage in _stages_of(at, places, arm)]
    return pd.DataFrame(rows, columns=["arm", "stage", "n", "median_s", "p90_s", "share"])


def _stages_of(
    stamps: dict[str, np.ndarray], stored: np.ndarray, arm: str
) -> Iterator[tuple[str, int, float, float, float]]:
    """Yield the rows of `summary` of one arm, whose stored datapoints are at these places."""
    spans = {**of_arm(arm), END_TO_END: ("intended_at", "put_at")}
    at = {name: stamps[name].take(stored) for name in dict.fromkeys(sum(spans.values(), ()))}
    complete = np.ones(len(stored), bool)
    for begin, end in spans.values():
        complete &= ~np.isnan(at[end] - at[begin])
    if not complete.all():
        at = {name: stamp[complete] for name, stamp in at.items()}
    n, (begin, end) = int(complete.sum()), spans[END_TO_END]
    total_s = float((at[end] - at[begin]).sum())
    middle = slice((n - 1) // 2, n // 2 + 1)
    for name, (begin, end) in spans.items():
        lasted_s = at[end] - at[begin]
        share = float(lasted_s.sum()) / total_s if total_s else math.nan
        if n:
            order_at(lasted_s, [middle.start, middle.stop - 1, *quantile_places(n, (0.9,))])
            yield name, n, float(np.median(lasted_s[middle])), quantile_of(lasted_s, 0.9), share
        else:
            yield name, n, math.nan, math.nan, share
