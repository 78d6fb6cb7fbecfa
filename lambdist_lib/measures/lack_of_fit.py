"""Test whether a further parameter of a law explains more than chance.

An F test compares the squares that the parameter removes with an error. The error is the larger of two: that
of the residuals, and that of a median as the spread of its repetitions gives it. The first counts what
varies between levels beside the repetitions, such as an hour; the second keeps a few points that lie well by
chance from making any curve significant. `benchmarks/laws.py` prints power and false calls.
"""

import math

import pandas as pd

ALPHA = 0.05
MEDIAN_VARIANCE = math.pi / 2  # of a median, relative to a mean's
TINY = 1e-30


def improvement_p(
    squares: float, rival_squares: float, *, more: int, free: int, repetition_error: float = 0.0
) -> float:
    """Return the p-value of a law against a rival with fewer parameters; 1 without points to spare.

    Args:
        squares, rival_squares: Sums of squared residuals of log times, of both laws.
        more: Parameters that the rival lacks. free: Points beyond the law's parameters.
        repetition_error: Variance of a point, from its repetitions.
    """
    from scipy.stats import f as fisher  # takes a second to import

    if free < 1:
        return 1.0
    error = max(squares / free, repetition_error, TINY)
    return float(fisher.sf((rival_squares - squares) / more / error, more, free))


def repetition_error(points: pd.DataFrame) -> float:
    """Return the variance of a level's log median, pooled over `sweep.by_level`; 0 without repetitions."""
    free = (points["runs"] - 1).where(points["log_variance"].notna(), 0)
    if not free.sum():
        return 0.0
    within = float((points["log_variance"].fillna(0.0) * free).sum() / free.sum())
    return MEDIAN_VARIANCE * within / float(points["runs"].mean())
