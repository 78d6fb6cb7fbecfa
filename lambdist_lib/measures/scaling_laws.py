"""Declare laws of the makespan T in seconds, at level N of a factor with S datapoints.

    constant  T = a                                             the factor has no effect
    ideal     T = w S/N                                         the work shared, no overhead
    overhead  T = a + w S/N                                     a fixed overhead, the work shared
    linear    T = a + b N + w S/N                               a cost of each further sender
    amdahl    T = w S (serial + (1 - serial)/N)                 a serial part of the work (Amdahl 1967)
    usl       T = w S (1 + sigma (N-1) + kappa N (N-1))/N       contention, coherency (Gunther 2007)
    growing   T = a + w N                                       the level is the work itself

At one file size `amdahl` is the same curve as `overhead` (serial = a/(a + w S)), and `usl` the same as
`linear`, so a sweep over N cannot separate them. Several file sizes can: an overhead is constant, and a
serial part grows with S. At one size Amdahl's fraction is refused.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

WORK = "s per datapoint at N = 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A formula of level n, size s and parameters (with units), and the laws that it must beat by AICc."""

    formula: str
    seconds: Callable[..., np.ndarray]
    units: dict[str, str]
    start: Callable[
        [float, float, float], tuple[float, ...]
    ]  # from fastest time, work per datapoint, largest N
    beats: tuple[str, ...] = ()
    knee: Callable[..., float] = lambda size, *_: math.nan


LAWS = {
    "constant": Law(
        formula="a",
        seconds=lambda n, s, a: a + 0 * n,
        units={"a": "s"},
        start=lambda fastest, work, max_n: (fastest,),
    ),
    "ideal": Law(
        formula="w S/N",
        seconds=lambda n, s, w: w * s / n,
        units={"w": WORK},
        start=lambda fastest, work, max_n: (work,),
        beats=("constant",),
    ),
    "overhead": Law(
        formula="a + w S/N",
        seconds=lambda n, s, a, w: a + w * s / n,
        units={"a": "s", "w": WORK},
        start=lambda fastest, work, max_n: (fastest / 2, work),
        beats=("constant", "ideal"),
        knee=lambda size, a, w: w * size / a,
    ),
    "linear": Law(
        formula="a + b N + w S/N",
        seconds=lambda n, s, a, b, w: a + b * n + w * s / n,
        units={"a": "s", "b": "s per sender", "w": WORK},
        start=lambda fastest, work, max_n: (fastest / 2, fastest / max_n / 4, work),
        beats=("constant", "ideal", "overhead"),
        knee=lambda size, a, b, w: math.sqrt(w * size / b),
    ),
    "amdahl": Law(
        formula="w S (serial + (1 - serial)/N)",
        seconds=lambda n, s, w, serial: w * s * (serial + (1 - serial) / n),
        units={"w": WORK, "serial": "part of the work"},
        start=lambda fastest, work, max_n: (work, 0.1),
        beats=("constant", "ideal", "overhead"),
        knee=lambda size, w, serial: (1 - serial) / serial,
    ),
    "usl": Law(
        formula="w S (1 + sigma (N-1) + kappa N (N-1))/N",
        seconds=lambda n, s, w, sigma, kappa: w * s * (1 + sigma * (n - 1) + kappa * n * (n - 1)) / n,
        units={"w": WORK, "sigma": "contention", "kappa": "coherency"},
        start=lambda fastest, work, max_n: (work, 0.05, 1e-3),
        beats=("constant", "ideal", "overhead", "amdahl"),
        knee=lambda size, w, sigma, kappa: math.sqrt((1 - sigma) / kappa),
    ),
    "growing": Law(
        formula="a + w N",
        seconds=lambda n, s, a, w: a + w * n,
        units={"a": "s", "w": "s per s of work"},
        start=lambda fastest, work, max_n: (fastest, fastest / max_n),
        beats=("constant",),
    ),
}
OF_FACTOR = {
    "chunks": ("ideal", "overhead", "linear", "amdahl", "usl"),
    "processors": ("ideal", "overhead", "linear", "amdahl", "usl"),
    "work": ("growing",),
}
SHARED_OUT = ("ideal", "overhead")  # of the batches and of memory
