"""The progress line where it is shown: headless, in a terminal, and after an interrupt."""

import io
import re
from types import SimpleNamespace

import pytest
from support.progress import HALF

from lambdist_lib import progress as progress_module
from lambdist_lib.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_headless_a_phase_is_one_line(capsys):
    """A log is not a film: its last state, and how long it took."""
    with Progress("submit") as progress:
        for step in range(1000):
            progress.show(f"{step} of 1000")
        assert progress.watcher("pair 1") is None  # nobody would see it

    assert re.fullmatch(r"submit: 999 of 1000 \(\d+\.\d s\)\n", capsys.readouterr().err)


def test_headless_a_long_phase_gives_signs_of_life(capsys, monkeypatch):
    """A log that says nothing for an hour reads like one of a dead process."""
    monkeypatch.setattr(progress_module, "PLAIN_EVERY_S", 0.0)
    with Progress("submit") as progress:
        progress.show("1 of 2")
        progress.show("2 of 2")

    assert [line.partition(" (")[0] for line in capsys.readouterr().err.splitlines()] == [
        "submit: 1 of 2", "submit: 2 of 2", "submit: 2 of 2",
    ]  # fmt: skip


def test_a_step_without_news_is_told_once(capsys):
    """Nothing but the label and how long it took."""
    with Progress("teardown"):
        pass

    assert re.fullmatch(r"teardown: begins \(0\.0 s\)\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("error", "end"), [(KeyboardInterrupt, "interrupted"), (ValueError, "failed")], ids=str
)
def test_the_last_line_says_how_it_ended(capsys, error, end):
    """Whoever reads the log later knows where it stopped, and why."""
    with pytest.raises(error), Progress("run") as progress:
        progress.show("7 of 9")
        raise error

    assert f"run: 7 of 9 - {end} (" in capsys.readouterr().err.splitlines()[-1]


class Screen:
    """What a terminal shows of the text that is written to it: as far as our sequences go."""

    def __init__(self, text):
        self.lines, at = [""], 0
        for part in re.split(r"(\x1b\[1A|\x1b\[J|\r|\n)", text):
            if part == "\x1b[1A":
                at -= 1
            elif part == "\x1b[J":
                del self.lines[at + 1 :]
                self.lines[at] = ""
            elif part == "\n":
                at += 1
                self.lines += [""] * (at + 1 - len(self.lines))
            elif part != "\r":
                self.lines[at] += part


@pytest.fixture
def terminal(monkeypatch):
    """`terminal()`: one of 60 columns that shows every state; pytest's own capture begins after fixtures."""

    def opened():
        found = Terminal()
        monkeypatch.setattr("sys.stderr", found)
        monkeypatch.setattr(progress_module, "EVERY_S", 0.0)
        monkeypatch.setenv("COLUMNS", "60")
        return lambda: Screen(found.getvalue()).lines

    return opened


def test_in_a_terminal_each_state_is_written_over_the_last(terminal):
    """In the end one line stands there, whatever was above it before."""
    lines = terminal()
    with Progress("deploy") as progress:
        progress.show("a long text of the first resource")
        assert lines() == ["deploy: a long text of the first resource (0.0 s)"]
        progress.show("done")

    assert lines() == ["deploy: done (0.0 s)", ""]


def test_in_a_terminal_a_run_has_two_lines_that_fit(terminal):
    """Which run it is, and its counts; none wider than the terminal, or it could not be written over."""
    lines = terminal()
    with Progress("warm pairs") as progress:
        progress.watcher("pair 3 of 10, single_node_parallel with a very long name")(HALF)
        shown = lines()
        assert [len(line) < 60 for line in shown] == [True, True]
        assert shown[0].startswith("warm pairs: pair 3 of 10, single_node_parallel")
        assert shown[1] == "  1,100 of 2,000 sent, 997 stored, 3 dead, 10 s left"
        progress.show("10 pairs done")

    assert lines() == ["warm pairs: 10 pairs done (0.0 s)", ""]


@pytest.fixture
def notebook(monkeypatch):
    """The bundles that a notebook's output is given, one after the other."""
    bundles = []
    handle = SimpleNamespace(update=lambda bundle, raw: bundles.append(bundle))
    monkeypatch.setattr(progress_module, "in_notebook", lambda: True)
    monkeypatch.setattr(progress_module, "_display_handle", lambda bundle: bundles.append(bundle) or handle)
    monkeypatch.setattr(progress_module, "EVERY_S", 0.0)
    return bundles


def test_a_notebook_has_a_table_while_a_run_goes_on_and_a_line_in_the_end(notebook):
    """What is saved is text that reads without a browser."""
    with Progress("warm pairs") as progress:
        progress.watcher("pair 3 of 10")(HALF)
        progress.show("10 pairs done")

    assert notebook[0] == {"text/plain": "warm pairs: begins (0.0 s)"}
    assert "<td>997</td>" in notebook[1]["text/html"]
    assert "pair 3 of 10, sending" in notebook[1]["text/html"]
    assert "997 stored" in notebook[1]["text/plain"]
    assert notebook[-1] == {"text/plain": "warm pairs: 10 pairs done (0.0 s)"}


def test_an_interrupted_run_is_saved_with_how_far_it_came(notebook):
    with pytest.raises(KeyboardInterrupt), Progress("warm pairs") as progress:
        progress.watcher("pair 3 of 10")(HALF)
        raise KeyboardInterrupt

    assert set(notebook[-1]) == {"text/plain"}
    assert re.fullmatch(
        r"warm pairs: pair 3 of 10, sending - interrupted \(0\.0 s\)\n  1,100 of 2,000 sent, .* in work",
        notebook[-1]["text/plain"],
    )
