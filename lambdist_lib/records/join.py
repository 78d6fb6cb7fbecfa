"""Table + receipts + logs -> one row per datapoint, one row per invocation, and the answers.

records.outputs("results/my-experiment/runs/d-1")      each datapoint's answer, in input order
records.load("results/my-experiment/runs/d-1")         the table of `columns.RECORDS`
"""

import heapq
import json
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Line
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import RunError
from lambdist_lib.protocol.contract import (
    APPLICATION,
    DEAD,
    IN_FLIGHT,
    LOST,
    NO_TRACE,
    REJECTED,
    STORED,
    UNSENT,
    shard_keys,
)
from lambdist_lib.results import folders, schema

LOG_GROUPS = ("CollectorLogGroup", "ProcessorLogGroup", "DeadLetterLogGroup", "SingleNodeLogGroup")
LOG_LINES = ("request_served", "batch_processed", "dead_letters_recorded")
TEXTS = ("cause", "cause_class", "failure_causes")
FROM_ITEM = (  # columns that a record takes from its item as they are
    "queued_at",
    "first_received_at",
    "started_at",
    "finished_at",
    "put_at",
    "request_id",
    "environment_id",
    "cold",
    "init_s",
    "dead_at",
)


def items(target: Target, stack: Stack, run_id: str) -> dict[int, dict[str, Any]]:
    """A run's items by n, as plain values."""
    return {item["n"]: item for item in items_in_order(target, stack, run_id)}


def items_in_order(target: Target, stack: Stack, run_id: str) -> Iterator[dict[str, Any]]:
    """A run's items, as plain values, by ascending n; a page or two of each shard are in memory at a time."""
    dynamodb, table = target.client("dynamodb"), stack.outputs["TableName"]
    with ThreadPoolExecutor(len(shard_keys(run_id))) as pool:

        def shard(key: str) -> Iterator[dict[str, Any]]:
            pages = iter(
                dynamodb.get_paginator("query").paginate(
                    TableName=table,
                    KeyConditionExpression="run_shard = :key",
                    ExpressionAttributeValues={":key": {"S": key}},
                    ConsistentRead=True,
                )
            )
            asked = pool.submit(next, pages, None)
            yield {}  # all shards are asked before any is waited for
            while page := asked.result():
                asked = pool.submit(next, pages, None)
                for item in page["Items"]:
                    yield {name: plain(value) for name, value in item.items()}

        shards = [shard(key) for key in shard_keys(run_id)]
        for begun in shards:
            next(begun)
        yield from heapq.merge(*shards, key=lambda item: item["n"])


def plain(value: dict[str, Any]) -> Any:
    """A DynamoDB value as Python's; numbers are int where they are whole, else float."""
    [(kind, content)] = value.items()
    if kind == "N":
        return int(content) if content.lstrip("-").isdecimal() else float(content)
    if kind == "L":
        return [plain(one) for one in content]
    if kind == "M":
        return {name: plain(one) for name, one in content.items()}
    return content


def join(
    run_id: str,
    arm: str,
    lines: Iterable[Line],
    receipts: Iterable[dict[str, Any]],
    found: dict[int, dict[str, Any]],
    *,
    queued: int,
) -> pd.DataFrame:
    """One row per datapoint (`columns.RECORDS`), in input order.

    Args:
        receipts: Rows of the journal; of several for one datapoint the last counts.
        found: The run's items.
        queued: Messages still queued at the run's end: what has no outcome is then in flight.
    """
    last = {receipt["n"]: receipt for receipt in receipts}
    rows = []
    for line in lines:
        receipt, item = last.get(line.n, {}), found.get(line.n, {})
        attempts = item.get("attempts", [])
        outcome, cause = _outcome(receipt, item, "single" in arm, queued)
        row = {"run_id": run_id, "arm": arm, "n": line.n, "outcome": outcome, "cause": cause}
        row["cause_class"] = cause_class(item) if outcome == DEAD else ""
        row |= {name: receipt.get(name) for name in schema.RECORDS if name in receipt and name not in row}
        row |= {name: item.get(name) for name in FROM_ITEM}
        row["receives"] = item.get("receives", receipt.get("tries")) if item else None
        row["failures"] = len(attempts)
        row["failure_causes"] = " | ".join(attempt["cause"] for attempt in attempts)
        row["duplicates"] = item.get("duplicates", 0)
        row["redrives"] = len(item.get("redrives", []))
        rows.append(row)
    return pd.DataFrame(rows, columns=list(schema.RECORDS))


def _outcome(receipt: dict[str, Any], item: dict[str, Any], single: bool, queued: int) -> tuple[str, str]:
    """A datapoint's place in the ledger: the table decides, the client's verdict where it is silent."""
    verdict, attempts = receipt.get("verdict", ""), item.get("attempts", [])
    last_cause = attempts[-1]["cause"] if attempts else ""
    if item.get("outcome") == STORED:
        return STORED, ""
    if item.get("outcome") == DEAD:
        return DEAD, item.get("cause") or last_cause or "no trace"
    if verdict == REJECTED:
        return REJECTED, receipt["cause"]
    answered_5xx = (
        verdict == "unknown" and (receipt.get("status") or 0) >= 500
    )  # its last invocation has ended
    if single and (attempts or answered_5xx):  # tried as often as the client may, and never stored
        last_cause = last_cause if attempts else receipt["cause"]
        return DEAD, f"client: gave up after {receipt.get('tries', len(attempts))} tries: {last_cause}"
    if verdict in ("", "refused"):
        return UNSENT, receipt.get("cause", "never sent")
    return (IN_FLIGHT, "still queued") if queued else (LOST, "accepted, but neither queued nor in the table")


def cause_class(item: dict[str, Any]) -> str:
    """Of a dead datapoint: what its item says; without a dead-letter handler its last attempt says it."""
    attempts = item.get("attempts", [])
    last = attempts[-1].get("class", APPLICATION) if attempts else NO_TRACE
    return item.get("cause_class") or last


def invocations(target: Target, stack: Stack, run_id: str, since: float, until: float) -> pd.DataFrame:
    """One row per invocation of the stack's functions between two times (`columns.INVOCATIONS`)."""
    rows = []
    for event in log_events(target, stack, since, until):
        if event["message"].startswith('{"event"'):
            line = json.loads(event["message"])
            if line["event"] in LOG_LINES:
                rows.append(_invocation(run_id, event["timestamp"] / 1000, line))
    return pd.DataFrame(rows, columns=list(schema.INVOCATIONS))


def log_events(target: Target, stack: Stack, since: float, until: float) -> Iterator[dict[str, Any]]:
    """Everything that the stack's functions logged between two times, one function after the other."""
    logs = target.client("logs")
    for group in [stack.outputs[name] for name in LOG_GROUPS if name in stack.outputs]:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(since * 1000), endTime=int(until * 1000) + 1000
        )
        for page in pages:
            yield from page["events"]


def _invocation(run_id: str, at: float, line: dict[str, Any]) -> dict[str, Any]:
    counts = {
        "stored": line.get("stored", line.get("accepted", 0)),
        "failed": line.get("failed", line.get("retry", 0)),
    }
    counts["hopeless"] = line.get("hopeless", line.get("dead", 0))
    counts["received"] = line.get("received", sum(counts.values()) + line.get("rejected", 0))
    same = {
        name: line.get(name)
        for name in ("function", "request_id", "environment_id", "cold", "init_s", "duration_s")
    }
    return {"run_id": run_id, "at": at, **same, **counts, "put_s": sum(line.get("put_s", []))}


def write_outputs(
    file: TextIO, lines: Iterable[Line], table: pd.DataFrame, found: dict[int, dict[str, Any]]
) -> None:
    """Lines of `outputs.jsonl`: each datapoint's answer in input order, `{n, data, result | error}`."""
    outcomes = zip(table["n"], table["outcome"], table["cause"], strict=True)
    for line, (n, outcome, cause) in zip(lines, outcomes, strict=True):
        answer: dict[str, Any] = {"n": int(n), "data": line.data}
        if outcome == STORED:
            answer["result"] = json.loads(found[line.n]["result"])
        else:
            answer["error"] = f"{outcome}: {cause}"
        file.write(json.dumps(answer, ensure_ascii=False) + "\n")


def write_adhoc_outputs(path: Path, found: Iterable[dict[str, Any]]) -> None:
    """Answers of datapoints that no file of ours has, in the order of their arrival."""
    with path.open("w", encoding="utf-8") as file:
        for item in sorted(found, key=lambda item: item.get("received_at", item.get("dead_at", 0))):
            answer = {"n": item["n"], "data": item.get("data", item.get("payload"))}
            if item.get("outcome") == STORED:
                answer["result"] = json.loads(item["result"])
            else:
                answer["error"] = f"{item.get('outcome', IN_FLIGHT)}: {item.get('cause', '')}"
            file.write(json.dumps(answer, ensure_ascii=False) + "\n")


def outputs(run: str | Path) -> Iterator[dict[str, Any]]:
    """Each datapoint's answer in input order: `{n, data, result}`, or `error` in place of `result`.

    Args:
        run: A run's folder.

    Raises:
        RunError: The run was not collected.
    """
    path = Path(run) / "outputs.jsonl"
    if not path.exists():
        raise RunError(f"{path.parent.name} has no outputs yet; type `lambdist fetch {path.parent.name}`")
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def write_table(folder: Path, name: str, table: pd.DataFrame) -> None:
    """`<name>.csv` in a folder, gzipped where it is large."""
    with folders.table(folder, name) as file:
        table.to_csv(file, index=False, float_format="%.6f")


def load(run: str | Path, name: str = "records") -> pd.DataFrame:
    """A table of a run's folder: `records`, `invocations` or `receipts`; of an experiment's: `runs`.

    Raises:
        RunError: There is no such table, or it is none of ours.
    """
    for path in (Path(run) / f"{name}.csv", Path(run) / f"{name}.csv.gz"):
        if path.exists():
            break
    else:
        raise RunError(f"{Path(run).name} has no {name}.csv: the run was not collected")
    _require_whole(path)
    known = {"records": schema.RECORDS, "invocations": schema.INVOCATIONS, "runs": schema.RUNS}.get(name)
    try:
        # where a million causes are empty, pandas would guess numbers
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(TEXTS, object))
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise RunError(f"{path.name} of {Path(run).name} cannot be read: {error}") from error
    if known and list(table.columns) != list(known):
        raise RunError(
            f"{path.name} of {Path(run).name} is of another version: its columns are not `columns.py`'s"
        )
    return table.fillna({column: "" for column in TEXTS if column in table})


def _require_whole(path: Path) -> None:
    """Raise RunError for a table whose last line was cut off: its row would count, with values missing."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 1, 0))
        if size and path.suffix == ".csv" and file.read() != b"\n":
            raise RunError(
                f"{path.name} of {path.parent.name} is cut off in its last line; put the whole file back, "
                "or leave the run out"
            )
