"""Check a notebook's parameters before anything runs, and parse those that are text."""

import ast
import contextlib
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambdist_lib.errors import ParameterError
from lambdist_lib.formatting import did_you_mean
from lambdist_lib.measures.ways import REFERENCE, fan_outs
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.runs import argument_checks
from lambdist_lib.runs.levels import check_cells

SEVERAL = ("levels", "batches", "sizes")  # text with several values; one number alone may stand for them
INJECTED = "# Parameters"  # the first line of the cell that papermill adds
SAMPLE = Path("data") / "words.txt"  # the project's own sample data
SAMPLE_FAILING = 1  # failing datapoints that it gets; the single sender tries each five times
# of it that are sent, at least: six for each of the six senders; with ten, a ratio is no more precise
SAMPLE_DATAPOINTS, SAMPLE_PER_SENDER = 36, 6
TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}
EXAMPLES = {"int": "5", "float": "0.5", "bool": "True"}  # as `-p` reads them


def check_parameters(namespace: Mapping[str, Any]) -> None:
    """Check the parameters that papermill injected against the notebook's parameters cell.

    Args:
        namespace: The notebook's `globals()`. Without injected parameters nothing is checked: in
            JupyterLab a user edits the cell itself.

    Raises:
        ParameterError: The cell does not declare a name, or declares another type.
    """
    cells = [cell for cell in namespace.get("In", []) if cell.strip()]
    injected = [number for number, cell in enumerate(cells) if cell.lstrip().startswith(INJECTED)]
    if injected and injected[0] > 0:
        declared = declared_types(cells[injected[0] - 1])
        given = {name: namespace[name] for name in declared_types(cells[injected[0]])}
        require_declared(declared, given)


def require_declared(declared: Mapping[str, str], given: Mapping[str, Any]) -> None:
    """Raise ParameterError unless every given parameter is declared and of its type."""
    for name, value in given.items():
        if name not in declared:
            hint = did_you_mean(name, declared)
            raise ParameterError(f"unknown parameter {name}{hint}; known: {', '.join(declared)}")
        types = TYPES.get(declared[name], (object,))
        if name in SEVERAL and isinstance(value, int | float | list):
            types = (object,)
        wrong_bool = isinstance(value, bool) and bool not in types and object not in types
        if not isinstance(value, types) or wrong_bool:
            how = _typed(name, value, declared[name])
            raise ParameterError(f"parameter {name} is {value!r}; it must be {declared[name]}: {how}")


def _typed(name: str, value: Any, declared: str) -> str:
    """Return the option that gives a value of the declared type."""
    if declared == "str":
        return f"-r {name} {shlex.quote(str(value))} keeps it text"
    if declared == "int" and isinstance(value, float) and value.is_integer():
        return f"type -p {name} {value:.0f}"
    return f"type -p {name} {EXAMPLES.get(declared, 'VALUE')}"


def declared_types(source: str) -> dict[str, str]:
    """Return the names that a parameters cell assigns, with their annotations; "" without one."""
    names = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = ast.unparse(node.annotation)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = ""
    return names


def declared_values(source: str) -> dict[str, Any]:
    """Return the values that a parameters cell assigns; those that are not literals are left out."""
    values = {}
    for node in ast.parse(source).body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        if targets and isinstance(targets[0], ast.Name):
            with contextlib.suppress(ValueError):
                values[targets[0].id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
    return values


def failing_datapoints(asked: int, data: str) -> int:
    """Return how many datapoints to add that fail at every attempt.

    Args:
        asked: The parameter; -1 adds some to the project's own sample data, and none to any other file.
    """
    if asked >= 0:
        return asked
    return SAMPLE_FAILING if Path(data) == SAMPLE else 0


def first_datapoints(asked: int, data: str, chunks: int) -> int:
    """Return how many of the file's first datapoints are sent; 0 for all.

    Args:
        asked: The parameter; -1 sends as many of the project's own sample data as keep the senders
            busy, and all of any other file.
    """
    if asked >= 0:
        return asked
    return max(SAMPLE_DATAPOINTS, SAMPLE_PER_SENDER * chunks) if Path(data) == SAMPLE else 0


def parse_levels(levels: Any, name: str = "levels") -> list[Any]:
    """Parse the levels of a sweep: "1 2 5" as numbers, "none io:20ms" as words.

    Text, because papermill's `-p` passes lists as text; one number alone arrives as a number.

    Raises:
        ParameterError: There are no levels.
    """
    words = levels.replace(",", " ").split() if isinstance(levels, str) else levels
    words = words if isinstance(words, list | tuple) else [words]
    if not words:
        raise ParameterError(f"{name} is empty; write some, separated by spaces: {name} 1 2 5 10")
    return [_number(word) for word in words]


def _number(word: Any) -> Any:
    """Return the number that a word or a float stands for, as an int if it is whole; else the word."""
    try:
        value = float(word)
    except (TypeError, ValueError):
        return word
    if isinstance(word, bool) or not math.isfinite(value):
        return word
    return int(value) if value.is_integer() else value


def parse_arms(text: str) -> list[str]:
    """Parse arms, separated by spaces; "" for every way to fan out.

    The arm that the others are compared with, and that calibrates predictions, is always among them.

    Raises:
        ParameterError: An arm is unknown.
    """
    words = text.replace(",", " ").split() or list(fan_outs())
    if unknown := [word for word in words if word not in ARMS]:
        raise ParameterError(f"unknown arm {', '.join(unknown)}; known: {', '.join(ARMS)}")
    return list(dict.fromkeys([REFERENCE, *words]))


def parse_fault_matrix(
    fault_plans: str, batches: Any, plans_without_partial_responses: str
) -> list[dict[str, Any]]:
    """Parse the cells of a fault matrix, as `Experiment.run_matrix` takes them.

    Args:
        fault_plans: Separated by spaces; each runs at each batch.
        batches: Messages per invocation at most, separated by spaces.
        plans_without_partial_responses: Separated by spaces; each runs at the largest batch only.

    Raises:
        ParameterError: There are no batches or no plans.
        UsageError: A batch or a plan is invalid or repeated.
    """
    sizes = argument_checks.several("batches", parse_levels(batches, "batches"), "messages per invocation")
    for size in sizes:
        argument_checks.from_template("batches", size, parameter="QueueBatch")
    cells = [{"queue_batch": size, "fault": plan} for size in sizes for plan in fault_plans.split()]
    cells += [
        {"queue_batch": max(sizes), "fault": plan, "partial_responses": False}
        for plan in plans_without_partial_responses.split()
    ]
    if not cells:
        raise ParameterError("fault_plans is empty; write some, separated by spaces: raise:0.5 raise:0.7")
    return check_cells(cells)
