"""One number with what has to stand beside it, as `summary.json` has it."""

import math
from typing import Any

import pandas as pd

from lambdist_lib.measures.intervals import quantiles

Measure = dict[str, Any]


def measure(
    value: float, unit: str, n: int, of: str, ends: tuple[float, float] = (math.nan, math.nan), note: str = ""
) -> Measure:
    """A value with its interval, of n of what, in a unit."""
    return {"value": value, "low": ends[0], "high": ends[1], "n": n, "of": of, "unit": unit, "note": note}


def median(values: pd.Series, unit: str, of: str, confidence: float) -> Measure:
    """The median with its order-statistic interval."""
    [found] = quantiles(values, (0.5,), confidence)
    return measure(found.value, unit, found.n, of, (found.low, found.high), found.note)
