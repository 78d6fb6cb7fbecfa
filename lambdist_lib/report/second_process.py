"""Draw a share of a report's figures in a second process, while the first imports, reads and draws the rest.

Importing and drawing take seconds of one core each. A process that has matplotlib already draws all at once,
and so does one whose second process cannot help.
"""

import contextlib
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lambdist_lib.figures.catalogue import Figure, PageDrawing

SECTIONS = ("times", "cold")  # of the share: half of the work, and drawn without a summary
MAX_BYTES = 2**26  # of the tables: larger ones shall not be in memory twice
LIBRARY = Path(__file__).parents[2]


class Share(NamedTuple):
    """The figures that the second process drew, by name, and the names of those that it tried to draw."""

    drawings: "dict[str, PageDrawing]"
    names: frozenset[str] = frozenset()


class SecondProcess:
    """Hold the process that draws a share; None where the first process draws all."""

    def __init__(self, process: subprocess.Popen[bytes] | None) -> None:
        self.process = process

    def share(self, target_label: str) -> Share:
        """Wait for the figures; none where the process failed, or labels them otherwise."""
        from lambdist_lib.figures.catalogue import PageDrawing

        output = self.process.communicate()[0] if self.process else b""
        if not self.process or self.process.returncode or not output:
            return Share({})
        content = json.loads(output)
        if content["target_label"] != target_label:
            return Share({})
        drawings = {name: PageDrawing(*parts) for name, parts in content["drawings"].items()}
        return Share(drawings, frozenset(content["names"]))


@contextlib.contextmanager
def started(where: str) -> Iterator[SecondProcess]:
    """Start a second process for the report of this folder or id, where it saves time; end it at the end."""
    if "matplotlib" in sys.modules or _cores() < 2:
        yield SecondProcess(None)
        return
    folders = [str(LIBRARY), *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, where],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:  # no memory, or too many processes
        yield SecondProcess(None)
        return
    with process:
        try:
            yield SecondProcess(process)
        finally:
            process.kill()


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def is_of_share(figure: "Figure") -> bool:
    """Return whether the second process draws a figure of the catalogue."""
    return figure.section in SECTIONS


def main(where: str) -> None:
    """Print the figures of a share as JSON."""
    _import_seaborn()
    from lambdist_lib.analysis import load_results
    from lambdist_lib.figures import catalogue, display
    from lambdist_lib.report import source as report_source

    source = report_source.find(where)
    tables = (path.stat().st_size for folder in source.runs for path in folder.glob("*.csv*"))
    if not source.runs or sum(tables) > MAX_BYTES:
        return
    results = load_results(source.folder, allow_incomplete=True)
    figures = [figure for figure in catalogue.FIGURES if is_of_share(figure)]
    drawings = catalogue.draw_all(display.inputs_of(results), figures)
    content = {
        "target_label": results.target_label,
        "names": [figure.name for figure in figures],
        "drawings": drawings,
    }
    json.dump(content, sys.stdout)


def _import_seaborn() -> None:
    """Import seaborn without `scipy.stats`, which takes a second and serves densities, which none draws.

    seaborn replaces it by its own code, so it must not stay so where a user's code may run.
    """
    sys.modules["scipy.stats"] = None  # type: ignore[assignment]
    try:
        import seaborn  # noqa: F401
    finally:
        del sys.modules["scipy.stats"]


if __name__ == "__main__":
    gc.disable()  # what imports make stays: looking for garbage takes a twentieth of this process's seconds
    main(sys.argv[1])
    sys.stdout.flush()
    os._exit(0)  # the first process waits: no time for the garbage of imports
