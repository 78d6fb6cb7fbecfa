"""A report's figures, of which a second process draws a share."""

import subprocess
import sys

import pytest
from support import tables as frames
from support.written import written

from lambdist_lib import paths
from lambdist_lib.analysis import load_results
from lambdist_lib.figures import catalogue, display
from lambdist_lib.report import second_process
from lambdist_lib.report import source as report_source
from lambdist_lib.report.pictures import pictures
from lambdist_lib.report.second_process import SecondProcess, Share

PROGRAMS = {
    "none": "",
    "failed": "raise SystemExit(3)",
    "silent": "pass",
    "of another target": """print('{"target_label": "AWS", "drawings": {}, "names": ["timeline"]}')""",
}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    runs = frames.runs(2).assign(submitted=9, stored=9, dead=0)
    return written(tmp_path_factory.mktemp("results") / "reference-new", runs, facts={})


def process(program):
    """A second process that runs this program."""
    return SecondProcess(subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE))


def test_a_share_is_what_the_first_process_would_draw(experiment, capsys):
    """The same text of the same figures, and the label of the same target."""
    second_process.main(str(experiment))
    output = capsys.readouterr().out
    share = process(f"print({output!r})").share(load_results(experiment).target_label)

    figures = [figure for figure in catalogue.FIGURES if second_process.is_of_share(figure)]
    assert share.drawings
    assert share.drawings == catalogue.draw_all(display.inputs_of(load_results(experiment)), figures)
    assert share.names == {figure.name for figure in figures}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_process_that_cannot_help_leaves_all_figures_to_the_first(experiment, few_figures, program):
    """Without a second process, with a failed one, and with one that read other results."""
    second = process(program) if program else SecondProcess(None)
    source = report_source.find(str(experiment))
    names = [picture.name for picture in pictures(source, report_source.summary(source), second)]

    assert {"speedup", "timeline"} <= set(names)


def test_large_tables_are_read_by_one_process(experiment, capsys, monkeypatch):
    """The second one says nothing: the memory would hold them twice."""
    monkeypatch.setattr(second_process, "MAX_BYTES", 0)

    second_process.main(str(experiment))

    assert capsys.readouterr().out == ""


def test_a_process_that_has_matplotlib_starts_no_other(experiment):
    """Nor does one with a single core: it draws sooner itself."""
    assert "matplotlib" in sys.modules

    with second_process.started(str(experiment)) as second:
        assert second.share("local cloud") == Share({})


def test_a_second_process_is_ended_with_the_report(experiment, monkeypatch):
    """Also where the first one fails, and never asks for its share."""
    monkeypatch.delitem(sys.modules, "matplotlib")
    monkeypatch.setattr(second_process, "_cores", lambda: 2)
    with pytest.raises(ZeroDivisionError), second_process.started(str(experiment)) as second:
        raise ZeroDivisionError

    assert second.process.returncode == -9


def test_densities_of_seaborn_stay_whole_in_the_process_of_a_user():
    """Only the second process imports seaborn without `scipy.stats`, and leaves no trace of it."""
    program = (
        "from lambdist_lib.report import second_process; second_process._import_seaborn(); import sys; "
        "print('seaborn' in sys.modules, 'scipy.stats' in sys.modules); import scipy.stats"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=paths.root(), capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["True", "False"]
