"""Coverage of the intervals of pairs, by simulation: independent and autocorrelated, fixed and with looks.

    python benchmarks/coverage.py [--experiments 1000]

The log-ratios are Gaussian AR(1). `as planned`: the pairs stop at the first planned look that is precise to
10 %, or at the last. `at every look`: no look's interval misses, so any stopping rule is covered. Then the
share of null sweeps of 8 levels with a level that is called faster. Ends with status 1 if a bound is missed.
"""

import argparse
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lambdist_lib.measures import multiplicity, sequential
from lambdist_lib.measures.autocorrelation import critical, lag1, paired_interval
from lambdist_lib.measures.intervals import interval_places, median_interval

RHOS = (0.0, 0.3, 0.6, 0.8)
LEAST = {0.0: 0.95, 0.3: 0.90}  # coverage
SPREAD = 0.12  # of the log-ratios: experiments then stop at every look
SEED = 20261129
SWEEPS, LEVELS, MOST_FALSE = 1_000, 8, 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--experiments", type=int, default=1_000)
    experiments = parser.parse_args().experiments
    held = [coverage_table(experiments), null_sweeps()]
    detection_table(experiments)
    return int(not all(held))


def coverage_table(experiments: int) -> bool:
    """Print the coverage at each autocorrelation; return whether it is as high as it has to be."""
    print(f"{'coverage at nominal 0.95, rho =':40}", *(f"{rho:>7g}" for rho in RHOS))
    held = True
    for pairs in (6, 8, 10, 20, 40):
        rows = {rho: ratios(rho, experiments, pairs) for rho in RHOS}
        plain = [np.mean([covers(*median_interval(row)) for row in rows[rho]]) for rho in RHOS]
        print_row(f"{pairs} pairs, plain order statistics", plain)
        held &= print_row(
            f"{pairs} pairs",
            [np.mean([covers(*paired_interval(row)[:2]) for row in rows[rho]]) for rho in RHOS],
        )
    for max_pairs in (10, 40):
        plan = sequential.plan(0.1, max_pairs=max_pairs)
        stopped, all_looks = [], []
        for rho in RHOS:
            looks = [
                [sequential.look(row[:pairs], plan) for pairs in plan.looks]
                for row in ratios(rho, experiments, max_pairs)
            ]
            ends = [next(look for look in each if look.enough) for each in looks]
            stopped.append(np.mean([covers(look.low, look.high) for look in ends]))
            all_looks.append(np.mean([all(covers(look.low, look.high) for look in each) for each in looks]))
        name = f"looks at {' '.join(map(str, plan.looks))}"
        held &= print_row(f"{name}, as planned", stopped)
        held &= print_row(f"{name}, at every look", all_looks)
    return held


def null_sweeps() -> bool:
    """Print how many sweeps without any difference have a level that is called different."""
    print(f"\n{f'null sweeps of {LEVELS} levels called different':60} {'plain':>8} {'adjusted':>8}")
    rng, held = np.random.default_rng(SEED), True
    for rounds, controls in itertools.product((6, 8, 10), (1, LEVELS)):
        plain, adjusted = [], []
        for _ in range(SWEEPS):
            log_ratios = rng.normal(0, 0.05, (rounds, controls)) - rng.normal(0, 0.05, (rounds, LEVELS))
            first, last = interval_places(rounds, 0.5, 0.95) or (0, rounds - 1)
            ordered = np.sort(log_ratios, axis=0)
            outside = (ordered[first] > 0) | (ordered[last] < 0)
            plain.append(outside.any())
            adjusted.append((outside & (multiplicity.adjusted_p(log_ratios) <= 0.05)).any())
        name = f"{rounds} rounds, {'one control run a round' if controls == 1 else 'a control run per level'}"
        print(f"{name:60} {np.mean(plain):8.3f} {np.mean(adjusted):8.3f}")
        error = math.sqrt(MOST_FALSE * (1 - MOST_FALSE) / SWEEPS)
        held &= bool(np.mean(adjusted) <= MOST_FALSE + 2 * error)
    return held


def detection_table(experiments: int) -> None:
    """Print how often an autocorrelation is beyond what independent pairs show, and the refused intervals."""
    print(f"\n{'beyond the critical value (1 %), rho =':40}", *(f"{rho:>7g}" for rho in RHOS))
    for pairs in (6, 10, 20, 40):
        logs = {rho: np.log(ratios(rho, experiments, pairs)) for rho in RHOS}
        print_row(
            f"{pairs} pairs", [np.mean([lag1(row) > critical(pairs) for row in logs[rho]]) for rho in RHOS]
        )


def ratios(rho: float, experiments: int, pairs: int) -> np.ndarray:
    """Return the pairs' ratios of many experiments, a row each; their median is 1."""
    noise = np.random.default_rng([SEED, int(100 * rho), pairs]).standard_normal((experiments, pairs))
    values = noise.copy()
    for pair in range(1, pairs):
        values[:, pair] = rho * values[:, pair - 1] + math.sqrt(1 - rho**2) * noise[:, pair]
    result: np.ndarray = np.exp(SPREAD * values)
    return result


def covers(low: float, high: float) -> bool:
    """Whether an interval contains 1; a refused one (NaN) does not miss it."""
    return not (low > 1 or high < 1)


def print_row(name: str, shares: Sequence[float | np.floating[Any]]) -> bool:
    """Print a share at each of RHOS; return whether those are at least LEAST."""
    print(f"{name:40}", *(f"{share:7.3f}" for share in shares))
    return all(share >= LEAST.get(rho, 0.0) for rho, share in zip(RHOS, shares, strict=True))


if __name__ == "__main__":
    raise SystemExit(main())
