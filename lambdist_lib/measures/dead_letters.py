"""Measure how many datapoints died, why, and after how many receives.

Rates are over settled datapoints, those that are stored or dead: one that was rejected, not sent or is
still queued could not die.

Theory: an attempt fails with probability p, independently of all others, and after r receives the
datapoint is dead. With partial batch responses each message fails alone, so a share of p**r dies.
Without them one failing message fails its batch of b messages: p becomes 1-(1-p)**b.
"""

import numpy as np
import pandas as pd

from lambdist_lib.measures.intervals import as_numbers, share
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import CAUSE_CLASSES, DEAD, STORED

MIN_EXPECTED = 5  # in every class, for a chi-square test
DRAWS = 9_999  # of the Monte Carlo test that replaces it


def rate(records: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Return the rate of dead datapoints, one row per arm.

    Columns: `arm`, `settled`, `dead`, `rate`, `low`, `high` and the interval's `method`. The interval
    assumes independent datapoints; a cause that hits many at once makes it too narrow.
    """
    rows = []
    for arm, of_arm in records[["arm", "outcome"]].groupby("arm", sort=False):
        dead, stored = int((of_arm["outcome"] == DEAD).sum()), int((of_arm["outcome"] == STORED).sum())
        rows.append((arm, dead + stored, dead, *share(dead, dead + stored, confidence)))
    return pd.DataFrame(rows, columns=["arm", "settled", "dead", "rate", "low", "high", "method"])


def causes(records: pd.DataFrame) -> pd.DataFrame:
    """Return columns `cause` and `message`, one row for each of `records`.

    The message is the datapoint's own cause, or else that of its last failed attempt. The cause is the
    message's text before the first colon, usually the exception's class.
    """
    message = _text(records["cause"])
    last = _text(records["failure_causes"]).str.split(" | ", regex=False).str[-1]
    message = message.mask(message == "", last).replace("", "no trace")
    return pd.DataFrame({"cause": message.str.split(":", n=1).str[0], "message": message})


def by_cause(records: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Count the dead by cause: one row per arm, in the order of ARMS, and cause, most frequent first.

    Columns: `arm`, `cause`, `dead`, `rate` of the settled datapoints with `low` and `high` (as in `rate`),
    and an `example` of its message.
    """
    dead = records[records["outcome"] == DEAD]
    table = causes(dead).assign(arm=dead["arm"]).groupby(["arm", "cause"], sort=False)["message"]
    table = table.agg(dead="size", example="first").reset_index()
    settled = records.loc[records["outcome"].isin([STORED, DEAD]), "arm"].value_counts()
    shares = [share(row.dead, int(settled[row.arm]), confidence) for row in table.itertuples()]
    for place, name in enumerate(("share", "low", "high"), start=3):
        table.insert(place, "rate" if name == "share" else name, [getattr(value, name) for value in shares])
    order = {arm: number for number, arm in enumerate(ARMS)}
    return (
        table.assign(place=table["arm"].astype(object).map(order))
        .sort_values(["place", "dead", "cause"], ascending=[True, False, True], ignore_index=True)
        .drop(columns="place")
    )


def confusion(records: pd.DataFrame, planned: pd.Series) -> pd.DataFrame:
    """Count settled datapoints by planned and by actual outcome.

    Args:
        records: One row per datapoint; `outcome` and `cause_class` are read.
        planned: By the index of `records`: the cause class by which it was to die, or `stored`.
            Datapoints without a planned outcome are left out.

    Returns:
        Counts: a row per planned and a column per actual outcome, with the same labels, `stored` first and
        then those of `contract.CAUSE_CLASSES` that occur. Agreement is on the diagonal.
    """
    settled = records[records["outcome"].isin([STORED, DEAD]) & planned.reindex(records.index).notna()]
    actual = settled["cause_class"].where(settled["outcome"] == DEAD, STORED).rename("found")
    expected = planned.reindex(settled.index).rename("planned")
    outcomes = [outcome for outcome in (STORED, *CAUSE_CLASSES) if outcome in {*actual, *expected}]
    return pd.crosstab(expected, actual).reindex(index=outcomes, columns=outcomes, fill_value=0)


def receive_counts(
    records: pd.DataFrame, *, p: float | None = None, permanent: float = 0.0, max_receives: int = 5
) -> pd.DataFrame:
    """Count settled datapoints: columns `arm`, `receives`, `outcome`, `datapoints`.

    Args:
        p: The probability with which every receive fails, if it is known. It adds a column `expected`:
            geometric up to `max_receives` receives, after which the rest is dead.
        permanent: The share that dies at its first receive.
        max_receives: The queue's maximum of receives.
    """
    settled = records.loc[records["outcome"].isin([STORED, DEAD]), ["arm", "receives", "outcome"]]
    settled = settled.assign(receives=receives_of(settled))
    counts = settled.groupby(["arm", "receives", "outcome"]).size().rename("datapoints").reset_index()
    if p is None:
        return counts
    chances = [(k, STORED, (1 - p) * p ** (k - 1)) for k in range(1, max_receives + 1)] + [
        (max_receives, DEAD, p**max_receives)
    ]
    chances = [(k, outcome, (1 - permanent) * chance) for k, outcome, chance in chances]
    chances += [(1, DEAD, permanent)] if permanent else []
    rows = [
        (arm, k, outcome, chance * number)
        for arm, number in settled["arm"].value_counts(sort=False).items()
        for k, outcome, chance in chances
    ]
    expected = pd.DataFrame(rows, columns=["arm", "receives", "outcome", "expected"])
    table = counts.merge(expected, how="outer", on=["arm", "receives", "outcome"])
    table["datapoints"] = table["datapoints"].fillna(0).astype(int)
    table["expected"] = table["expected"].fillna(0.0).astype(float)
    return table


def receive_failure_probability(p: float, *, batch: int = 1, partial: bool = True) -> float:
    """Return the probability that one receive of a message fails, if each attempt fails with p."""
    return p if partial else 1 - (1 - p) ** batch


def expected_rate(
    p: float, *, max_receives: int = 5, batch: int = 1, partial: bool = True, permanent: float = 0.0
) -> float:
    """Return the expected share of dead: the permanent failures, and those whose receives all fail.

    NaN with permanent failures and without partial responses: those fail their batch again and again.
    """
    if permanent and not partial:
        return float("nan")
    return (
        permanent
        + (1 - permanent) * receive_failure_probability(p, batch=batch, partial=partial) ** max_receives
    )


def compare_with_theory(
    records: pd.DataFrame,
    *,
    p: float,
    max_receives: int = 5,
    batch: int = 1,
    partial: bool = True,
    permanent: float = 0.0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare the rate of dead datapoints with the theory, one row per arm.

    Columns: those of `rate`, then `p`, `permanent`, `batch`, `partial`, `max_receives`, `expected` (rate)
    and `agrees`, whether the interval covers it. Without partial responses datapoints die in batches, so
    the interval is too narrow and `agrees` too strict.

    Args:
        records: Datapoints that all fail with p, without those that a fault names.
    """
    table = rate(records, confidence=confidence)
    expected = expected_rate(p, max_receives=max_receives, batch=batch, partial=partial, permanent=permanent)
    table = table.assign(
        p=p, permanent=permanent, batch=batch, partial=partial, max_receives=max_receives, expected=expected
    )
    return table.assign(agrees=table["expected"].between(table["low"], table["high"]))


def goodness_of_fit(
    records: pd.DataFrame,
    *,
    p: float,
    max_receives: int = 5,
    batch: int = 1,
    partial: bool = True,
    seed: int = 0,
) -> pd.DataFrame:
    """Test whether the receives follow the geometric distribution, one row per arm.

    Pearson's chi-square test over the classes stored at 1 ... `max_receives` and dead at `max_receives`;
    the rarest are pooled until MIN_EXPECTED are expected in each. With fewer than two such classes the
    statistic's distribution is simulated (DRAWS seeded multinomials), which is valid for any counts.

    Returns:
        `arm`, `n` datapoints tested, `beside` (not tested: dead before the last receive, or of unknown
        receives), `p` per receive, `statistic`, `p_value` (NaN with nothing to test), `method`.
        Without partial responses messages of a batch are dependent and the p value is too small.
    """
    q = receive_failure_probability(p, batch=batch, partial=partial)
    chances = np.array([(1 - q) * q ** (k - 1) for k in range(1, max_receives + 1)] + [q**max_receives])
    rows = []
    for arm, of_arm in records[["arm", "outcome", "receives"]].groupby("arm", sort=False):
        settled = of_arm[of_arm["outcome"].isin([STORED, DEAD])]
        times, dead = receives_of(settled), settled["outcome"] == DEAD
        place = (times - 1).mask(dead & (times >= max_receives), max_receives)
        lawful = (place >= 0) & (place <= max_receives) & ~(dead & (times < max_receives))
        counts = np.bincount(place[lawful], minlength=max_receives + 1)
        rows.append((arm, int(counts.sum()), int((~lawful).sum()), q, *_goodness(counts, chances, seed)))
    return pd.DataFrame(rows, columns=["arm", "n", "beside", "p", "statistic", "p_value", "method"])


def _goodness(counts: np.ndarray, chances: np.ndarray, seed: int) -> tuple[float, float, str]:
    """Return Pearson's statistic, its p value and the method."""
    from scipy.special import chdtrc

    n = int(counts.sum())
    possible = chances > 0
    if counts[~possible].any():
        return float("inf"), 0.0, "impossible under the law"
    if n == 0 or possible.sum() < 2:
        return float("nan"), float("nan"), "nothing to test"
    seen, expected = counts[possible], n * chances[possible]
    order = np.argsort(-expected)
    enough = int((expected[order] >= MIN_EXPECTED).sum())
    rest = expected[order][enough:].sum()
    if 0 < rest < MIN_EXPECTED:
        enough -= 1  # the rest joins the rarest class that is large enough
    if enough + (rest > 0) >= 2 and enough >= 1:
        kept, others = order[:enough], order[enough:]
        pooled_seen = [*seen[kept], *([seen[others].sum()] if len(others) else [])]
        pooled = [*expected[kept], *([expected[others].sum()] if len(others) else [])]
        statistic = float(((np.array(pooled_seen) - pooled) ** 2 / pooled).sum())
        return statistic, float(chdtrc(len(pooled) - 1, statistic)), f"chi-square, {len(pooled)} classes"
    drawn = np.random.default_rng(seed).multinomial(n, chances[possible], size=DRAWS)
    statistic = float(((seen - expected) ** 2 / expected).sum())
    under_law = ((drawn - expected) ** 2 / expected).sum(axis=1)
    p_value = (1 + int((under_law >= statistic - 1e-12).sum())) / (DRAWS + 1)
    return statistic, p_value, f"Monte Carlo, {DRAWS:,} draws"


def receives_of(records: pd.DataFrame) -> pd.Series:
    """Return how often each datapoint was received, 0 where that is not known."""
    return as_numbers(records["receives"]).fillna(0).astype(int)


def _text(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), "").astype(str)
