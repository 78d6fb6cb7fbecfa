"""Begin a notebook: check its parameters, set the theme, and show the finding first."""

from collections.abc import Mapping
from typing import Any

from lambdist_lib.figures import theme
from lambdist_lib.notebooks.parameters import check_parameters

PENDING = "not yet measured; the runs below have to end first."


class Finding:
    """A notebook's conclusion, shown at its top and at its end."""

    def __init__(self) -> None:
        from IPython.display import Markdown, display

        self._handle = display(Markdown(_text(PENDING)), display_id=True)

    def show(self, sentence: str) -> None:
        """Replace the text at the top of the notebook, and show it here, too."""
        from IPython.display import Markdown, display

        if self._handle is not None:
            self._handle.update(Markdown(_text(sentence)))
        display(Markdown(_text(sentence)))


def begin(namespace: Mapping[str, Any]) -> Finding:
    """Check a notebook's parameters, set the theme, and hold the place of the finding.

    Args:
        namespace: The notebook's `globals()`.

    Raises:
        ParameterError: papermill injected a parameter that the notebook does not declare, or a value of
            another type.
    """
    check_parameters(namespace)
    theme.apply_theme()
    return Finding()


def _text(sentence: str) -> str:
    return f"**Finding.** {sentence}"
