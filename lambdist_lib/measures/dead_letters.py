"""How many datapoints died, why, and after how many receives.

Rates are over settled datapoints, stored or dead: one that was rejected, never sent or is
still queued had no chance to die.
"""

import pandas as pd

from lambdist_lib.contract import DEAD, STORED
from lambdist_lib.measures.proportions import share


def rate(records: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """One row per arm: `arm`, `settled`, `dead`, `rate`, `low`, `high` and the interval's `method`.

    The interval takes datapoints as independent; a cause that hits many at once makes it too narrow.
    """
    rows = []
    for arm, of_arm in records.groupby("arm", sort=False):
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


def by_cause(records: pd.DataFrame) -> pd.DataFrame:
    """One row per arm and cause of the dead, most frequent first: `arm`, `cause`, `dead`, `example`."""
    dead = records[records["outcome"] == DEAD]
    table = causes(dead).assign(arm=dead["arm"]).groupby(["arm", "cause"], sort=False)["message"]
    table = table.agg(dead="size", example="first").reset_index()
    return table.sort_values("dead", ascending=False, kind="stable", ignore_index=True)


def receives(records: pd.DataFrame, *, p: float | None = None, most: int = 5) -> pd.DataFrame:
    """Settled datapoints by arm, receives and outcome: `arm`, `receives`, `outcome`, `datapoints`.

    Args:
        p: The probability with which every attempt failed, if it is known. Then a column
            `expected` says how many there should be: geometric up to `most` receives, where
            what is left dies.
        most: The queue's maximum of receives.
    """
    settled = records[records["outcome"].isin([STORED, DEAD])]
    settled = settled.assign(receives=receives_of(settled))
    counts = settled.groupby(["arm", "receives", "outcome"]).size().rename("datapoints").reset_index()
    if p is None:
        return counts
    chances = [(k, STORED, (1 - p) * p ** (k - 1)) for k in range(1, most + 1)] + [(most, DEAD, p**most)]
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


def receives_of(records: pd.DataFrame) -> pd.Series:
    """How often each datapoint was received, 0 where that is not known."""
    return pd.to_numeric(records["receives"], errors="coerce").fillna(0).astype(int)


def _text(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), "").astype(str)
