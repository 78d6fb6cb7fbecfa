"""Check a notebook's parameters before anything runs, and parse those that are text."""

import ast
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambdist_lib.errors import ParameterError

INJECTED = "# Parameters"  # the first line of the cell that papermill adds
SAMPLE, SAMPLE_FAILING = "words.txt", 2  # the sample data, and how many failing datapoints it gets
TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}


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
            close = difflib.get_close_matches(name, declared, 1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise ParameterError(f"unknown parameter {name}{hint}; known: {', '.join(declared)}")
        types = TYPES.get(declared[name], (object,))
        wrong_bool = isinstance(value, bool) and bool not in types and object not in types
        if not isinstance(value, types) or wrong_bool:
            raise ParameterError(f"parameter {name} is {value!r}; it must be {declared[name]}")


def declared_types(source: str) -> dict[str, str]:
    """Return the names that a parameters cell assigns, with their annotations; "" without one."""
    names = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = ast.unparse(node.annotation)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = ""
    return names


def failing_datapoints(asked: int, data: str) -> int:
    """Return how many datapoints to add that fail at every attempt.

    Args:
        asked: The parameter; -1 adds some to the project's own sample data, and none to any other file.
    """
    if asked >= 0:
        return asked
    return SAMPLE_FAILING if Path(data) == Path("data") / SAMPLE else 0


def parse_levels(text: str) -> list[Any]:
    """Parse the levels of a sweep: "1 2 5" as numbers, "none io:20ms" as words.

    Text, because papermill's `-p` passes lists as text.

    Raises:
        ParameterError: There are no levels.
    """
    words = text.replace(",", " ").split()
    if not words:
        raise ParameterError("levels is empty; write some, separated by spaces: 1 2 5 10")
    return [int(word) if word.isdecimal() else word for word in words]


def parse_fault_matrix(
    fault_plans: str, batches: str, plans_without_partial_responses: str
) -> list[dict[str, Any]]:
    """Parse the cells of a fault matrix, as `Experiment.run_matrix` takes them.

    Args:
        fault_plans: Separated by spaces; each runs at each batch.
        batches: Messages per invocation at most, separated by spaces.
        plans_without_partial_responses: Separated by spaces; each runs at the largest batch only.

    Raises:
        ParameterError: There are no batches.
    """
    sizes = parse_levels(batches)
    cells = [{"queue_batch": size, "fault": plan} for size in sizes for plan in fault_plans.split()]
    return cells + [
        {"queue_batch": max(sizes), "fault": plan, "partial_responses": False}
        for plan in plans_without_partial_responses.split()
    ]
