"""The progress line where it is shown: headless, in a terminal, and after an interrupt."""

import io
import re

import pytest

from lambdist_lib.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_headless_it_ends_with_its_last_text(capsys):
    """Many steps leave few lines: a log is not a film."""
    with Progress("submit") as progress:
        for step in range(1000):
            progress.show(f"{step} of 1000")

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) <= 2
    assert re.fullmatch(r"submit: 999 of 1000 \(\d+\.\d s\)", lines[-1])


def test_headless_no_state_is_told_twice(capsys):
    """What was the last news when its turn came is not repeated at the end."""
    with Progress("submit") as progress:
        progress.show("1 of 1")

    assert len(capsys.readouterr().err.splitlines()) == 1


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


def test_in_a_terminal_one_line_is_written_over(monkeypatch):
    """Every state begins at the line's start, and only the last one ends the line."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    with Progress("deploy") as progress:
        progress.show("a long text of the first resource")
        progress.show("done")

    written = terminal.getvalue()
    assert written.count("\n") == 1
    assert written.endswith("\n")
    assert all(part.startswith("\x1b[K") for part in written.split("\r")[1:])
    assert re.search(r"deploy: done \(0\.0 s\)\n$", written)
