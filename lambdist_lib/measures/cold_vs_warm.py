"""Cold and warm side by side at each level of a factor that was varied, such as the number of senders.

A run is cold or warm as a whole: begun in fresh environments, or after a declared warm-up. An
invocation is cold or warm by its own flag, so a cold run has warm invocations too, all but the
first of each environment. Here `temperature` is a run's and `invocation` an invocation's.
Repetitions at one level are put together; the intervals then take invocations and datapoints
as independent, which those of one run are not: there is at least as much uncertainty as shown.
"""

import math

import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.measures import cold_starts, intervals, ledger
from lambdist_lib.measures.intervals import quantiles, share
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
    """Which share of the invocations was a cold start, and of the stored datapoints waited on one.

    Returns:
        A row per arm, temperature, level and `of` (`invocations`, `datapoints`): `runs`, `n`, `cold`, `share`
        with `low` and `high`. Nothing invoked or stored has no share.
    """
    stored = records[records["outcome"] == STORED]
    flags = {
        OF_INVOCATIONS: cold_starts.is_cold(invocations).groupby(invocations["run_id"]),
        OF_DATAPOINTS: cold_starts.hit_cold_start(stored).groupby(stored["run_id"]),
    }
    rows = []
    for (arm, temperature, level), group in runs.groupby(["arm", "temperature", factor], sort=True):
        for of, counted in flags.items():
            n, cold = (
                int(group["run_id"].map(one).fillna(0).sum()) for one in (counted.size(), counted.sum())
            )
            found = share(cold, n, confidence)
            rows.append(
                (arm, temperature, level, of, len(group), n, cold, found.share, found.low, found.high)
            )
    names = ["arm", "temperature", "level", "of", "runs", "n", "cold", "share", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def handler_durations(
    invocations: pd.DataFrame, runs: pd.DataFrame, *, factor: str = "chunks", confidence: float = 0.95
) -> pd.DataFrame:
    """How long each function's handler takes, cold and warm, at each level.

    Returns:
        A row per function, level and `invocation` (`cold`, `warm`): `n`, `median_s` with its
        order-statistic interval `low_s`, `high_s` and a `note` where there is none; init is not in it.
    """
    level = invocations["run_id"].map(runs.set_index("run_id")[factor])
    kind = cold_starts.is_cold(invocations).map({True: "cold", False: "warm"}).astype(object)
    table = invocations.assign(level=level, invocation=kind)
    rows = []
    for keys, called in table.groupby(["function", "level", "invocation"], sort=True):
        [found] = quantiles(called["duration_s"], (0.5,), confidence)
        rows.append((*keys, found.n, found.value, found.low, found.high, found.note))
    names = ["function", "level", "invocation", "n", "median_s", "low_s", "high_s", "note"]
    return pd.DataFrame(rows, columns=names)


def slowdown(
    runs: pd.DataFrame, *, factor: str = "chunks", at: str = "makespan_s", confidence: float = 0.95
) -> pd.DataFrame:
    """What a cold begin costs a whole run: cold over warm, as the median of the rounds' ratios.

    Args:
        runs: A cold and a warm run of each arm and level in each round (`pair`). Resumed runs are left out.
        at: A key of `speedup.EVENTS`.

    Returns:
        A row per arm and level: `rounds`, `cold_s`, `warm_s` (medians), `more_s` (median of the
        differences), `ratio` with `low` and `high`, NaN for fewer than six rounds.

    Raises:
        RunError: A run's ledger is open, a time is missing, or a round has a level twice.
    """
    timed = runs[runs["temperature"].isin(["cold", "warm"]) & ~runs["resumed"].eq(True).astype(bool)]
    ledger.require_balanced(timed)
    if not (good := timed[at].between(0, math.inf, inclusive="neither")).all():
        raise RunError(
            f"{', '.join(timed.loc[~good, 'run_id'])}: {at} is missing or not positive; leave the run out"
        )
    keys = ["experiment_id", "pair", "arm", factor]
    if (twice := timed.duplicated([*keys, "temperature"])).any():
        raise RunError(f"{', '.join(timed.loc[twice, 'run_id'])}: its round has another run like it")
    cold, warm = (timed.loc[timed["temperature"] == one, [*keys, at]] for one in ("cold", "warm"))
    both = cold.merge(warm, on=keys, suffixes=("_cold", "_warm"))
    both = both.assign(
        ratio=both[f"{at}_cold"] / both[f"{at}_warm"], more=both[f"{at}_cold"] - both[f"{at}_warm"]
    )
    rows = []
    for (arm, level), rounds in both.groupby(["arm", factor], sort=True):
        medians = rounds[[f"{at}_cold", f"{at}_warm", "more", "ratio"]].median()
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
    """The conclusion, of the distributed arm (or the first) at its highest level.

    Raises:
        RunError: As `cost`.
    """
    if runs.empty:
        return f"nothing was run ({target})."
    arm = "distributed" if (runs["arm"] == "distributed").any() else runs["arm"].iloc[0]
    runs = runs[runs["arm"] == arm]
    found = cold_shares(records, invocations, runs, factor=factor)
    found = found[found["level"] == found["level"].max()]
    level = found["level"].iloc[0]
    said = [_share_said(found, temperature) for temperature in ("cold", "warm")]
    costs = slowdown(runs, factor=factor)
    of_level = costs[costs["level"] == level]
    if len(of_level):
        [row] = of_level.itertuples()
        between = "no interval: n too small" if math.isnan(row.low) else f"{row.low:.3g} to {row.high:.3g}"
        said.append(
            f"a cold run took {row.ratio:.3g} times as long as a warm one ({between}; {row.cold_s:.3g} s "
            f"against {row.warm_s:.3g} s, {row.rounds} round{'s' if row.rounds > 1 else ''})"
        )
    where = f"With {factor.replace('_', ' ')} = {level:g}, {arm.replace('_', ' ')}"
    return f"{where}: {'; '.join(one for one in said if one)} ({target})."


def _share_said(found: pd.DataFrame, temperature: str) -> str:
    of = found[found["temperature"] == temperature].set_index("of")
    if of.empty or math.isnan(of.loc[OF_DATAPOINTS, "share"]):
        return f"nothing was stored in a {temperature} run" if len(of) else ""
    data, called = of.loc[OF_DATAPOINTS], of.loc[OF_INVOCATIONS]
    text = f"{_percent(data)} of a {temperature} run's datapoints waited on a cold start"
    return text + (
        "" if math.isnan(called["share"]) else f", and {_percent(called)} of its invocations were one"
    )


def _percent(row: pd.Series) -> str:
    return f"{row['share'] * 100:.3g} % ({row['low'] * 100:.3g} to {row['high'] * 100:.3g} %)"
