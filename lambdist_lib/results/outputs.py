"""Write and read a run's outputs, in the order of its data file."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from lambdist_lib.data import items
from lambdist_lib.data.datapoints import Line
from lambdist_lib.errors import RunError
from lambdist_lib.extras import needed
from lambdist_lib.protocol.contract import IN_FLIGHT, RESULT_MAX_DEPTH, STORED, PermanentError, result_json
from lambdist_lib.results import files

ENCODER = json.JSONEncoder(ensure_ascii=False)
OWN_COLUMNS = ("n", "error")  # of a table of answers, beside those of inputs and results


def write_outputs(
    file: TextIO, lines: Iterable[Line], table: pd.DataFrame, items: dict[int, dict[str, Any]]
) -> None:
    """Write `outputs.jsonl`: a line per datapoint in input order, `{n, data, result | error}`."""
    outcomes = zip(table["outcome"], table["cause"], strict=True)
    for line, (outcome, cause) in zip(lines, outcomes, strict=True):
        file.write(output_line(line, outcome, cause, items.get(line.n, {})))


def output_line(line: Line, outcome: str, cause: str, item: Mapping[str, Any]) -> str:
    """Return a datapoint's line of `outputs.jsonl`.

    Args:
        outcome, cause: Of the datapoint's record.
        item: The datapoint's item of the table; empty without one.
    """
    result = item["result"] if outcome == STORED else None
    return _line({"n": line.n, "data": line.data}, result, f"{outcome}: {cause}")


def write_adhoc_outputs(path: Path, items: Iterable[dict[str, Any]]) -> None:
    """Write the outputs of datapoints that were sent without a run, in the order of their arrival."""
    with path.open("w", encoding="utf-8") as file:
        for item in sorted(items, key=lambda item: item.get("received_at", item.get("dead_at", 0))):
            answer = {"n": item["n"], "data": item.get("data", item.get("payload"))}
            error = f"{item.get('outcome', IN_FLIGHT)}: {item.get('cause', '')}"
            file.write(_line(answer, item["result"] if item.get("outcome") == STORED else None, error))


def _line(answer: dict[str, Any], result: str | None, error: str) -> str:
    """Return an answer with its result, or with an error; one that cannot be read is that answer's alone."""
    if result is None:
        return ENCODER.encode({**answer, "error": error}) + "\n"
    try:
        value = json.loads(result)
        if result.count("[") + result.count("{") > RESULT_MAX_DEPTH:
            result_json(value)  # a reader deeper in its stack could not read it back
        return ENCODER.encode({**answer, "result": value}) + "\n"
    except (ValueError, RecursionError, PermanentError) as unreadable:  # of a stack without the limit
        cause = f"{STORED}: its result in the table cannot be read: {unreadable}"
        return ENCODER.encode({**answer, "error": cause}) + "\n"


def outputs(run: str | Path) -> Iterator[dict[str, Any]]:
    """Yield each datapoint's output in input order, as `outputs.jsonl` has it.

    Args:
        run: A run's folder.

    Yields:
        `{"n", "data", "result"}`, or `"error"` instead of `"result"`.

    Raises:
        RunError: The run was not collected.
    """
    path = Path(run) / "outputs.jsonl"
    if not path.exists():
        raise RunError(
            f"{path.parent.name} has no outputs yet: fetch them with `lambdist fetch {path.parent.name}`"
        )
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def objects(run: str | Path) -> Iterator[dict[str, Any]]:
    """Yield what `outputs` does, with the Python objects that were sent as `data` (`data.items`)."""
    facts = Path(run) / "run.json"
    is_json = facts.exists() and files.read_json(facts).get("encoding") == "json"
    for answer in outputs(run):
        yield {**answer, "data": items.decode(answer["data"])} if is_json else answer


def frame(answers: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Return answers as a table, indexed by n (`analysis.Results.frame`)."""
    rows = list(answers)
    index = pd.Index([row["n"] for row in rows], name="n")
    given = _set_apart(_columns([row["data"] for row in rows], "data", index), "data_", OWN_COLUMNS)
    results = _columns([row.get("result") for row in rows], "result", index)
    results = _set_apart(results, "result_", [*OWN_COLUMNS, *given])
    table = pd.concat([given, results], axis=1)
    if any("error" in row for row in rows):
        table["error"] = [row.get("error", "") for row in rows]
    return table


def print_table(answers: Iterable[dict[str, Any]], format: str, file: TextIO) -> None:
    """Write answers as `csv`, `tsv` or `parquet`; lists and dicts in cells of text become JSON.

    Raises:
        MissingExtraError: Parquet needs pyarrow.
    """
    table = frame(answers)
    if format == "parquet":
        with needed("files", "writing Parquet"):
            import pyarrow  # noqa: F401
        table.to_parquet(file.buffer)
        return

    def cell(value: Any) -> Any:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value

    table.map(cell).to_csv(file, sep="\t" if format == "tsv" else ",")


def _set_apart(table: pd.DataFrame, prefix: str, taken: Collection[str]) -> pd.DataFrame:
    """Return a table whose columns of a taken name have the prefix, as often as makes the name a new one."""
    names: dict[str, str] = {}
    for name in table:
        new = str(name)
        while new in taken or (new != name and (new in table or new in names.values())):
            new = f"{prefix}{new}"
        names[name] = new
    return table.rename(columns=names)


def _columns(values: list[Any], name: str, index: "pd.Index[Any]") -> pd.DataFrame:
    """One column, or one for each key if all values are dicts or missing."""
    dicts = [value for value in values if value is not None]
    if dicts and all(isinstance(value, dict) for value in dicts):
        return pd.DataFrame([value or {} for value in values], index=index)
    return pd.DataFrame({name: pd.Series(values, index=index, dtype=object).infer_objects()})
