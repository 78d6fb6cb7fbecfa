"""Power and false calls of the choice of a law, by simulation: does a throughput fall beyond its maximum?

    python benchmarks/laws.py [--sweeps 100]

Sweeps of seven levels; a level has a lognormal deviation of its own beside those of its repetitions. `F` is
the criterion of `measures.lack_of_fit`, `AICc` the former one, `repetitions alone` an F test that takes its
error from the repetitions only. A call also needs positive parameters and a maximum within the levels. Ends
with status 1 if a bound is missed.
"""

import argparse
import itertools
import math

import numpy as np
import pandas as pd

from lambdist_lib.measures import lack_of_fit
from lambdist_lib.measures.scaling import _aicc

LEVELS = np.array([1, 2, 5, 10, 20, 50, 100], dtype=float)
SEED = 20261129
STEPS = 8  # of Gauss-Newton; the start is the weighted linear solution
TRUTHS = {  # name: (overhead in s, s per sender, s at one sender)
    "saturates late": (1.5, 0.0, 30.0),
    "saturates early": (0.8, 0.0, 3.4),
    "falls clearly": (1.0, 0.05, 30.0),
    "falls": (1.4, 0.02, 30.0),
    "falls early": (0.5, 0.006, 3.6),
}
SPREADS = ((0.1, 0.0), (0.05, 0.05), (0.05, 0.1))  # of repetitions, of levels
MAX_FALSE, MIN_POWER = 0.05, 0.8  # the power where a level deviates by at most half of what is to be seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sweeps", type=int, default=100)
    sweeps = parser.parse_args().sweeps
    held = True
    print(f"{'called retrograde':42} {'F':>6} {'AICc':>6} {'repetitions alone':>18}")
    for repetitions, (spread, level_spread), name in itertools.product((3, 6), SPREADS, TRUTHS):
        calls = simulate(TRUTHS[name], repetitions, spread, level_spread, sweeps)
        print(f"{name:16} {repetitions} repetitions, {spread:4} and {level_spread:4}", end="")
        print(f" {calls[0]:6.3f} {calls[1]:6.3f} {calls[2]:18.3f}")
        saturates = TRUTHS[name][1] == 0
        held &= bool(calls[0] <= MAX_FALSE if saturates else calls[0] >= MIN_POWER or level_spread > 0.05)
    return int(not held)


def simulate(
    truth: tuple[float, float, float], repetitions: int, spread: float, level_spread: float, sweeps: int
) -> np.ndarray:
    """Return the shares of sweeps that each criterion calls retrograde."""
    rng = np.random.default_rng(SEED)
    a, b, w = truth
    calls = np.zeros(3)
    for _ in range(sweeps):
        levels = np.log(a + b * LEVELS + w / LEVELS) + rng.normal(0, level_spread, len(LEVELS))
        times = levels + rng.normal(0, spread, (repetitions, len(LEVELS)))
        points = pd.DataFrame({"runs": repetitions, "log_variance": times.var(axis=0, ddof=1)})
        calls += call(np.median(times, axis=0), lack_of_fit.repetition_error(points))
    return calls / sweeps


def call(log_times: np.ndarray, error: float) -> tuple[bool, bool, bool]:
    """Whether F, AICc and the repetitions alone prefer a + b N + w/N to a + w/N."""
    _, rival = fit(log_times, 2)
    (a, w, b), squares = fit(log_times, 3)
    if not (min(a, w, b) > 0 and LEVELS[0] < math.sqrt(w / b) < LEVELS[-1]):
        return False, False, False
    points = len(LEVELS)
    p = lack_of_fit.improvement_p(squares, rival, more=1, free=points - 3, repetition_error=error)
    alone = lack_of_fit.improvement_p(0.0, rival - squares, more=1, free=1_000, repetition_error=error)
    return (
        p <= lack_of_fit.ALPHA,
        _aicc(squares, points, 3) < _aicc(rival, points, 2),
        alone <= lack_of_fit.ALPHA,
    )


def fit(log_times: np.ndarray, parameters: int) -> tuple[np.ndarray, float]:
    """Return a, w and (of three) b of least squares of the log times, and the sum of squares."""
    terms = np.column_stack([np.ones_like(LEVELS), 1 / LEVELS, LEVELS])[:, :parameters]
    values, *_ = np.linalg.lstsq(terms / np.exp(log_times)[:, None], np.ones_like(LEVELS), rcond=None)
    for _ in range(STEPS):
        seconds = np.maximum(terms @ values, 1e-9)
        step, *_ = np.linalg.lstsq(terms / seconds[:, None], log_times - np.log(seconds), rcond=None)
        while (terms @ (values + step) <= 0).any():
            step = step / 2
        values = values + step
    residuals = log_times - np.log(terms @ values)
    return values, float(residuals @ residuals)


if __name__ == "__main__":
    raise SystemExit(main())
