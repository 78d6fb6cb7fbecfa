"""How many datapoints died, why, and after how many receives.

Rates are over settled datapoints, stored or dead: one that was rejected, never sent or is
still queued had no chance to die.

The theory: an attempt fails with probability p, independently of all others, and after r
receives the datapoint dies. With partial batch responses each message stands for itself, so
p**r of them die. Without, one bad message fails its whole batch of b: p becomes 1-(1-p)**b.
"""

import numpy as np
import pandas as pd

from lambdist_lib.measures.intervals import share
from lambdist_lib.protocol.contract import CAUSE_CLASSES, DEAD, STORED

ENOUGH = 5  # expected in every class, for a chi-square
DRAWS = 9_999  # of the Monte Carlo test, where there are fewer


def rate(records: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """One row per arm: `arm`, `settled`, `dead`, `rate`, `low`, `high` and the interval's `method`.

    The interval takes datapoints as independent; a cause that hits many at once makes it too narrow.
    """
    rows = []
    for arm, of_arm in records[["arm", "outcome"]].groupby("arm", sort=False):
        dead, stored = int((of_arm["outcome"] == DEAD).sum()), int((of_arm["outcome"] == STORED).sum())
        rows.append((arm, dead + stored, dead, *share(dead, dead + stored, confidence)))
    return pd.DataFrame(rows, columns=["arm", "settled", "dead", "rate", "low", "high", "method"])


def causes(records: pd.DataFrame) -> pd.DataFrame:
    """Columns `cause` and `message`, a row for each of `records`.

    The message is the datapoint's own cause or else its last failed attempt's; the cause is
    what stands in it before the first colon, usually the exception's class.
    """
    message = _text(records["cause"])
    last = _text(records["failure_causes"]).str.split(" | ", regex=False).str[-1]
    message = message.mask(message == "", last).replace("", "no trace")
    return pd.DataFrame({"cause": message.str.split(":", n=1).str[0], "message": message})


def by_cause(records: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """One row per arm and cause of the dead, most frequent first.

    Columns: `arm`, `cause`, `dead`, `rate` of the settled datapoints with `low` and `high` (as in `rate`),
    and an `example` of its message.
    """
    dead = records[records["outcome"] == DEAD]
    table = causes(dead).assign(arm=dead["arm"]).groupby(["arm", "cause"], sort=False)["message"]
    table = table.agg(dead="size", example="first").reset_index()
    settled = records.loc[records["outcome"].isin([STORED, DEAD]), "arm"].value_counts()
    shares = [share(row.dead, int(settled[row.arm]), confidence) for row in table.itertuples()]
    for place, name in enumerate(("share", "low", "high"), start=3):
        table.insert(place, "rate" if name == "share" else name, [getattr(one, name) for one in shares])
    return table.sort_values("dead", ascending=False, kind="stable", ignore_index=True)


def confusion(records: pd.DataFrame, planned: pd.Series) -> pd.DataFrame:
    """What the plan had for the settled datapoints against what was found.

    Args:
        records: One row per datapoint; `outcome` and `cause_class` are read.
        planned: By the index of `records`: the cause class of which it was to die, or `stored`;
            missing where nobody could know, and then left out.

    Returns:
        Counts: a row per planned and a column per found fate, the same in both, `stored` first
        and then those of `contract.CAUSE_CLASSES` that occur. Right ones are on the diagonal.
    """
    settled = records[records["outcome"].isin([STORED, DEAD]) & planned.reindex(records.index).notna()]
    found = settled["cause_class"].where(settled["outcome"] == DEAD, STORED).rename("found")
    wanted = planned.reindex(settled.index).rename("planned")
    fates = [fate for fate in (STORED, *CAUSE_CLASSES) if fate in {*found, *wanted}]
    return pd.crosstab(wanted, found).reindex(index=fates, columns=fates, fill_value=0)


def receive_counts(
    records: pd.DataFrame, *, p: float | None = None, permanent: float = 0.0, most: int = 5
) -> pd.DataFrame:
    """Settled datapoints by arm, receives and outcome: `arm`, `receives`, `outcome`, `datapoints`.

    Args:
        p: The probability with which every receive failed, if it is known. Then a column
            `expected` says how many there should be: geometric up to `most` receives, where
            what is left dies.
        permanent: The share that dies at its first receive whatever is tried.
        most: The queue's maximum of receives.
    """
    settled = records.loc[records["outcome"].isin([STORED, DEAD]), ["arm", "receives", "outcome"]]
    settled = settled.assign(receives=receives_of(settled))
    counts = settled.groupby(["arm", "receives", "outcome"]).size().rename("datapoints").reset_index()
    if p is None:
        return counts
    chances = [(k, STORED, (1 - p) * p ** (k - 1)) for k in range(1, most + 1)] + [(most, DEAD, p**most)]
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
    """The probability with which one receive of a message fails, if each attempt does with p."""
    return p if partial else 1 - (1 - p) ** batch


def expected_rate(
    p: float, *, most: int = 5, batch: int = 1, partial: bool = True, permanent: float = 0.0
) -> float:
    """The share that dies: the permanent ones, and of the others those of which all receives fail.

    NaN for permanent ones without partial responses: they take their neighbours with them, over and over.
    """
    if permanent and not partial:
        return float("nan")
    return permanent + (1 - permanent) * receive_failure_probability(p, batch=batch, partial=partial) ** most


def compare_with_theory(
    records: pd.DataFrame,
    *,
    p: float,
    most: int = 5,
    batch: int = 1,
    partial: bool = True,
    permanent: float = 0.0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """`rate` beside what the law of retries expects, one row per arm.

    Columns: those of `rate`, then `p`, `permanent`, `batch`, `partial`, `most`, `expected` (rate) and
    `agrees`, whether the interval holds it. Without partial responses deaths come in batches, so the
    interval is too narrow and `agrees` too strict.

    Args:
        records: Only datapoints that all failed with p: leave out those that a fault was aimed at.
    """
    table = rate(records, confidence=confidence)
    expected = expected_rate(p, most=most, batch=batch, partial=partial, permanent=permanent)
    table = table.assign(p=p, permanent=permanent, batch=batch, partial=partial, most=most, expected=expected)
    return table.assign(agrees=table["expected"].between(table["low"], table["high"]))


def goodness_of_fit(
    records: pd.DataFrame,
    *,
    p: float,
    most: int = 5,
    batch: int = 1,
    partial: bool = True,
    seed: int = 0,
) -> pd.DataFrame:
    """Whether the receives follow the geometric law of p, one row per arm.

    Pearson's chi-square over the classes stored at 1 ... `most` and dead at `most`, the rarest put
    together until ENOUGH are expected in each. Where two such classes cannot be had, its distribution
    is drawn (DRAWS multinomials, seeded) over all classes, which holds for any counts.

    Returns:
        `arm`, `n` datapoints tested, `beside` the law (died before the last receive, or of unknown
        receives), `p` per receive, `statistic`, `p_value` (NaN for nothing to test), `method`.
        Without partial responses the batch's neighbours share their fate and the p value is too small.
    """
    q = receive_failure_probability(p, batch=batch, partial=partial)
    chances = np.array([(1 - q) * q ** (k - 1) for k in range(1, most + 1)] + [q**most])
    rows = []
    for arm, of_arm in records[["arm", "outcome", "receives"]].groupby("arm", sort=False):
        settled = of_arm[of_arm["outcome"].isin([STORED, DEAD])]
        times, dead = receives_of(settled), settled["outcome"] == DEAD
        place = (times - 1).mask(dead & (times >= most), most)
        lawful = (place >= 0) & (place <= most) & ~(dead & (times < most))
        counts = np.bincount(place[lawful], minlength=most + 1)
        rows.append((arm, int(counts.sum()), int((~lawful).sum()), q, *_goodness(counts, chances, seed)))
    return pd.DataFrame(rows, columns=["arm", "n", "beside", "p", "statistic", "p_value", "method"])


def _goodness(counts: np.ndarray, chances: np.ndarray, seed: int) -> tuple[float, float, str]:
    """Pearson's statistic, its p value and how it was had."""
    from scipy.stats import chisquare  # takes a second to import

    n = int(counts.sum())
    possible = chances > 0
    if counts[~possible].any():
        return float("inf"), 0.0, "impossible under the law"
    if n == 0 or possible.sum() < 2:
        return float("nan"), float("nan"), "nothing to test"
    seen, expected = counts[possible], n * chances[possible]
    order = np.argsort(-expected)
    enough = int((expected[order] >= ENOUGH).sum())
    rest = expected[order][enough:].sum()
    if 0 < rest < ENOUGH:
        enough -= 1  # the rest joins the rarest class that is large enough
    if enough + (rest > 0) >= 2 and enough >= 1:
        kept, others = order[:enough], order[enough:]
        pooled_seen = [*seen[kept], *([seen[others].sum()] if len(others) else [])]
        pooled = [*expected[kept], *([expected[others].sum()] if len(others) else [])]
        found = chisquare(pooled_seen, pooled)
        return float(found.statistic), float(found.pvalue), f"chi-square, {len(pooled)} classes"
    drawn = np.random.default_rng(seed).multinomial(n, chances[possible], size=DRAWS)
    statistic = float(((seen - expected) ** 2 / expected).sum())
    under_law = ((drawn - expected) ** 2 / expected).sum(axis=1)
    p_value = (1 + int((under_law >= statistic - 1e-12).sum())) / (DRAWS + 1)
    return statistic, p_value, f"Monte Carlo, {DRAWS:,} draws"


def receives_of(records: pd.DataFrame) -> pd.Series:
    """How often each datapoint was received, 0 where that is not known."""
    return pd.to_numeric(records["receives"], errors="coerce").fillna(0).astype(int)


def _text(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), "").astype(str)
