"""Run notebooks headless through papermill, with checked parameters.

papermill accepts any `-p`, known or not, of any type. So `run` checks parameters before it starts, and
each notebook checks them again in its first cell, for those who call papermill themselves.
"""

import contextlib
import importlib
import json
import logging
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lambdist_lib import errors, extras, paths
from lambdist_lib.cloud import targets
from lambdist_lib.deployment import ownership
from lambdist_lib.errors import LambdistError, ParameterError, RunError, UnfinishedError, UsageError
from lambdist_lib.formatting import did_you_mean
from lambdist_lib.notebooks.parameter_checks import require_possible_values
from lambdist_lib.notebooks.parameters import declared_types, declared_values, require_declared
from lambdist_lib.report.write import write_report
from lambdist_lib.results import folders

UNUSED = (
    "rfc3987_syntax"  # jsonschema's, for formats that no notebook has; its import compiles a grammar for 2 s
)


def run(notebook: Path, output: Path, parameters: Mapping[str, Any], *, progress_bar: bool = True) -> Path:
    """Execute a notebook headless and write it with its outputs; return `output`.

    A notebook that refuses to run leaves no file behind, and one that was there as it was.

    Raises:
        LambdistError: A parameter does not fit, or a cell raised it.
        UnfinishedError: The kernel died.
        papermill.PapermillExecutionError: A cell raised another error; `output` holds the cells before it.
    """
    with _needed():
        import papermill
        from nbclient.exceptions import DeadKernelError

    values = checked_values(notebook, parameters)
    experiment_id = values.get("experiment_id", "")
    experiment = paths.results() / experiment_id if experiment_id else None
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # it logs a killed kernel, too
    with _written(output, experiment) as partial:
        try:
            papermill.execute_notebook(
                str(notebook), str(partial), dict(parameters), progress_bar=progress_bar
            )
        except papermill.PapermillExecutionError as error:
            if (known := _known_error(error.ename, error.evalue)) is None:
                raise
            raise known from None
        except DeadKernelError:
            died = "the notebook's kernel died, killed or out of memory"
            raise UnfinishedError(_kept(died, experiment)) from None
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_kept("interrupted", experiment)) from None
        finally:
            _remove_paths(partial)
    return output


@contextlib.contextmanager
def _needed() -> Iterator[None]:
    """Wrap the import of papermill: without UNUSED, which a user's code may import afterwards."""
    is_blocked = UNUSED not in sys.modules
    if is_blocked:
        sys.modules[UNUSED] = None  # type: ignore[assignment]
    try:
        with extras.needed("notebooks", "running a notebook"):
            yield
    finally:
        if is_blocked:
            del sys.modules[UNUSED]


def _known_error(name: str, text: str) -> LambdistError | None:
    """Return an error that a cell raised, if its class is ours and its message tells all of it."""
    known = getattr(errors, name, None)
    if isinstance(known, type) and issubclass(known, LambdistError):
        with contextlib.suppress(TypeError):
            return known(text)
    return None


def checked_values(notebook: Path, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all parameters of a notebook: its own, and those that replace them.

    Raises:
        ParameterError: A parameter is unknown, of another type or out of bounds.
    """
    import nbformat

    content = nbformat.read(notebook, as_version=4)
    cells = [cell for cell in content.cells if "parameters" in cell.metadata.get("tags", [])]
    if not cells:
        raise ParameterError(f"{paths.shown(notebook)} has no cell tagged parameters")
    require_declared(declared_types(cells[0].source), parameters)
    values = {**declared_values(cells[0].source), **parameters}
    require_possible_values(values)
    return values


@contextlib.contextmanager
def _written(output: Path, experiment: Path | None) -> Iterator[Path]:
    """Yield where to write a notebook while it runs; a refusal leaves no file behind.

    An error is a refusal if no run of the experiment has begun.
    """
    partial, before = running_file(output), _runs(experiment)
    is_new = not output.parent.exists()
    paths.make_private(output.parent)
    try:
        yield partial
    except BaseException as error:
        if _runs(experiment) == before and isinstance(error, UsageError | RunError):
            partial.unlink(missing_ok=True)
            if is_new and not (output.parent / ownership.FILE).exists():
                shutil.rmtree(output.parent, ignore_errors=True)
        elif partial.exists():
            partial.replace(output)
        raise
    partial.replace(output)


def running_file(output: Path) -> Path:
    """Return the file of a notebook that is running: beside the output, if that exists already."""
    return output.with_suffix(".new.ipynb") if output.exists() else output


def _runs(experiment: Path | None) -> set[Path]:
    return set(experiment.glob("runs/*")) if experiment else set()


def _kept(what: str, experiment: Path | None) -> str:
    """Return what is kept of a notebook that ended early, and the commands that go on."""
    if experiment is None or not _runs(experiment):
        return f"{what}, before its first run: run the command again"
    return (
        f"{what}; its runs are kept: the same command with -p experiment_id {experiment.name} goes on from "
        f"there, and `lambdist resume {experiment.name}` only finishes the run that was interrupted"
    )


def _remove_paths(output: Path) -> None:
    """Remove papermill's record of paths from an executed notebook: it names a user's folders."""
    import nbformat

    if output.exists():
        content = nbformat.read(output, as_version=4)
        for name in ("input_path", "output_path"):
            content.metadata.get("papermill", {}).pop(name, None)
        nbformat.write(content, output)


def run_notebook(
    notebook: Path, output: Path | None, given: Mapping[str, Any], *, quiet: bool = False
) -> dict[str, str]:
    """Run a notebook from the command line, then write its report.

    Args:
        output: The executed notebook; by default in the folder of the notebook's experiment.
        given: Parameters by name, with their types.
        quiet: Do not print which file to open to watch it.

    Returns:
        `notebook` (the executed one), `finding` and `report`; the last two are "" without an experiment.

    Raises:
        UsageError: The notebook does not exist, or a parameter does not fit.
    """
    notebook = paths.find(notebook)
    if not notebook.is_file():
        folder, where = _where_notebooks_are()
        near = did_you_mean(notebook.stem, (path.stem for path in folder.glob("*.ipynb")))
        raise UsageError(f"no notebook {notebook}{near}: name one of those in {where}")
    with _needed():
        importlib.import_module("papermill")
    values, parameters = checked_values(notebook, given), dict(given)
    if "experiment_id" in values:
        data = values.get("data", notebook.name)
        parameters["experiment_id"] = values["experiment_id"] or folders.new_id(data)
        output = output or paths.results() / parameters["experiment_id"] / "notebook.ipynb"
    output = output or paths.results() / notebook.name
    where = paths.shown(output)
    if not quiet:
        watched = paths.shown(running_file(output))
        print(f"running {paths.shown(notebook)}; to watch, open\n{watched}", flush=True)
    if values.get("target") == "local":
        threading.Thread(target=start_cloud, name="start of the local cloud", daemon=True).start()
    run(notebook, output, parameters, progress_bar=sys.stderr.isatty())
    finding, report = _conclude(output.parent)
    return {"notebook": where, "finding": finding, "report": report}


def start_cloud() -> None:
    """Start the local cloud beside the kernel: each takes seconds of one core.

    The first call loads what a deploy needs. An error is left to the notebook. Without a user the cloud ends
    after a minute.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    with contextlib.suppress(LambdistError, BotoCoreError, ClientError, OSError):
        target = targets.connect("local")
        try:
            target.client("cloudformation").list_stacks()
        finally:
            if target.cloud:
                target.cloud.release()


def _where_notebooks_are() -> tuple[Path, str]:
    """Return the folder with notebooks that is nearest, and its name in a message."""
    if any(Path().glob("*.ipynb")):
        return Path(), "this folder"
    return paths.notebooks(), f"{paths.shown(paths.notebooks())}/"


def _conclude(folder: Path) -> tuple[str, str]:
    """Return the finding in the folder, and the report that is written of its experiment."""
    summary = folder / "summary.json"
    finding = json.loads(summary.read_text(encoding="utf-8"))["finding"] if summary.exists() else ""
    is_experiment = bool(finding) and (folder / "experiment.json").exists()
    return finding, write_report(str(folder))["report"] if is_experiment else ""
