"""Synthetic tables with every column of `results.schema`, as one run or experiment would leave them."""

import numpy as np
import pandas as pd

from lambdist_lib.results.schema import INVOCATIONS, RECORDS, RUNS

CAUSE = "RuntimeError: a declared fault"
BEGAN_AT = 1_790_000_000.0  # in 2026: floats of that size resolve 0.24 µs


def runs(pairs=10, *, cold_pairs=0, control_s=5.0, arm_s=1.6, spread=0.05, seed=0, **columns):
    """Warm pairs of the two arms, then cold ones; a pair shares a drift. `columns` override."""
    rng = np.random.default_rng(seed)
    rows = []
    for pair in range(1, pairs + cold_pairs + 1):
        cold = pair > pairs
        drift = rng.lognormal(0, spread)
        for arm, base_s in (
            ("single_node", control_s * (1.2 if cold else 1)),
            ("distributed", arm_s * (2.5 if cold else 1)),
        ):
            makespan_s = base_s * drift * rng.lognormal(0, spread)
            enqueued_s = makespan_s - (0.01 if arm == "single_node" else 0.3 * makespan_s)
            rows.append(
                {
                    "experiment_id": "experiment",
                    "run_id": f"run-{pair}-{arm.replace('_', '-')}",
                    "pair": pair,
                    "arm": arm,
                    "temperature": "cold" if cold else "warm",
                    "target": "local cloud",
                    "chunks": 20 if arm == "distributed" else 1,
                    "processors": 20,
                    "request_batch": 1,
                    "queue_batch": 1,
                    "partial_responses": True,
                    "memory_mb": 512,
                    "work": "none",
                    "fault": "none",
                    "submitted": 131,
                    "stored": 129,
                    "dead": 2,
                    "rejected": 0,
                    "unsent": 0,
                    "in_flight": 0,
                    "lost": 0,
                    "started_at": BEGAN_AT + 20 * pair,
                    "makespan_s": makespan_s,
                    "enqueued_s": enqueued_s,
                    "seen_s": makespan_s + 0.1 * rng.random(),
                    "resumed": False,
                }
            )
    return pd.DataFrame(rows, columns=list(RUNS)).assign(**columns)


def records(count=131, *, dead=(), arm="distributed", run_id="run-1", senders=20, cold=0, seed=0):
    """One run; those in `dead` die of a RuntimeError at receive 5, the first `cold` wait for a cold start."""
    rng = np.random.default_rng(seed)
    distributed = arm == "distributed"
    rows = []
    free_at = np.full(senders if distributed else 1, BEGAN_AT)
    for n in range(count):
        sender = int(free_at.argmin())
        sent_at = free_at[sender] + 0.001
        is_cold = n < cold
        received_at = sent_at + 0.008 + rng.exponential(0.004) + (0.4 if is_cold else 0)
        done_at = received_at + 0.010 + rng.exponential(0.004)
        answered_at = done_at + 0.003
        free_at[sender] = answered_at
        row = dict.fromkeys(RECORDS, np.nan)
        row |= {
            name: "" for name, meaning in RECORDS.items() if name.endswith("_id") or name == "failure_causes"
        }
        row |= {
            "run_id": run_id, "arm": arm, "n": n, "outcome": "stored", "cause": "", "cause_class": "",
            "intended_at": BEGAN_AT,
            "sent_at": sent_at, "answered_at": answered_at, "tries": 1, "status": 200, "request": n,
            "senders": len(free_at), "received_at": received_at, "done_at": done_at, "entry_cold": is_cold,
            "entry_request_id": f"entry-{n}", "entry_environment_id": f"entry-{sender}", "entry_init_s": 0.3,
            "receives": 1, "failures": 0, "duplicates": 0, "redrives": 0,
            "name_s": 0.0, "connect_s": 0.0, "tls_s": 0.0, "first_byte_s": answered_at - sent_at,
            "total_s": answered_at - sent_at,
        }  # fmt: skip
        if distributed:
            row["queued_at"] = np.floor((done_at - 0.004) * 1000) / 1000
            row["first_received_at"] = np.floor((done_at + 0.02 + rng.exponential(0.05)) * 1000) / 1000
            started_at = row["first_received_at"] + 0.004 + (0.5 if is_cold else 0)
        else:
            started_at = received_at + 0.0002
        finished_at = started_at + 0.0005
        if n in dead:
            row |= {"outcome": "dead", "cause": CAUSE, "cause_class": "application",
                    "receives": 5, "failures": 5, "failure_causes": " | ".join([CAUSE] * 5),
                    "dead_at": started_at + 1.1}  # fmt: skip
        else:
            row |= {"started_at": started_at, "finished_at": finished_at, "put_at": finished_at + 0.00002,
                    "request_id": f"request-{n}", "environment_id": f"environment-{n % 8}", "cold": is_cold,
                    "init_s": 0.4}  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows, columns=list(RECORDS))


def ended_as(*outcomes, run_id="run-1"):
    """The records of one run, with these outcomes."""
    return records(len(outcomes), run_id=run_id).assign(outcome=list(outcomes))


def invocations(count=131, *, cold=8, function="processor", run_id="run-1", seed=0):
    """One run's invocations of one function, the first `cold` of them each in a new environment."""
    rng = np.random.default_rng(seed)
    environments = max(cold, 1)
    init_s = rng.lognormal(np.log(0.35), 0.2, environments)
    rows = []
    for i in range(count):
        rows.append(
            {
                "run_id": run_id,
                "function": function,
                "at": BEGAN_AT + 0.05 * i,
                "request_id": f"{function}-request-{i}",
                "environment_id": f"{function}-environment-{i % environments}",
                "cold": i < cold,
                "init_s": init_s[i % environments],
                "received": 1,
                "stored": 1,
                "failed": 0,
                "permanent": 0,
                "duration_s": rng.lognormal(np.log(0.03 if i < cold else 0.008), 0.3),
                "put_s": 0.004,
            }
        )
    return pd.DataFrame(rows, columns=list(INVOCATIONS))


def sweep(seconds, levels=(1, 2, 5, 10, 20, 50, 100), *, sizes=(1000,), repetitions=7, spread=0.03, seed=0,
          factor="chunks", **columns):  # fmt: skip
    """Warm distributed runs at each level, `seconds(level, size)` and noise; `columns` override."""
    rng = np.random.default_rng(seed)
    [_, run] = runs(1).to_dict("records")
    rows = []
    for size in sizes:
        for level in levels:
            for repetition in range(1, repetitions + 1):
                makespan_s = seconds(level, size) * rng.lognormal(0, spread)
                rows.append(
                    {
                        **run,
                        "run_id": f"sweep-{size}-{level}-{repetition}",
                        "pair": repetition,
                        **({"processors": max(level, 2)} if factor == "chunks" else {}),
                        factor: f"io:{level * 1000:g}ms" if factor == "work" else level,
                        "submitted": size,
                        "stored": size,
                        "dead": 0,
                        "makespan_s": makespan_s,
                    }
                )
    return pd.DataFrame(rows, columns=list(RUNS)).assign(**columns)
