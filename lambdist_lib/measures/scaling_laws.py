"""Laws of a makespan T in seconds, of the level N of a factor and the S datapoints of the file.

    constant  T = a                                             the factor has no effect
    ideal     T = w S/N                                         the work shared out, and nothing else
    overhead  T = a + w S/N                                     a fixed overhead, the work shared out
    linear    T = a + b N + w S/N                               and what each further sender costs
    amdahl    T = w S (serial + (1 - serial)/N)                 a part of the work is serial (Amdahl 1967)
    usl       T = w S (1 + sigma (N-1) + kappa N (N-1))/N       contention, coherency (Gunther 2007)
    growing   T = a + w N                                       where the level is the work itself

At one file size `amdahl` is the same curve as `overhead` (serial = a/(a + w S)), and `usl` the same as
`linear`: no sweep over N can tell them apart. Several file sizes can, for an overhead stays where a
serial part grows. So at one size Amdahl's fraction is refused: what was seen is an overhead.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

WORK = "s per datapoint at N = 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A formula of level n, size s and parameters (each with its unit), and what it has to beat by AICc."""

    formula: str
    seconds: Callable[..., np.ndarray]
    units: dict[str, str]
    start: Callable[[float, float, float], tuple[float, ...]]  # of fastest time, work per datapoint, most N
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
OF_FACTOR = {"chunks": ("ideal", "overhead", "linear", "amdahl", "usl"), "work": ("growing",)}
SHARED_OUT = ("ideal", "overhead")  # of the batches and of memory
