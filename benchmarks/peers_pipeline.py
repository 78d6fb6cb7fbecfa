"""The same job by Lithops on the same local cloud, beside two of our ways.

    python benchmarks/peers_pipeline.py            five minutes on two quiet cores, prints a Markdown table
    python benchmarks/peers_pipeline.py --datapoints 20 --rounds 1

Read the CPU seconds. Lithops invokes asynchronously, and the local cloud opens an environment for each
pending event, without the retries and the pace of AWS: its time here is not its time there. So at most
WORKERS of its calls are under way at once, as many as our ways have senders.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import measure

from lambdist_lib.cloud import targets
from lambdist_lib.deployment import stacks
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.machine import Meter

WORKERS = 10
WORK_S = 0.02
OURS = ("distributed", "invoke")
TIMEOUT_S = 300.0
BUCKET, ROLE = "lithops-benchmark", "lithops-benchmark"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def process(line: str) -> int:
    """Do the job's work: what `io:20ms` declares in ours."""
    time.sleep(WORK_S)
    return len(line)


def config(target: targets.Target, role_arn: str) -> dict[str, Any]:
    """Return Lithops's configuration for the local cloud."""
    credentials = target.session.get_credentials()
    account = {
        "region": target.session.region_name, "access_key_id": credentials.access_key,
        "secret_access_key": credentials.secret_key, "account_id": "000000000000", "user_id": "benchmark",
    }  # fmt: skip
    backend = {
        "execution_role": role_arn, "runtime_memory": 512, "runtime_timeout": 120, "max_workers": WORKERS,
    }  # fmt: skip
    return {
        "lithops": {"backend": "aws_lambda", "storage": "aws_s3", "monitoring_interval": 0.2,
                    "log_level": "WARNING"},
        "aws": account, "aws_lambda": backend, "aws_s3": {"storage_bucket": BUCKET},
    }  # fmt: skip


@contextlib.contextmanager
def lithops_executor(target: targets.Target, folder: Path) -> Iterator[Any]:
    """Deploy Lithops's worker on the local cloud, and yield its executor; delete it at the end.

    Args:
        folder: Where Lithops keeps what it knows of its workers.
    """
    import lithops
    from lithops.serverless.backends.aws_lambda import aws_lambda
    from lithops.storage import storage

    def invoke(backend: Any, name: str, memory_mb: int, payload: dict[str, Any]) -> str:
        function = backend._format_function_name(name, memory_mb)
        text = json.dumps(payload, default=str)
        answer = backend.lambda_client.invoke(FunctionName=function, InvocationType="Event", Payload=text)
        return str(answer["ResponseMetadata"]["RequestId"])

    # its own asks the host of AWS, whatever the endpoint, and repeats without a pause where none answers
    aws_lambda.AWSLambdaBackend.invoke = invoke
    storage.CACHE_DIR = str(folder)  # its own remembers workers that were deployed on another local cloud
    iam, s3 = target.client("iam"), target.client("s3")
    role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    s3.create_bucket(Bucket=BUCKET)
    executor = lithops.FunctionExecutor(config=config(target, role["Arn"]))
    try:
        yield executor
    finally:
        executor.clean(clean_cloudobjects=False)
        executor.compute_handler.clean()
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for item in page.get("Contents", []):
                s3.delete_object(Bucket=BUCKET, Key=item["Key"])
        s3.delete_bucket(Bucket=BUCKET)
        iam.delete_role(RoleName=ROLE)


def by_lithops(executor: Any, target: targets.Target, lines: list[str]) -> dict[str, float]:
    """Map the job once; return seconds until the last answer, and the CPU seconds of client and cloud."""
    meter, done = Meter(target), threading.Event()

    def sample() -> None:
        while not done.wait(0.5):
            meter.sample(now=True)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    began_s = time.monotonic()
    answers = executor.get_result(executor.map(process, lines), timeout=TIMEOUT_S)
    makespan_s = time.monotonic() - began_s
    done.set()
    sampler.join()
    meter.sample(now=True)
    assert answers == [len(line) for line in lines], "Lithops lost or mixed up answers"
    facts = meter.facts(makespan_s)
    return {"makespan_s": makespan_s, "cpu_s": facts["client_cpu_s"] + facts["cloud_cpu_s"]}


def by_ours(target: targets.Target, folder: Path, arm: str, count: int) -> dict[str, float]:
    """Run the job once through an arm, warm."""
    held = Conditions(chunks=WORKERS, retry_delay_s=0, work=f"io:{WORK_S * 1000:g}ms")
    row = measure(target, folder, arm, count, held, "warm")
    return {"makespan_s": row["makespan_s"], "cpu_s": row["client_cpu_s"] + row["cloud_cpu_s"]}


def show(label: str, rows: list[dict[str, float]]) -> None:
    medians = [statistics.median(row[name] for row in rows) for name in ("makespan_s", "cpu_s")]
    times = ", ".join(f"{row['makespan_s']:.3g}" for row in rows)
    print(f"| {label} | {medians[0]:.3g} | {times} | {medians[1]:.3g} |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--datapoints", type=int, default=129)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    target = targets.connect("local")
    assert target.cloud
    os.environ.update(target.cloud.environment())  # Lithops makes clients of its own
    lines = [f"word{k}" for k in range(options.datapoints)]
    print("| way | s, median | all rounds | CPU s |\n|---|---:|---|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for arm in OURS:
            rounds = range(options.rounds)
            show(arm, [by_ours(target, Path(folder), arm, options.datapoints) for _ in rounds])
    stacks.delete_stacks(target)
    with tempfile.TemporaryDirectory() as folder, lithops_executor(target, Path(folder)) as executor:
        by_lithops(executor, target, lines[:WORKERS])  # opens its environments
        show("Lithops", [by_lithops(executor, target, lines) for _ in range(options.rounds)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
