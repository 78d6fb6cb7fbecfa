"""Adjust p-values of several levels for their number: a null sweep must not find an effect by chance.

The levels of a sweep share their rounds, so their comparisons are dependent, and six rounds are too few for
Holm's correction of a sign test (its least p-value is 1/32). So the test is of all levels together: under
the null hypothesis a round's log-ratios are as likely with the opposite sign, all levels at once. The
statistic is the largest of the levels' absolute t statistics, and levels are rejected step by step as in
Holm's procedure (Westfall & Young 1993). The least p-value is then 2/2^rounds at any number of levels.
"""

import functools
import itertools

import numpy as np

EXACT_ROUNDS = 12  # up to here all sign flips, beyond a sample of as many
FLIPS = 2**EXACT_ROUNDS
TOLERANCE = 1e-9  # ties of statistics that differ by rounding


def adjusted_p(log_ratios: np.ndarray) -> np.ndarray:
    """Return a two-sided p-value for each level, adjusted for the number of levels.

    Args:
        log_ratios: A row per round, a column per level; NaN where a round lacks the level.
    """
    values = np.nan_to_num(np.asarray(log_ratios, dtype=float))
    norms = np.sqrt((values**2).sum(axis=0))
    norms[norms == 0] = 1.0
    observed = np.abs(values.sum(axis=0)) / norms  # grows with |t|: flips keep the sum of squares
    flipped = np.abs(sign_flips(len(values)) @ values) / norms
    order = np.argsort(-observed)
    p = np.empty(len(observed))
    highest = 0.0
    for step, level in enumerate(order):
        largest = flipped[:, order[step:]].max(axis=1)
        highest = max(highest, float(np.mean(largest >= observed[level] - TOLERANCE)))
        p[level] = highest
    return p


@functools.cache
def sign_flips(rounds: int) -> np.ndarray:
    """Return rows of 1 and -1, one column per round; the first row flips nothing."""
    if rounds <= EXACT_ROUNDS:
        return np.array(list(itertools.product((1.0, -1.0), repeat=rounds))).reshape(-1, rounds)
    flips = np.random.default_rng(0).choice((1.0, -1.0), size=(FLIPS, rounds))
    flips[0] = 1.0
    return flips
