"""Compare cold with warm runs at each level of a varied factor, such as the number of senders.

A run is cold if it began in fresh environments, and warm if it followed a declared warm-up. An
invocation is cold if it is the first of its environment, so a cold run has warm invocations, too.
`temperature` is of a run and `invocation` of an invocation. Repetitions at one level are pooled. The
intervals assume independent invocations and datapoints; those of one run are dependent, so the true
uncertainty is larger.
"""

import math

import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.formatting import counted
from lambdist_lib.measures import cold_starts, intervals
from lambdist_lib.measures.intervals import quantiles, share
from lambdist_lib.measures.pairs import timed_runs
from lambdist_lib.protocol.contract import STORED

OF_INVOCATIONS, OF_DATAPOINTS = "invocations", "datapoints"


def cold_shares(
    records: pd.DataFrame,
    invocations: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    factor: str = "chunks",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the shares of cold invocations and of datapoints that a cold start delayed.

    Returns:
        A row per arm, temperature, level and `of` (`invocations`, `datapoints`): `runs`, `n`, `cold`, `share`
        with `low` and `high`. The share is NaN where nothing was invoked or stored.
    """
    stored = records[records["outcome"] == STORED]
    flags = {
        OF_INVOCATIONS: cold_starts.is_cold(invocations).groupby(invocations["run_id"]),
        OF_DATAPOINTS: cold_starts.hit_cold_start(stored).groupby(stored["run_id"]),
    }
    rows = []
    for (arm, temperature, level), group in runs.groupby(["arm", "temperature", factor], sort=True):
        for counted_of, flag in flags.items():
            n, cold = (int(group["run_id"].map(count).fillna(0).sum()) for count in (flag.size(), flag.sum()))
            value, low, high, _ = share(cold, n, confidence)
            rows.append((arm, temperature, level, counted_of, len(group), n, cold, value, low, high))
    names = ["arm", "temperature", "level", "of", "runs", "n", "cold", "share", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def handler_durations(
    invocations: pd.DataFrame, runs: pd.DataFrame, *, factor: str = "chunks", confidence: float = 0.95
) -> pd.DataFrame:
    """Return the median duration of each function's handler, cold and warm, at each level.

    Returns:
        A row per function, level and `invocation` (`cold`, `warm`): `n`, `median_s` with its
        order-statistic interval `low_s`, `high_s`, or a `note` without one. Init is not included.
    """
    level = invocations["run_id"].map(runs.set_index("run_id")[factor])
    kind = cold_starts.is_cold(invocations).map({True: "cold", False: "warm"}).astype(object)
    table = invocations.assign(level=level, invocation=kind)
    rows = []
    for keys, called in table.groupby(["function", "level", "invocation"], sort=True):
        [median] = quantiles(called["duration_s"], (0.5,), confidence)
        rows.append((*keys, median.n, median.value, median.low, median.high, median.note))
    names = ["function", "level", "invocation", "n", "median_s", "low_s", "high_s", "note"]
    return pd.DataFrame(rows, columns=names)


def slowdown(
    runs: pd.DataFrame, *, factor: str = "chunks", metric: str = "makespan_s", confidence: float = 0.95
) -> pd.DataFrame:
    """Return the ratio of cold to warm run times, the median over the repetitions' ratios.

    Args:
        runs: A cold and a warm run of each arm and level in each repetition (`pair`). Resumed runs are
            left out.
        metric: A key of `pairs.EVENTS`.

    Returns:
        A row per arm and level: `rounds` (repetitions), `cold_s`, `warm_s` (medians), `more_s` (median of
        the differences), `ratio` with `low` and `high`, NaN for fewer than six repetitions.

    Raises:
        RunError: A run's ledger is open, a time is missing, or a repetition has a level twice.
    """
    timed = timed_runs(runs[runs["temperature"].isin(["cold", "warm"])], metric)
    keys = ["experiment_id", "pair", "arm", factor]
    if (twice := timed.duplicated([*keys, "temperature"])).any():
        raise RunError(f"{', '.join(timed.loc[twice, 'run_id'])}: its repetition has another run like it")
    cold, warm = (timed.loc[timed["temperature"] == name, [*keys, metric]] for name in ("cold", "warm"))
    both = cold.merge(warm, on=keys, suffixes=("_cold", "_warm"))
    both = both.assign(
        ratio=both[f"{metric}_cold"] / both[f"{metric}_warm"],
        more=both[f"{metric}_cold"] - both[f"{metric}_warm"],
    )
    rows = []
    for (arm, level), rounds in both.groupby(["arm", factor], sort=True):
        medians = rounds[[f"{metric}_cold", f"{metric}_warm", "more", "ratio"]].median()
        rows.append(
            (arm, level, len(rounds), *medians, *intervals.median_interval(rounds["ratio"], confidence))
        )
    names = ["arm", "level", "rounds", "cold_s", "warm_s", "more_s", "ratio", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def conclusion(
    records: pd.DataFrame,
    invocations: pd.DataFrame,
    runs: pd.DataFrame,
    target: str,
    *,
    factor: str = "chunks",
) -> str:
    """Return the conclusion as a sentence: the distributed arm (or the first) at its highest level.

    Raises:
        RunError: As `slowdown`.
    """
    if runs.empty:
        return f"nothing was run ({target})."
    arm = "distributed" if (runs["arm"] == "distributed").any() else runs["arm"].iloc[0]
    runs = runs[runs["arm"] == arm]
    shares = cold_shares(records, invocations, runs, factor=factor)
    shares = shares[shares["level"] == shares["level"].max()]
    level = shares["level"].iloc[0]
    parts = [_share_text(shares, temperature) for temperature in ("cold", "warm")]
    slowdowns = slowdown(runs, factor=factor)
    of_level = slowdowns[slowdowns["level"] == level]
    if len(of_level):
        [row] = of_level.itertuples()
        no_interval = f"an interval needs {intervals.values_needed()} rounds"
        between = no_interval if math.isnan(row.low) else f"{row.low:.3g} to {row.high:.3g}"
        parts.append(
            f"a cold run took {row.ratio:.3g} times as long as a warm one ({between}; {row.cold_s:.3g} s "
            f"against {row.warm_s:.3g} s, {counted(row.rounds, 'rounds')})"
        )
    where = f"With {factor.replace('_', ' ')} = {level:g}, {arm.replace('_', ' ')}"
    return f"{where}: {'; '.join(part for part in parts if part)} ({target})."


def _share_text(shares: pd.DataFrame, temperature: str) -> str:
    rows = shares[shares["temperature"] == temperature].set_index("of")
    if rows.empty or math.isnan(rows.loc[OF_DATAPOINTS, "share"]):
        return f"nothing was stored in a {temperature} run" if len(rows) else ""
    data, called = rows.loc[OF_DATAPOINTS], rows.loc[OF_INVOCATIONS]
    text = f"{_percent(data)} of a {temperature} run's datapoints waited on a cold start"
    return text + (
        "" if math.isnan(called["share"]) else f", and {_percent(called)} of its invocations were one"
    )


def _percent(row: pd.Series) -> str:
    return f"{row['share'] * 100:.3g} % ({row['low'] * 100:.3g} to {row['high'] * 100:.3g} %)"
