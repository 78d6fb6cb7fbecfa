"""Check a notebook's parameters before anything runs."""

import ast
import difflib
from collections.abc import Mapping
from typing import Any

from lambdist_lib.errors import ParameterError

INJECTED = "# Parameters"  # the first line of the cell that papermill puts in


TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}


def check_parameters(namespace: Mapping[str, Any]) -> None:
    """Hold what papermill injected against the notebook's own parameters cell.

    Args:
        namespace: The notebook's `globals()`. Without injected parameters, as in JupyterLab,
            nothing is checked: the person edits the cell itself.

    Raises:
        ParameterError: A name that the cell does not declare, or a value of another type.
    """
    cells = [cell for cell in namespace.get("In", []) if cell.strip()]
    injected = [k for k, cell in enumerate(cells) if cell.lstrip().startswith(INJECTED)]
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
    """Names that a parameters cell assigns, with their annotations ("" without one)."""
    names = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = ast.unparse(node.annotation)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = ""
    return names


def parse_levels(text: str) -> list[Any]:
    """Levels of a sweep from a parameter: "1 2 5" as numbers, "none io:20ms" as words.

    papermill's `-p` gives lists as text, so such parameters are text in the first place.
    """
    words = text.replace(",", " ").split()
    if not words:
        raise ParameterError("levels is empty; write some, separated by spaces: 1 2 5 10")
    return [int(word) if word.isdecimal() else word for word in words]
