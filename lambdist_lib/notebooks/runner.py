"""Notebooks as programs: run headless through papermill, with parameters that are checked.

papermill takes any `-p` with exit status 0, known or not, and of any type. The main
notebook's first cells call `check_parameters`, and `run` below checks before it starts.
"""

import ast
import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.errors import ParameterError, UsageError
from lambdist_lib.report import html
from lambdist_lib.results import folders

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


def levels(text: str) -> list[Any]:
    """Levels of a sweep from a parameter: "1 2 5" as numbers, "none io:20ms" as words.

    papermill's `-p` gives lists as text, so such parameters are text in the first place.
    """
    words = text.replace(",", " ").split()
    if not words:
        raise ParameterError("levels is empty; write some, separated by spaces: 1 2 5 10")
    return [int(word) if word.isdecimal() else word for word in words]


def run(notebook: Path, output: Path, parameters: Mapping[str, Any], *, progress_bar: bool = True) -> Path:
    """Execute a notebook headless and write what came out; returns `output`.

    Raises:
        ParameterError: Before anything runs, a parameter does not fit.
        papermill.PapermillExecutionError: A cell failed; `output` holds everything up to it.
    """
    import nbformat
    import papermill

    content = nbformat.read(notebook, as_version=4)
    cells = [cell for cell in content.cells if "parameters" in cell.metadata.get("tags", [])]
    if not cells:
        raise ParameterError(f"{paths.shown(notebook)} has no cell tagged parameters")
    require_declared(declared_types(cells[0].source), parameters)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(str(notebook), str(output), dict(parameters), progress_bar=progress_bar)
    finally:
        _without_paths(output)
    return output


def _without_paths(output: Path) -> None:
    """Take the paths that papermill writes down out of an executed notebook: they name people's folders."""
    import nbformat

    if output.exists():
        content = nbformat.read(output, as_version=4)
        for name in ("input_path", "output_path"):
            content.metadata.get("papermill", {}).pop(name, None)
        nbformat.write(content, output)


def run_and_tell(
    notebook: Path, output: Path | None, given: Mapping[str, str], *, quiet: bool = False
) -> dict[str, str]:
    """`run` for the command line: values as papermill reads them; returns output, finding and report.

    Without `output`, an experiment's notebook goes into the experiment's own folder.

    Raises:
        UsageError: There is no such notebook, or a parameter does not fit.
    """
    import papermill
    import yaml

    if not notebook.is_file():
        raise UsageError(f"there is no notebook {notebook}; {paths.shown(paths.NOTEBOOKS)}/ has some")
    parameters = {name: yaml.safe_load(value) for name, value in given.items()}
    declared = papermill.inspect_notebook(str(notebook))
    if output is None and "experiment_id" in declared:
        data = parameters.get("data") or yaml.safe_load(declared["data"]["default"])
        parameters["experiment_id"] = parameters.get("experiment_id") or folders.new_id(data)
        output = paths.RESULTS / parameters["experiment_id"] / "notebook.ipynb"
    output = output or paths.RESULTS / notebook.name
    where = paths.shown(output)
    if not quiet:
        print(f"{paths.shown(notebook)} runs; it grows in {where}", flush=True)
    run(notebook, output, parameters)
    summary = output.parent / "summary.json"
    finding = json.loads(summary.read_text(encoding="utf-8"))["finding"] if summary.exists() else ""
    is_experiment = bool(finding) and (output.parent / "experiment.json").exists()
    made = html.write(str(output.parent))["report"] if is_experiment else ""
    if not quiet:
        told = [finding, f"look at {where} and what lies beside it"]
        told += [f"the report, one file to be read and sent: {made}"] if made else []
        print("\n".join(told).lstrip())
    return {"notebook": where, "finding": finding, "report": made}
