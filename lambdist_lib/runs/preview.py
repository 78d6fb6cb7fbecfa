"""`process()` in this very process: a look at the answers before anything is deployed."""

import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.data.datapoints import Line
from lambdist_lib.deployment import bundles, dependencies, lifecycle
from lambdist_lib.deployment.callables import Module
from lambdist_lib.errors import UsageError
from lambdist_lib.protocol.contract import result_json
from lambdist_lib.runs.inputs import Source


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

    Raises:
        DeployError: The packages of its requirements.txt cannot be had.
        UsageError: processing.py cannot be imported, or has no `process`.

    Example:
        >>> list(preview("data/numbers.txt", 1, processing=bundles.folder("examples/factor")))
        [{'n': 0, 'data': '685757477218807930249', 'result': [25307305511, 27097214159]}]
    """
    source = Source(data=data, format=format, columns=columns, for_function=process is not None)
    processing = lifecycle.code_folder(
        processing or "", process, requirements=requirements, modules=modules, as_json=source.for_json
    )
    before, known = sys.path[:], set(sys.modules)
    sys.path[:0] = bundles.search_path(processing)  # processing.py may import its neighbours
    try:
        yield from _answers(_loaded(processing), itertools.islice(source.lines(), n))
    finally:
        sys.path[:] = before
        for name in set(sys.modules) - known:  # another folder's neighbours may have the same names
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(processing)):
                del sys.modules[name]


def _answers(process: Callable[[str], object], lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
    for line in lines:
        answer: dict[str, Any] = {"n": line.n, "data": line.data}
        if line.reason:
            yield {**answer, "error": f"rejected: {line.reason}"}
            continue
        try:
            result = process(line.data)
            result_json(result)
            yield {**answer, "result": result}
        except Exception as error:  # what the Lambda would retry, and bury at last
            yield {**answer, "error": f"{type(error).__name__}: {error}"}


def _loaded(processing: Path) -> Callable[[str], object]:
    """`process` of a folder's processing.py, imported as the zip would."""
    spec = importlib.util.spec_from_file_location("processing", processing / "processing.py")
    if spec is None or spec.loader is None or not (processing / "processing.py").exists():
        raise UsageError(f"there is no {paths.shown(processing / 'processing.py')}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        process: Callable[[str], object] = module.process
        return process
    except Exception as error:
        asked = paths.shown(processing / dependencies.REQUIREMENTS)
        hint = f"; a package is named in {asked}" if isinstance(error, ModuleNotFoundError) else ""
        raise UsageError(f"{paths.shown(processing / 'processing.py')} fails: {error!r}{hint}") from error
