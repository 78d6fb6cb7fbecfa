"""Open and measure a million synthetic records: seconds and memory, against what the project allows.

    python benchmarks/measures.py [--records 1000000] [--batch 10] [--short] [--cpu]
    python benchmarks/measures.py --large [--cpu]

The records are of ten pairs of runs, stamps and ids as different from each other as real ones are; beside
them is one run with as many records. Each part runs in a process of its own, whose `peak` is the most
memory that it ever held, imports included. Ends with status 1 if a bound is missed. `--short` is a tenth of
it, for CI; `--large` measures the runs of the pairs ten times, each time under other ids, and nothing else;
`--cpu` counts CPU seconds, for a machine that others use.
"""

import argparse
import gzip
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bounds import Bounds

from lambdist_lib.analysis import load_results
from lambdist_lib.costs import assumptions, metering
from lambdist_lib.measures import cold_starts, concurrency, dead_letters, latency, ledger, stages, summary
from lambdist_lib.results import files, tables
from lambdist_lib.results.schema import INVOCATIONS, RECORDS, RUNS

PAIRS = 10
MANY, OPEN_S, READ_S, MEASURE_S, PEAK_GIB = 1_000_000, 2.0, 1.5, 2.0, 0.6  # of so many records
TIMES, LARGE_S, LARGE_GIB = 10, 30.0, 3.0  # of the pairs in --large: seconds to read and measure them
MIN_PART = 0.5  # of the bounds, for fewer records: imports take their share
PACKED_OVER_BYTES = 10_000  # here: also the runs of --short are Parquet, as those of a million records
BEGAN_AT = 1_790_000_000.0
FAILED = "RuntimeError: a declared fault"
P = 0.3  # of an attempt to fail


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=int, default=MANY)
    parser.add_argument("--batch", type=int, default=10, help="datapoints per request and per invocation")
    parser.add_argument("--short", action="store_true", help="a tenth of the records, for CI")
    parser.add_argument("--large", action="store_true", help="the pairs ten times; three minutes, 1.2 GB")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds instead of the clock's")
    parser.add_argument("--child", choices=CHILDREN, help="one part, in a folder; prints JSON")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    count = options.records // (10 if options.short else 1)
    if options.child:
        print(json.dumps(CHILDREN[options.child](options.folder, count, options.batch, options.cpu)))
        return 0
    with tempfile.TemporaryDirectory() as folder:

        def child(name: str, where: str, count: int = count) -> dict[str, float]:
            command = [sys.executable, __file__, "--child", name, "--folder", f"{folder}/{where}"]
            command += ["--records", str(count), "--batch", str(options.batch), *["--cpu"] * options.cpu]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            *shown, last = done.stdout.splitlines()
            print("\n".join(shown), flush=True)
            figures: dict[str, float] = json.loads(last)
            return figures

        child("write", "pairs")
        if options.large:
            child("multiply", "pairs")
            return report_large(count * TIMES, child("measure", "pairs", count * TIMES))
        child("write_run", "run")
        return report(count, child("measure", "pairs"), child("open", "run"))


def report_large(count: int, measured: dict[str, float]) -> int:
    bounds, part = Bounds(), max(count / MANY / TIMES, MIN_PART)
    took_s = measured["read_s"] + measured["measure_s"]
    bounds.row(f"{count:,} records: read and every measure", took_s, f"<= {LARGE_S * part:g}", "s")
    bounds.row(f"{count:,} records: peak", measured["peak_gib"], f"<= {LARGE_GIB * part:g}", "GiB")
    return bounds.status


def report(count: int, measured: dict[str, float], opened: dict[str, float]) -> int:
    bounds, part = Bounds(), max(count / MANY, MIN_PART)
    for what, value, goal, unit in (
        ("read what a summary needs", measured["read_s"], READ_S, "s"),
        ("every measure", measured["measure_s"], MEASURE_S, "s"),
        ("peak of both", measured["peak_gib"], PEAK_GIB, "GiB"),
        ("open a run folder with all columns", opened["open_s"], OPEN_S, "s"),
    ):
        bounds.row(f"{count:,} records: {what}", value, f"<= {goal * part:g}", unit)
    bounds.row(f"{count:,} records: peak of the opened run", opened["peak_gib"], "", "GiB")
    return bounds.status


def write_pairs(folder: Path, count: int, batch: int, cpu: bool) -> dict[str, float]:
    write(folder, *experiment(count, batch))
    return {}


def write_run(folder: Path, count: int, batch: int, cpu: bool) -> dict[str, float]:
    """Write one run of the distributed arm."""
    rng = np.random.default_rng(0)
    records = of_run(rng, "benchmark-run", "distributed", count, batch)
    runs = pd.DataFrame([row_of(records, "benchmark-run", "distributed", 0, batch)], columns=list(RUNS))
    write(folder, runs, records, invocations_of(rng, records, "processor", batch))
    return {}


def multiply(folder: Path, count: int, batch: int, cpu: bool) -> dict[str, float]:
    """Write each run TIMES - 1 times more, each time under another id of the same length."""
    with ProcessPoolExecutor() as pool:
        list(pool.map(multiply_run, (folder / "runs").iterdir()))
    return {}


def multiply_run(run: Path) -> None:
    facts = json.loads((run / "run.json").read_text())
    for number in range(1, TIMES):
        copy = run.with_name(run.name.replace("warm", f"war{number}"))
        copy.mkdir()
        pair = facts["pair"] + number * PAIRS
        (copy / "run.json").write_text(json.dumps({**facts, "run_id": copy.name, "pair": pair}))
        for name in ("records", "invocations"):
            text = gzip.decompress((run / f"{name}.csv.gz").read_bytes())
            packed = gzip.compress(text.replace(run.name.encode(), copy.name.encode()), 1)
            (copy / f"{name}.csv.gz").write_bytes(packed)
            tables.write_typed(copy, name)


def measure(folder: Path, count: int, batch: int, cpu: bool) -> dict[str, float]:
    """Read and measure the pairs as `Results.summarise` does, and what no summary has."""
    results = load_results(folder)

    def read() -> tuple[pd.DataFrame, pd.DataFrame]:
        lines = results.read("invocations", [*summary.INVOCATIONS, "at"])
        return results.read("records", [*summary.RECORDS, "n"]), lines

    (records, invocations), read_s = timed("read", read, cpu)
    print(f"{len(records):,} records, {len(invocations):,} invocations, {len(results.runs)} runs")
    assert len(records) == count
    timed("import scipy.special", lambda: importlib.import_module("scipy.special"), cpu)  # once, however many
    took_s = sum(
        timed(name, work, cpu)[1] for name, work in parts(results.runs, records, invocations).items()
    )
    return {"read_s": read_s, "measure_s": took_s, "peak_gib": peak_gib()}


def open_run(folder: Path, count: int, batch: int, cpu: bool) -> dict[str, float]:
    results = load_results(folder)
    records, open_s = timed("open", lambda: results.records, cpu)
    assert records.shape == (count, len(RECORDS))
    return {"open_s": open_s, "peak_gib": peak_gib()}


CHILDREN = {
    "write": write_pairs,
    "write_run": write_run,
    "multiply": multiply,
    "measure": measure,
    "open": open_run,
}


def write(folder: Path, runs: pd.DataFrame, records: pd.DataFrame, invocations: pd.DataFrame) -> None:
    """Write the tables as the folders of an experiment's runs."""
    files.GZIP_OVER_BYTES = PACKED_OVER_BYTES
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
    """The summary with its bill, and what it does not contain already, or only within something larger."""
    prices = assumptions.load()
    distributed = records.loc[records["arm"] == "distributed", ["arm", "outcome", "receives"]]

    def bill() -> metering.Costs:
        return metering.costs(metering.meter_runs(runs, records, invocations, prices), prices)

    return {
        "metering.costs": bill,
        "summary.build": lambda: summary.build(runs, records, invocations, target="local cloud"),
        "ledger.count": lambda: ledger.count(records),
        "stages.check": lambda: stages.check(stages.per_datapoint(records)),
        "dead_letters.goodness_of_fit": lambda: dead_letters.goodness_of_fit(distributed, p=P),
        "dead_letters.compare_with_theory": lambda: dead_letters.compare_with_theory(distributed, p=P),
        "cold_starts.summary": lambda: cold_starts.summary(invocations),
        "cold_starts.bursts": lambda: cold_starts.bursts(invocations),
        "concurrency.over_time": lambda: concurrency.over_time(concurrency.spans(records)),
        "latency.per_datapoint": lambda: latency.per_datapoint(records, runs),
    }


def timed(name: str, work: Callable[[], Any], cpu: bool) -> tuple[Any, float]:
    clock = time.process_time if cpu else time.perf_counter
    began_s = clock()
    result = work()
    took_s = clock() - began_s
    print(f"{name:34}{took_s:8.2f} s   peak {peak_gib():.2f} GiB", flush=True)
    return result, took_s


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
