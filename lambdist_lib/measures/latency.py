"""How long a datapoint takes, counted from its *intended* send, so that a stalled client hides nothing.

    answer      intended send to the answer of its last try: the client's clock alone
    end_to_end  intended send to the write of its result: also the Lambda's clock (see `columns`)

The intervals take datapoints as independent. Those of one run share its queue and its
environments, so read an interval as the least uncertainty: between runs there is more.
"""

import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.measures.intervals import quantiles
from lambdist_lib.protocol.contract import STORED

ENDS = {"answer": "answered_at", "end_to_end": "put_at"}
PERCENTILES = (0.5, 0.9, 0.99)
UNKNOWN = "as found"  # temperature of a run that the runs table does not have


def per_datapoint(records: pd.DataFrame, runs: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per datapoint: `run_id`, `arm`, `temperature`, `n`, `answer_s`, `end_to_end_s`.

    Args:
        runs: Gives each run's temperature; without it all are `as found`.

    Returns:
        A latency is NaN where there was no answer, or nothing was stored.

    Raises:
        RunError: A datapoint was answered or stored before it was to be sent: a clock ran backwards.
    """
    table = records[["run_id", "arm"]].copy()
    temperatures = {} if runs is None else dict(zip(runs["run_id"], runs["temperature"], strict=True))
    table["temperature"] = table["run_id"].map(temperatures).astype(object).fillna(UNKNOWN)
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
    """One row per arm, temperature, latency and percentile.

    Columns: `arm`, `temperature`, `latency` (a key of ENDS), `percentile` (0 to 1), `n` datapoints,
    `value_s` with `low_s` and `high_s`, and `note`, which says `not estimable` where n is too small.
    """
    whole = per_datapoint(records, runs)
    rows = [
        (arm, temperature, name, found.p, found.n, found.value, found.low, found.high, found.note)
        for (arm, temperature), group in whole.groupby(["arm", "temperature"], sort=False)
        for name in ENDS
        for found in quantiles(group[f"{name}_s"], percentiles, confidence)
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
