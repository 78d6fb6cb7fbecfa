"""Open and measure a million synthetic records: seconds and memory, against what the project allows.

    python benchmarks/measures.py [--records 1000000] [--batch 10] [--short]

The records are of ten pairs of runs, stamps and ids as different from each other as real ones are. Another
process writes them as folders of results. `peak` is the most memory that this process ever held, imports
included. Ends with status 1 if a bound is missed. `--short` is a tenth of it, for CI.
"""

import argparse
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lambdist_lib.analysis import load_results
from lambdist_lib.measures import cold_starts, concurrency, dead_letters, latency, ledger, stages, summary
from lambdist_lib.results import tables
from lambdist_lib.results.schema import INVOCATIONS, RECORDS, RUNS

PAIRS = 10
OPEN_S, MOST_S, MOST_GIB = 2.0, 2.0, 1.2  # of a million records
BEGAN_AT = 1_790_000_000.0
FAILED = "RuntimeError: a declared fault"
P = 0.3  # of an attempt to fail


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=10, help="datapoints per request and per invocation")
    parser.add_argument("--short", action="store_true", help="a tenth of the records, for CI")
    parser.add_argument("--write", metavar="FOLDER", help="write the records there, and end")
    options = parser.parse_args()
    count = options.records // (10 if options.short else 1)
    if options.write:
        write(Path(options.write), *experiment(count, options.batch))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--write", folder, "--records", str(count)]
        subprocess.run([*command, "--batch", str(options.batch)], check=True)
        return measure(folder, count)


def measure(folder: str, count: int) -> int:
    """Measure what `write` left in a folder; return the exit status."""
    results = load_results(folder)
    open_s = timed("open", lambda: (results.runs, results.records, results.invocations))
    runs, records, invocations = results.runs, results.records, results.invocations
    print(f"{len(records):,} records, {len(invocations):,} invocations, {len(runs)} runs")
    timed("import scipy.special", lambda: importlib.import_module("scipy.special"))  # once, however many
    all_s = timed("summary.build", lambda: summary.build(runs, records, invocations, target="local cloud"))
    total_s = all_s + sum(timed(*part) for part in parts(runs, records, invocations).items())
    allowed = max(count / 1_000_000, 0.5)
    rows = (
        ("open", open_s, OPEN_S * allowed, "s"),
        ("all of these", total_s, MOST_S * allowed, "s"),
        ("peak", peak_gib(), MOST_GIB * allowed, "GiB"),
    )
    for name, value, bound, unit in rows:
        print(f"{name:32}{value:8.2f} {unit} of {bound:g} {unit}: {'yes' if value <= bound else 'no'}")
    return int(any(value > bound for _, value, bound, _ in rows))


def write(folder: Path, runs: pd.DataFrame, records: pd.DataFrame, invocations: pd.DataFrame) -> None:
    """Write the tables as the folders of an experiment's runs."""
    for row in runs.to_dict("records"):
        run = folder / "runs" / row["run_id"]
        run.mkdir(parents=True)
        for name, table in (("records", records), ("invocations", invocations)):
            tables.write_table(run, name, table[table["run_id"] == row["run_id"]])
        facts = {name: value for name, value in row.items() if pd.notna(value)}
        (run / "run.json").write_text(json.dumps({**facts, "state": "collected"}, default=float))
    (folder / "experiment.json").write_text("{}")


def parts(
    runs: pd.DataFrame, records: pd.DataFrame, invocations: pd.DataFrame
) -> dict[str, Callable[[], Any]]:
    """What the summary does not contain already, or only within something larger."""
    distributed = records.loc[records["arm"] == "distributed", ["arm", "outcome", "receives"]]
    return {
        "ledger.count": lambda: ledger.count(records),
        "stages.check": lambda: stages.check(stages.per_datapoint(records)),
        "dead_letters.fit": lambda: dead_letters.goodness_of_fit(distributed, p=P),
        "dead_letters.against_theory": lambda: dead_letters.compare_with_theory(distributed, p=P),
        "cold_starts.summary": lambda: cold_starts.summary(invocations),
        "cold_starts.bursts": lambda: cold_starts.bursts(invocations),
        "concurrency.over_time": lambda: concurrency.over_time(concurrency.spans(records)),
        "latency.per_datapoint": lambda: latency.per_datapoint(records, runs),
    }


def timed(name: str, measure: Callable[[], Any]) -> float:
    began_s = time.perf_counter()
    measure()
    took_s = time.perf_counter() - began_s
    print(f"{name:32}{took_s:8.2f} s   peak {peak_gib():.2f} GiB")
    return took_s


def peak_gib() -> float:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024**3 if sys.platform == "darwin" else 1024**2)


def experiment(count: int, batch: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Runs, records and invocations of PAIRS warm pairs, `count` records in all."""
    rng = np.random.default_rng(0)
    runs, records, invocations = [], [], []
    for pair in range(1, PAIRS + 1):
        for arm in ("single_node", "distributed"):
            run_id = f"benchmark-warm-{arm[0]}{pair}"
            one = of_run(rng, run_id, arm, count // PAIRS // 2, batch)
            records.append(one)
            runs.append(row_of(one, run_id, arm, pair, batch))
            for function in ("single_node",) if arm == "single_node" else ("collector", "processor"):
                invocations.append(invocations_of(rng, one, function, batch))
    return (
        pd.DataFrame(runs, columns=list(RUNS)),
        pd.concat(records, ignore_index=True),
        pd.concat(invocations, ignore_index=True),
    )


def of_run(rng: np.random.Generator, run_id: str, arm: str, count: int, batch: int) -> pd.DataFrame:
    """Records of one run: a Poisson stream, geometric receives, five of which are the most."""
    distributed, n = arm == "distributed", np.arange(count)
    request, attempts = n // batch, rng.geometric(1 - P, count)
    dead = attempts > 5
    sent_at = BEGAN_AT + np.sort(rng.uniform(0, count / (2000 if distributed else 100), count))
    received_at = sent_at + rng.exponential(0.01, count)
    done_at = received_at + rng.exponential(0.01, count)
    queued_at = np.floor(done_at * 1000) / 1000
    first_at = queued_at + np.ceil(rng.exponential(200, count)) / 1000
    started_at = (first_at if distributed else received_at) + rng.exponential(0.02, count)
    finished_at = started_at + 0.02
    columns = dict.fromkeys(RECORDS, np.nan) | {
        "run_id": run_id, "arm": arm, "n": n, "outcome": np.where(dead, "dead", "stored"),
        "cause": np.where(dead, FAILED, ""), "intended_at": sent_at - 0.001, "sent_at": sent_at,
        "answered_at": done_at + 0.003, "tries": 1, "status": 200, "request": request, "senders": 100,
        "name_s": 0.0, "connect_s": 0.0, "tls_s": 0.0, "first_byte_s": done_at - sent_at,
        "total_s": done_at - sent_at, "received_at": received_at, "done_at": done_at,
        "entry_request_id": ids(run_id, "e", request), "entry_environment_id": ids("", "e", n % 97),
        "entry_cold": n < 97, "entry_init_s": 0.3, "receives": np.minimum(attempts, 5),
        "failures": np.minimum(attempts, 5) - ~dead, "failure_causes": np.where(attempts > 1, FAILED, ""),
        "duplicates": 0, "redrives": 0, "dead_at": np.where(dead, started_at + 1, np.nan),
        "started_at": started_at, "finished_at": finished_at, "put_at": finished_at + 1e-4,
        "request_id": ids(run_id, "p", request), "environment_id": ids("", "p", n % 89), "cold": n < 89,
        "init_s": 0.4,
    }  # fmt: skip
    if distributed:
        columns |= {"queued_at": queued_at, "first_received_at": first_at}
    table = pd.DataFrame(columns, columns=list(RECORDS))
    table.loc[dead, ["started_at", "finished_at", "put_at"]] = np.nan
    return table


def row_of(records: pd.DataFrame, run_id: str, arm: str, pair: int, batch: int) -> dict[str, Any]:
    began_at, ends = records["intended_at"].min(), records["outcome"].value_counts()
    return {
        "experiment_id": "benchmark", "run_id": run_id, "pair": pair, "arm": arm, "temperature": "warm",
        "target": "local cloud", "chunks": 100, "processors": 100, "request_batch": batch,
        "queue_batch": batch,
        "memory_mb": 512, "work": "none", "fault": f"raise:{P},seed:0", "submitted": len(records),
        "stored": int(ends.get("stored", 0)), "dead": int(ends.get("dead", 0)), "rejected": 0, "unsent": 0,
        "in_flight": 0, "lost": 0, "started_at": began_at, "makespan_s": records["put_at"].max() - began_at,
        "enqueued_s": records["answered_at"].max() - began_at,
        "seen_s": records["put_at"].max() - began_at + 0.1, "resumed": False,
    }  # fmt: skip


def invocations_of(
    rng: np.random.Generator, records: pd.DataFrame, function: str, batch: int
) -> pd.DataFrame:
    """One invocation per batch, the first of each of 97 environments cold."""
    firsts = records.iloc[::batch]
    place = np.arange(len(firsts))
    columns = {
        "run_id": firsts["run_id"].iloc[0], "function": function, "at": firsts["done_at"].to_numpy(),
        "request_id": firsts["entry_request_id"].to_numpy(), "environment_id": ids("", function, place % 97),
        "cold": place < 97, "init_s": 0.3, "received": batch, "stored": batch, "failed": 0, "permanent": 0,
        "duration_s": rng.exponential(0.01, len(firsts)), "put_s": 0.004,
    }  # fmt: skip
    return pd.DataFrame(columns, columns=list(INVOCATIONS))


def ids(run_id: str, kind: str, numbers: np.ndarray) -> np.ndarray:
    """As long as a request's id, and as many of them."""
    return np.array([f"{run_id}{kind}-{number:018d}-8e2f" for number in numbers], dtype=object)


if __name__ == "__main__":
    sys.exit(main())
