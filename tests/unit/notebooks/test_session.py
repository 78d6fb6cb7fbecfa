"""The beginning of a notebook: parameters checked, theme set, the finding shown first."""

from types import SimpleNamespace

import IPython.display
import matplotlib as mpl
import pytest
from support import tables as frames

from lambdist_lib.errors import ParameterError, RunError
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

    assert display.texts == ["**Finding.** 3\u00a0times as fast."] * 2


def test_an_unknown_parameter_stops_the_notebook(display):
    cells = ["", "chunks: int = 20", f"{parameters.INJECTED}\nchnks = 5"]

    with pytest.raises(ParameterError):
        session.begin({"In": cells, "chnks": 5})

    assert display.texts == []


def test_the_last_lines_name_the_folder_and_the_command(tmp_path, monkeypatch):
    """A folder without runs, such as that of a plan from other runs, has no report."""
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "results" / "a-1" / "runs" / "a-1-d"
    run.mkdir(parents=True)
    assert session.next_steps("results/a-1") == "Results: results/a-1/."

    (run / "run.json").touch()

    assert session.next_steps("results/a-1") == (
        "Results: results/a-1/. Report as one HTML file: `lambdist report a-1`."
    )


def test_a_conclusion_that_the_runs_do_not_allow_is_what_was_seen():
    """So a notebook ends with a finding in any case."""
    results = SimpleNamespace(runs=frames.runs(1), target_label="local cloud")

    def impossible():
        raise RunError("2 levels are needed")

    sentence = session.conclude(results, impossible)

    assert session.conclude(results, lambda: "3 times.") == "3 times."
    assert "Distributed stored 129 of 131 datapoints" in sentence
    assert sentence.endswith("No conclusion: 2 levels are needed.")


def test_impossible_values_of_an_edited_cell_are_refused_too(display):
    """In JupyterLab nothing is injected: a person edits the parameters cell itself."""
    with pytest.raises(ParameterError, match="chunks is 0"):
        session.begin({"In": ["", "chunks: int = 0"], "chunks": 0})

    assert display.texts == []


def test_a_notebook_names_the_id_that_a_restarted_kernel_needs():
    assert 'experiment_id = "mine-1"' in session.how_to_resume("mine-1")
