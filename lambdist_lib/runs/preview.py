"""Run `process()` on a few datapoints here, as a Lambda would, before anything is deployed."""

import contextlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.data.datapoints import Line
from lambdist_lib.deployment import callables, dependencies, templates
from lambdist_lib.deployment.callables import Module
from lambdist_lib.deployment.dependencies import HERE
from lambdist_lib.deployment.lifecycle import Code
from lambdist_lib.errors import UsageError
from lambdist_lib.protocol.contract import REJECTED, STORED
from lambdist_lib.runs import local_pool_worker
from lambdist_lib.runs.inputs import Source
from lambdist_lib.runs.local_pool_worker import UnusableCodeError


def preview(
    data: str | Path | Iterable[object],
    n: int,
    *,
    processing: str | Path | None = None,
    process: Callable[[Any], object] | None = None,
    format: str = "",
    columns: Sequence[str] = (),
    requirements: Sequence[str] = (),
    modules: Iterable[Module] = (),
) -> Iterator[dict[str, Any]]:
    """Run `process()` here on the first `n` datapoints; yield `{n, data, result | error}`.

    Args:
        data: A data file, or an iterable of items (`data.items`).
        format, columns: Of a data file (`runs.inputs`).
        processing: Folder with the processing.py; by default the one that ships with lambdist.
        process: A function instead, with the `requirements` and `modules` that it imports.

    A datapoint that ends its process is an error, too, and the others run in another process. What
    process() prints goes to standard error.

    Raises:
        DeployError: The folder could not be deployed, either: a package that it imports is missing.
        UsageError: processing.py cannot be imported, or has no `process`.

    Example:
        >>> list(preview("data/numbers.txt", 1, processing="examples/factor"))
        [{'n': 0, 'data': '685757477218807930249', 'result': [25307305511, 27097214159]}]
    """
    source = Source(data=data, format=format, columns=columns, for_function=process is not None)
    code = Code(processing=processing or "", process=process, requirements=requirements, modules=modules)
    processing = code.folder(as_json=source.for_json)
    lines = list(itertools.islice(source.lines(), n))
    items = local_pool_worker.process_each(
        [(line.n, line.data) for line in lines if not line.reason], processing
    )
    with contextlib.closing(items):
        try:
            yield from _answers(lines, items)
        except UnusableCodeError as error:
            requirements_file = paths.shown(processing / dependencies.REQUIREMENTS)
            hint = f"; a package is named in {requirements_file}" if "ModuleNotFound" in error.cause else ""
            shown = paths.shown(processing / "processing.py")
            raise UsageError(f"{shown} fails: {error.cause}{hint}") from None


def header_note(data: str | Path | Iterable[object], *, format: str = "", columns: Sequence[str] = ()) -> str:
    """Say that the first line of a file of lines looks like a header, or ""."""
    source = Source(data=data, format=format, columns=columns)
    return source.header_note(data) if isinstance(data, str | Path) else ""


def _answers(lines: Iterable[Line], items: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield an answer for each line: its result as the cloud would return it, or its error."""
    for line in lines:
        answer: dict[str, Any] = {"n": line.n, "data": line.data}
        if line.reason:
            yield {**answer, "error": f"{REJECTED}: {line.reason}"}
            continue
        item = next(items)
        if item["outcome"] == STORED:
            yield {**answer, "result": json.loads(item["result"])}
        else:
            yield {**answer, "error": item["attempts"][-1]["cause"]}


def other_python(processing: Path) -> str:
    """Say that the stacks on AWS run another Python than this one, or ""."""
    version = templates.defaults("distributed")["Runtime"].removeprefix("python")
    if version == HERE.version or callables.is_pickled(processing):  # deployed for its own Python
        return ""
    return (
        f"this is Python {HERE.version}, and on AWS the stacks run Python {version} by default: "
        f"pass `--set runtime=python{HERE.version}` when you deploy there, or try with Python {version}"
    )
