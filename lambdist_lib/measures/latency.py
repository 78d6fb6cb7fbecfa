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
from lambdist_lib.measures.intervals import as_numbers, quantiles
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
    lasted_s = _latencies(records)
    table = records[["run_id", "arm"]].assign(
        temperature=_temperatures(records["run_id"], runs), n=records["n"]
    )
    table["temperature"] = table["temperature"].astype(object)
    return table.assign(**{f"{name}_s": lasted_s[name] for name in ENDS}).reset_index(drop=True)


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
    lasted_s = _latencies(records)
    groups = pd.DataFrame(
        {"arm": records["arm"].array, "temperature": _temperatures(records["run_id"], runs)}
    )
    rows = [
        (arm, temperature, name, each.p, each.n, each.value, each.low, each.high, each.note)
        for (arm, temperature), group in groups.groupby(["arm", "temperature"], sort=False, observed=True)
        for name in ENDS
        for each in quantiles(lasted_s[name].iloc[group.index], percentiles, confidence)
    ]
    names = ["arm", "temperature", "latency", "percentile", "n", "value_s", "low_s", "high_s", "note"]
    return pd.DataFrame(rows, columns=names)


def _temperatures(run_ids: pd.Series, runs: pd.DataFrame | None) -> pd.Categorical:
    """Return the temperature of each row's run, UNKNOWN where the runs table does not have it."""
    known = (
        {} if runs is None else dict(zip(runs["run_id"], runs["temperature"].fillna(UNKNOWN), strict=True))
    )
    places, names = pd.factorize(run_ids)
    codes, temperatures = pd.factorize(
        np.array([*(known.get(name, UNKNOWN) for name in names), UNKNOWN], object)
    )
    return pd.Categorical.from_codes(codes[places], categories=temperatures)


def _latencies(records: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the seconds until each of ENDS, as `per_datapoint` has them; refuse negative ones."""
    intended_at = as_numbers(records["intended_at"])
    lasted_s = {name: as_numbers(records[end]) - intended_at for name, end in ENDS.items()}
    lasted_s["end_to_end"] = lasted_s["end_to_end"].where(records["outcome"] == STORED)
    for name, seconds in lasted_s.items():
        if (is_negative := (seconds < 0).to_numpy(bool)).any():
            run_ids = records["run_id"][is_negative].unique()
            raise RunError(
                f"run {', '.join(run_ids)}: {is_negative.sum():,} datapoints have "
                f"a negative {name} time, down to {seconds.min():.3f} s: "
                "a clock was set back: synchronise this machine's clock and run again"
            )
    return lasted_s
