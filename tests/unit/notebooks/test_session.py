"""The beginning of a notebook: parameters checked, theme set, the finding shown first."""

import IPython.display
import matplotlib as mpl
import pytest

from lambdist_lib.errors import ParameterError
from lambdist_lib.figures import theme
from lambdist_lib.notebooks import parameters, session


class Display:
    """Stand in for IPython's display: remember texts, and the update of the first one."""

    def __init__(self):
        self.texts = []

    def __call__(self, content, display_id=False):
        self.texts.append(content.data)
        return self if display_id else None

    def update(self, content):
        self.texts[0] = content.data


@pytest.fixture
def display(monkeypatch):
    shown = Display()
    monkeypatch.setattr(IPython.display, "display", shown)
    return shown


def test_the_finding_replaces_its_placeholder(display):
    """It stands at the top and where it was computed; the theme is set."""
    with mpl.rc_context():
        finding = session.begin({})
        assert mpl.rcParams["figure.figsize"] == list(theme.SIZE_IN)
    assert display.texts == [f"**Finding.** {session.PENDING}"]

    finding.show("3 times as fast.")

    assert display.texts == ["**Finding.** 3 times as fast."] * 2


def test_an_unknown_parameter_stops_the_notebook(display):
    cells = ["", "chunks: int = 20", f"{parameters.INJECTED}\nchnks = 5"]

    with pytest.raises(ParameterError):
        session.begin({"In": cells, "chnks": 5})

    assert display.texts == []


def test_the_last_lines_name_the_folder_and_the_command():
    assert session.next_steps("results/a-1") == (
        "Results: results/a-1/. Report as one HTML file: `lambdist report a-1`."
    )
