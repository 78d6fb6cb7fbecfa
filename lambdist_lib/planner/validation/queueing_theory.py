"""Validate the simulation against formulas of queueing theory and of dead letters.

Each row is the mean of REPLICAS simulations with different seeds. It must lie within the interval of such a
mean by Student's t at 99.9 %; `allowed` is the half-width, relative to the expected value.
"""

import random
import statistics
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lambdist_lib.planner.fluid.retries import failing
from lambdist_lib.planner.simulation.engine import simulate
from lambdist_lib.planner.system import Outcome, System
from lambdist_lib.planner.validation.published import THEORY, Row

REPLICAS = 12
MESSAGES = 10_000  # of each
LEVEL = 0.999
SERVERS = {2: 1.2, 5: 3.0, 10: 8.0}  # and the load on them


class Formula(NamedTuple):
    """Hold a formula's value and the measure of a simulated run that it predicts."""

    case: str
    expected: float
    unit: str
    source: str
    measure: Callable[[Outcome], float]


Case = tuple[System, list[Formula]]


def theory(*, seed: int = 0) -> list[Row]:
    """Compare dead letters with and without partial responses, Little's law, M/M/c and M/G/1."""
    cases = [*_dead_letters(), _little(), *_erlang(), *_pollaczek()]
    return [row for place, (system, formulas) in enumerate(cases)
            for row in _rows(system, formulas, random.Random(f"{seed}:{place}"))]  # fmt: skip


def _rows(system: System, formulas: list[Formula], rng: random.Random) -> list[Row]:
    from scipy.stats import t  # slow to import

    runs = [simulate(system, seed=rng.getrandbits(32)) for _ in range(REPLICAS)]
    rows = []
    for formula in formulas:
        measures = [formula.measure(run) for run in runs]
        mean, error = statistics.mean(measures), statistics.stdev(measures) / REPLICAS**0.5
        allowed = float(t.ppf((1 + LEVEL) / 2, REPLICAS - 1)) * error / formula.expected
        case, expected, unit, source, _ = formula
        rows.append(Row(THEORY, case, expected, mean, unit, allowed, source))
    return rows


def _dead_letters() -> Iterator[Case]:
    """Yield dead letters with and without partial responses."""
    for partial, p in ((True, 0.4), (False, 0.1)):
        system = System(
            datapoints=MESSAGES, item_s=0.05, queue_batch=10, p_fail=p, partial=partial, retry_delay_s=None
        )  # all retries after the visibility timeout, so in full batches
        theory, how = failing(system), "with" if partial else "without"
        case = f"{how} partial responses, p = {p:g}, batches of 10"
        yield system, [
            Formula(f"dead, {case}", theory.p**system.receives, "share", "q**receives",
                    lambda run: run.dead / MESSAGES),
            Formula(f"receives, {case}", theory.receives, "a message", "(1 - q**receives) / (1 - q)",
                    lambda run: run.receives / MESSAGES),
        ]  # fmt: skip


def _little() -> Case:
    """Return mean concurrency = rate x mean duration, on a system with retries."""
    system = System(
        datapoints=MESSAGES, item_s=0.2, item_cv=1, arrivals_per_s=200, p_fail=0.1, maximum_concurrency=100
    )
    formula = Formula("running over rate x duration, 10 % retries", 1.0, "ratio", "Little's law",
                      lambda run: run.busy_area / (run.invocations * system.batch_s()))  # fmt: skip
    return system, [formula]


def _erlang() -> Iterator[Case]:
    """Yield Poisson arrivals, exponential times, c servers (Erlang 1917)."""
    for servers, load in SERVERS.items():
        waiting = waits(servers, load) * load / (servers - load)
        case = f"M/M/{servers} at load {load / servers:g}"
        yield _queue(servers, load, cv=1.0), [
            Formula(f"waiting, {case}", waiting, "messages", "Erlang C", _waiting),
            Formula(f"running, {case}", load, "at once", "Little's law",
                    lambda run: run.busy_area / run.settled_s),
        ]  # fmt: skip


def _pollaczek() -> Iterator[Case]:
    """Yield Poisson arrivals, one server, times of any spread (Pollaczek 1930, Khinchine 1932)."""
    load = 0.7
    for cv in (0.0, 0.5, 2.0):
        case = f"waiting, M/G/1 at load {load:g}, coefficient of variation {cv:g}"
        expected = load**2 * (1 + cv**2) / (2 * (1 - load))
        yield (
            _queue(1, load, cv=cv),
            [Formula(case, expected, "messages", "Pollaczek and Khinchine", _waiting)],
        )


def _queue(servers: int, load: float, *, cv: float) -> System:
    return System(
        datapoints=MESSAGES, item_s=1.0, item_cv=cv, arrivals_per_s=load, poisson=True,
        slots_start=servers, slots_ceiling=servers,
    )  # fmt: skip


def _waiting(run: Outcome) -> float:
    return run.queue_area / run.settled_s


def waits(servers: int, load: float) -> float:
    """Return the probability that an arrival waits (Erlang C), at `load` = rate x duration < servers."""
    blocked = 1.0  # Erlang's B, by its recursion over servers
    for count in range(1, servers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))
