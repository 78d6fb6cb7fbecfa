"""Write and read a run's answers, in the order of its data file."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from lambdist_lib.data.datapoints import Line
from lambdist_lib.errors import RunError
from lambdist_lib.protocol.contract import (
    IN_FLIGHT,
    STORED,
)


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
