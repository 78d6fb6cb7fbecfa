"""Compare CPU seconds of the planner's simulation with simpy and simfaas, on queues that all can simulate.

    python benchmarks/simulators.py [--short]

Poisson arrivals, exponential times, c servers. With spare servers no message waits, and all three simulate
the same system; where messages wait, simfaas rejects them for lack of a queue, so it is left out. Each runs
three times in turns, the least CPU time counts, and the mean number of busy servers beside the load shows
that the work was done. The planner also has receives, batches, cold starts and the ramp, all idle here.
`drain` is its fast path, a queue that is full from the beginning, for which a queue of simpy has to be
filled first. The peers are in the extra `bench`. Exit status 1: ours is slower than simpy somewhere.
"""

import argparse
import functools
import random
import time
from collections.abc import Callable, Generator
from typing import Any

from bounds import NOT_MEASURED, Bounds

from lambdist_lib.planner.simulation.engine import simulate
from lambdist_lib.planner.system import System

JOBS = 200_000
TIMES = 3
MIN_RATIO = 1.2  # 1.5 to 70 were measured
EXPIRY_S = 600.0
CASES = {  # load, servers
    "spare servers, load 8": (8.0, 100),
    "spare servers, load 80": (80.0, 1_000),
    "messages wait, load 8 on 10": (8.0, 10),
}
DRAINED = 100  # servers that empty a full queue
Took = tuple[float, float]  # CPU seconds, mean number of busy servers


def planner(jobs: int, load: float, servers: int) -> Took:
    system = System(
        datapoints=jobs, item_s=1.0, item_cv=1.0, arrivals_per_s=load, poisson=True,
        slots_start=servers, slots_ceiling=servers, idle_expiry_s=EXPIRY_S,
    )  # fmt: skip
    began_s = time.process_time()
    outcome = simulate(system)
    return time.process_time() - began_s, outcome.busy_area / outcome.settled_s


def with_simpy(jobs: int, load: float, servers: int) -> Took:
    import simpy

    rng, environment = random.Random(0), simpy.Environment()
    resource = simpy.Resource(environment, capacity=servers)
    work_s = 0.0

    def job() -> Generator[Any, Any, Any]:
        nonlocal work_s
        with resource.request() as request:
            yield request
            took_s = rng.expovariate(1.0)
            work_s += took_s
            yield environment.timeout(took_s)

    def arrivals() -> Generator[Any, Any, Any]:
        for _ in range(jobs):
            environment.process(job())
            if load < float("inf"):
                yield environment.timeout(rng.expovariate(load))

    began_s = time.process_time()
    environment.process(arrivals())
    environment.run()
    return time.process_time() - began_s, work_s / environment.now


def with_simfaas(jobs: int, load: float, servers: int) -> Took:
    from simfaas.ServerlessSimulator import ServerlessSimulator

    simulator = ServerlessSimulator(
        arrival_rate=load, warm_service_rate=1.0, cold_service_rate=1.0, expiration_threshold=EXPIRY_S,
        max_time=jobs / load, maximum_concurrency=servers,
    )  # fmt: skip
    began_s = time.process_time()
    simulator.generate_trace()
    return time.process_time() - began_s, simulator.get_average_server_running_count()


def drain(jobs: int) -> Took:
    began_s = time.process_time()
    outcome = simulate(
        System(datapoints=jobs, item_s=1.0, item_cv=1.0, slots_start=DRAINED, slots_ceiling=DRAINED)
    )
    return time.process_time() - began_s, outcome.busy_area / outcome.settled_s


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="a twentieth of the jobs, for CI")
    jobs = JOBS // 20 if parser.parse_args().short else JOBS
    ratios: dict[str, float] = {}
    print(f"{jobs:,} jobs; least CPU seconds of {TIMES}, jobs/s, mean number of busy servers")
    for case, (load, servers) in CASES.items():
        ways: dict[str, Callable[[], Took]] = {
            "lambdist": functools.partial(planner, jobs, load, servers),
            "simpy": functools.partial(with_simpy, jobs, load, servers),
        }
        if servers > 2 * load:
            ways["simfaas"] = functools.partial(with_simfaas, jobs, load, servers)
        ratios[case] = compare(case, jobs, ways)
    ways = {
        "lambdist": lambda: drain(jobs),
        "simpy": lambda: with_simpy(jobs, float("inf"), DRAINED),
    }
    ratios[f"a full queue, {DRAINED} servers"] = compare(f"a full queue, {DRAINED} servers", jobs, ways)
    bounds = Bounds()
    for case, ratio in ratios.items():
        if ratio:
            bounds.row(f"simulation, {case}: simpy's CPU seconds over ours", ratio, f">= {MIN_RATIO:g}")
    return bounds.status if bounds.rows else NOT_MEASURED


def compare(case: str, jobs: int, ways: dict[str, Callable[[], Took]]) -> float:
    """Run the ways by turns and print their figures; return simpy's time over ours, 0 without simpy."""
    measured: dict[str, list[Took]] = {name: [] for name in ways}
    for _ in range(TIMES):
        for name, way in ways.items():
            try:
                measured[name].append(way())
            except ModuleNotFoundError as error:
                print(f"{case:30}{name:10} {error}; `pip install -e '.[bench]'` installs it")
    best_s = {name: min(took for took, _ in tries) for name, tries in measured.items() if tries}
    for name, took_s in best_s.items():
        print(
            f"{case:30}{name:10}{took_s:9.3f} s{jobs / took_s:12,.0f}/s{measured[name][-1][1]:9.2f}"
            f"{took_s / best_s['lambdist']:8.1f} times lambdist's"
        )
    return best_s.get("simpy", 0.0) / best_s["lambdist"]


if __name__ == "__main__":
    raise SystemExit(main())
