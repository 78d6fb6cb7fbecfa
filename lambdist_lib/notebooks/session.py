"""Begin a notebook: check its parameters, set the theme, and show the finding first."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib import paths
from lambdist_lib.analysis import Results
from lambdist_lib.errors import RunError
from lambdist_lib.figures import theme
from lambdist_lib.formatting import unbroken
from lambdist_lib.measures.finding import seen
from lambdist_lib.notebooks.parameter_checks import require_possible_values
from lambdist_lib.notebooks.parameters import check_parameters
from lambdist_lib.report import sentences

PENDING = "not yet measured; the runs below have to end first."


class Finding:
    """A notebook's conclusion, shown at its top and at its end."""

    def __init__(self) -> None:
        from IPython.display import Markdown, display

        self._handle = display(Markdown(_text(PENDING)), display_id=True)

    def show(self, sentence: str, table: pd.DataFrame | None = None) -> None:
        """Replace the text at the top of the notebook, and show it here, too.

        Args:
            table: Of text, shown below the sentence.
        """
        from IPython.display import Markdown, display

        text = _text(sentence) + ("" if table is None else f"\n\n{_markdown(table)}")
        if self._handle is not None:
            self._handle.update(Markdown(text))
        display(Markdown(text))


def begin(namespace: Mapping[str, Any]) -> Finding:
    """Check a notebook's parameters, set the theme, and hold the place of the finding.

    Args:
        namespace: The notebook's `globals()`.

    Raises:
        ParameterError: papermill injected a parameter that the notebook does not declare, or a parameter
            has a value of another type or out of bounds.
    """
    check_parameters(namespace)
    require_possible_values(namespace)
    theme.apply_theme()
    return Finding()


def conclude(results: Results, conclusion: Callable[[], str]) -> str:
    """Return a notebook's conclusion; where the runs do not allow it, what was seen, and why.

    Args:
        conclusion: Computes the sentence from the runs.
    """
    try:
        return conclusion()
    except RunError as error:
        return f"{seen(results.runs, results.target_label)} No conclusion: {error}."


def how_to_resume(experiment_id: str) -> str:
    """Return what to write into the parameters cell after a restart of the kernel."""
    return f'To go on after a restart of the kernel, set experiment_id = "{experiment_id}" above.'


def next_steps(where: str | Path) -> str:
    """Return where an experiment's files are, and the command that writes its report.

    Args:
        where: The experiment's folder; without runs it has no report.
    """
    folder = Path(where)
    files = f"Results: {paths.shown(folder)}/."
    if not any(folder.glob("runs/*/run.json")):
        return files
    return f"{files} Report as one HTML file: `lambdist report {folder.name}`."


def _markdown(table: pd.DataFrame) -> str:
    rows = [(str(table.index.name or ""), *table.columns), ("---",) * (len(table.columns) + 1)]
    rows += [tuple(map(str, row)) for row in table.itertuples()]
    return unbroken("\n".join(f"| {' | '.join(row)} |" for row in rows))


def _text(sentence: str) -> str:
    return unbroken("\n\n".join(sentences.parts(f"**Finding.** {sentence}")))
