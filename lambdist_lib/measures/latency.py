"""Measure how long a datapoint takes, counted from its intended send.

    answer      intended send to the response of its last try: the client's clock alone
    end_to_end  intended send to the write of its result: also the Lambda's clock (see `results.schema`)

Counting from the intended send includes the time that a stalled client waits before it sends. The
intervals assume independent datapoints. Those of one run share its queue and environments, so the true
uncertainty is larger.
"""

import numpy as np
import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.measures.intervals import quantiles
from lambdist_lib.protocol.contract import STORED

ENDS = {"answer": "answered_at", "end_to_end": "put_at"}
PERCENTILES = (0.5, 0.9, 0.99)
UNKNOWN = "as found"  # temperature of a run that the runs table does not have


def per_datapoint(records: pd.DataFrame, runs: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the latencies of each datapoint.

    Columns: `run_id`, `arm`, `temperature`, `n`, `answer_s`, `end_to_end_s`, in seconds.

    Args:
        runs: Gives each run's temperature; without it all are `as found`.

    Returns:
        A latency is NaN where there was no response, or nothing was stored.

    Raises:
        RunError: A datapoint was answered or stored before its intended send: a clock was set back.
    """
    table = records[["run_id", "arm"]].copy()
    temperatures = (
        {} if runs is None else dict(zip(runs["run_id"], runs["temperature"].fillna(UNKNOWN), strict=True))
    )
    places, run_ids = pd.factorize(table["run_id"])
    names = np.array([*(temperatures.get(run_id, UNKNOWN) for run_id in run_ids), UNKNOWN], dtype=object)
    table["temperature"] = names[places]
    table["n"] = records["n"]
    intended_at = pd.to_numeric(records["intended_at"], errors="coerce")
    for name, end in ENDS.items():
        table[f"{name}_s"] = pd.to_numeric(records[end], errors="coerce") - intended_at
    table["end_to_end_s"] = table["end_to_end_s"].where(records["outcome"] == STORED)
    _refuse_backwards(table)
    return table.reset_index(drop=True)


def table(
    records: pd.DataFrame,
    runs: pd.DataFrame | None = None,
    *,
    percentiles: tuple[float, ...] = PERCENTILES,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return percentiles with intervals, one row per arm, temperature, latency and percentile.

    Columns: `arm`, `temperature`, `latency` (a key of ENDS), `percentile` (0 to 1), `n` datapoints,
    `value_s` with `low_s` and `high_s`, and `note`, which is `not estimable` where n is too small.
    """
    whole = per_datapoint(records, runs)
    rows = [
        (arm, temperature, name, each.p, each.n, each.value, each.low, each.high, each.note)
        for (arm, temperature), group in whole.groupby(["arm", "temperature"], sort=False)
        for name in ENDS
        for each in quantiles(group[f"{name}_s"], percentiles, confidence)
    ]
    names = ["arm", "temperature", "latency", "percentile", "n", "value_s", "low_s", "high_s", "note"]
    return pd.DataFrame(rows, columns=names)


def _refuse_backwards(latencies: pd.DataFrame) -> None:
    for name in ENDS:
        backwards = latencies[latencies[f"{name}_s"] < 0]
        if not backwards.empty:
            raise RunError(
                f"run {', '.join(backwards['run_id'].unique())}: {len(backwards):,} datapoints have "
                f"a negative {name} time, down to {backwards[f'{name}_s'].min():.3f} s: "
                "a clock was set back: synchronise this machine's clock and run again"
            )
