"""Run notebooks headless through papermill, with checked parameters.

papermill accepts any `-p`, known or not, of any type. So `run` checks parameters before it starts, and
each notebook checks them again in its first cell, for those who call papermill themselves.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambdist_lib import extras, paths
from lambdist_lib.errors import ParameterError, UsageError
from lambdist_lib.notebooks.parameters import declared_types, require_declared
from lambdist_lib.report.write import write_report
from lambdist_lib.results import folders


def run(notebook: Path, output: Path, parameters: Mapping[str, Any], *, progress_bar: bool = True) -> Path:
    """Execute a notebook headless and write it with its outputs; return `output`.

    Raises:
        ParameterError: A parameter does not fit; nothing ran.
        papermill.PapermillExecutionError: A cell failed; `output` holds the cells before it.
    """
    with extras.needed("notebooks", "running a notebook"):
        import nbformat
        import papermill

    content = nbformat.read(notebook, as_version=4)
    cells = [cell for cell in content.cells if "parameters" in cell.metadata.get("tags", [])]
    if not cells:
        raise ParameterError(f"{paths.shown(notebook)} has no cell tagged parameters")
    require_declared(declared_types(cells[0].source), parameters)
    paths.make_private(output.parent)
    try:
        papermill.execute_notebook(str(notebook), str(output), dict(parameters), progress_bar=progress_bar)
    finally:
        _remove_paths(output)
    return output


def _remove_paths(output: Path) -> None:
    """Remove papermill's record of paths from an executed notebook: it names a user's folders."""
    import nbformat

    if output.exists():
        content = nbformat.read(output, as_version=4)
        for name in ("input_path", "output_path"):
            content.metadata.get("papermill", {}).pop(name, None)
        nbformat.write(content, output)


def run_notebook(
    notebook: Path, output: Path | None, given: Mapping[str, str], *, quiet: bool = False
) -> dict[str, str]:
    """Run a notebook from the command line, then write its report.

    Args:
        output: The executed notebook; by default in the folder of the notebook's experiment.
        given: Parameters as text, parsed as papermill parses `-p`.
        quiet: Print nothing.

    Returns:
        `notebook` (the executed one), `finding` and `report`; the last two are "" without an experiment.

    Raises:
        UsageError: The notebook does not exist, or a parameter does not fit.
    """
    import yaml

    with extras.needed("notebooks", "running a notebook"):
        import papermill

    notebook = paths.find(notebook)
    if not notebook.is_file():
        raise UsageError(f"no notebook {notebook}: name one of those in {paths.shown(paths.notebooks())}/")
    parameters = {name: yaml.safe_load(value) for name, value in given.items()}
    declared = papermill.inspect_notebook(str(notebook))
    if output is None and "experiment_id" in declared:
        data = parameters.get("data") or yaml.safe_load(declared["data"]["default"])
        parameters["experiment_id"] = parameters.get("experiment_id") or folders.new_id(data)
        output = paths.results() / parameters["experiment_id"] / "notebook.ipynb"
    output = output or paths.results() / notebook.name
    where = paths.shown(output)
    if not quiet:
        print(f"running {paths.shown(notebook)}; open {where} to watch", flush=True)
    run(notebook, output, parameters, progress_bar=sys.stderr.isatty())
    finding, report = _conclude(output.parent)
    if not quiet:
        lines = [finding, f"notebook: {where}", f"report: {report}" if report else ""]
        print("\n".join(filter(None, lines)))
    return {"notebook": where, "finding": finding, "report": report}


def _conclude(folder: Path) -> tuple[str, str]:
    """Return the finding in the folder, and the report that is written of its experiment."""
    summary = folder / "summary.json"
    finding = json.loads(summary.read_text(encoding="utf-8"))["finding"] if summary.exists() else ""
    is_experiment = bool(finding) and (folder / "experiment.json").exists()
    return finding, write_report(str(folder))["report"] if is_experiment else ""
