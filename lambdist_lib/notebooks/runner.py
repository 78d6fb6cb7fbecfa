"""Notebooks as programs: run headless through papermill, with parameters that are checked.

papermill takes any `-p` with exit status 0, known or not, and of any type. The main
notebook's first cells call `check_parameters`, and `run` below checks before it starts.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambdist_lib import extras, paths
from lambdist_lib.errors import ParameterError, UsageError
from lambdist_lib.notebooks.parameters import declared_types, require_declared
from lambdist_lib.report import write
from lambdist_lib.results import folders


def run(notebook: Path, output: Path, parameters: Mapping[str, Any], *, progress_bar: bool = True) -> Path:
    """Execute a notebook headless and write what came out; returns `output`.

    Raises:
        ParameterError: Before anything runs, a parameter does not fit.
        papermill.PapermillExecutionError: A cell failed; `output` holds everything up to it.
    """
    with extras.needed("notebooks", "running a notebook"):
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


def run_notebook(
    notebook: Path, output: Path | None, given: Mapping[str, str], *, quiet: bool = False
) -> dict[str, str]:
    """`run` for the command line: values as papermill reads them; returns output, finding and report.

    Without `output`, an experiment's notebook goes into the experiment's own folder.

    Raises:
        UsageError: There is no such notebook, or a parameter does not fit.
    """
    import yaml

    with extras.needed("notebooks", "running a notebook"):
        import papermill

    notebook = paths.find(notebook)
    if not notebook.is_file():
        raise UsageError(f"there is no notebook {notebook}; {paths.shown(paths.notebooks())}/ has some")
    parameters = {name: yaml.safe_load(value) for name, value in given.items()}
    declared = papermill.inspect_notebook(str(notebook))
    if output is None and "experiment_id" in declared:
        data = parameters.get("data") or yaml.safe_load(declared["data"]["default"])
        parameters["experiment_id"] = parameters.get("experiment_id") or folders.new_id(data)
        output = paths.results() / parameters["experiment_id"] / "notebook.ipynb"
    output = output or paths.results() / notebook.name
    where = paths.shown(output)
    if not quiet:
        print(f"{paths.shown(notebook)} runs; it grows in {where}", flush=True)
    run(notebook, output, parameters)
    summary = output.parent / "summary.json"
    finding = json.loads(summary.read_text(encoding="utf-8"))["finding"] if summary.exists() else ""
    is_experiment = bool(finding) and (output.parent / "experiment.json").exists()
    made = write.write_report(str(output.parent))["report"] if is_experiment else ""
    if not quiet:
        told = [finding, f"look at {where} and what lies beside it"]
        told += [f"the report, one file to be read and sent: {made}"] if made else []
        print("\n".join(told).lstrip())
    return {"notebook": where, "finding": finding, "report": made}
