"""Show the progress of a step in a log, a terminal and a notebook."""

import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.terminals import Terminal

from lambdist_lib import progress as progress_module
from lambdist_lib.progress import Progress, RunProgress

HALF = RunProgress(
    phase="sending", submitted=2_000, answered=1_100, settled=1_000, dead=3, in_flight=120, requests=20,
    processing=4, problems=(("retries", 7),), elapsed_s=10.0,
)  # fmt: skip

few = st.integers(0, 10**9)
counts = st.builds(
    RunProgress, phase=st.just("sending"), submitted=few, answered=few, settled=st.none() | few,
    dead=st.none() | few, in_flight=st.none() | few, requests=few, processing=few,
    problems=st.sampled_from([(), (("retries", 1),), (("rejected", 2), ("unknown", 3))]),
    elapsed_s=st.floats(0, 1e6),
)  # fmt: skip


def test_run_progress_line_has_every_known_count():
    """A line has the counts, the problems, the rate, the concurrency and the remaining time."""
    assert HALF.line() == (
        "1,100 of 2,000 sent, 120 in flight, 997 stored, 3 dead, 7 retries, 100/s, "
        "20 requests, 4 messages in processing, 10 s left"
    )


def test_run_progress_line_omits_unknown_counts():
    """Before the first look only the client's counts are known; on AWS stored and dead are one count."""
    sent = RunProgress(phase="sending", submitted=10, answered=4, requests=2, elapsed_s=2.0)
    assert sent.line() == "4 of 10 sent, 2/s, 2 requests, 3 s left"

    on_aws = RunProgress(phase="sending", submitted=10, answered=10, settled=6, in_flight=4, elapsed_s=2.0)
    assert on_aws.line() == "10 of 10 sent, 4 in flight, 6 stored or dead, 3/s, 1 s left"


def test_run_progress_narrow_line_keeps_the_most_important_counts():
    """Sent, stored and dead are the last counts to be left out."""
    assert HALF.line(60) == "1,100 of 2,000 sent, 997 stored, 3 dead, 10 s left"
    assert HALF.line(40) == "1,100 of 2,000 sent, 997 stored, 3 dead"


@given(counts, st.integers(0, 200))
def test_run_progress_line_is_never_wider_than_requested(progress, width):
    """A line fits any width, whatever is known."""
    assert len(progress.line(width)) <= width


@given(counts)
def test_run_progress_table_has_a_value_under_each_heading(progress):
    """The table has the same cells as the line."""
    assert progress.table().count("<th>") == progress.table().count("<td>") == len(progress.cells())


def test_progress_in_a_log_is_one_line(capsys):
    """A log gets the last state of a step and its duration."""
    with Progress("submit") as progress:
        for step in range(1000):
            progress.show(f"{step} of 1000")

    assert re.fullmatch(r"submit: 999 of 1000 \(\d+\.\d s\)\n", capsys.readouterr().err)


def test_progress_in_a_log_reports_long_steps_at_an_interval(capsys, monkeypatch):
    """A long step logs a line at each interval, so that it does not look hung."""
    monkeypatch.setattr(progress_module, "LOG_EVERY_S", 0.0)
    with Progress("submit") as progress:
        progress.show("1 of 2")
        progress.show("2 of 2")

    assert [line.partition(" (")[0] for line in capsys.readouterr().err.splitlines()] == [
        "submit: 1 of 2", "submit: 2 of 2", "submit: 2 of 2",
    ]  # fmt: skip


def test_progress_in_a_log_reports_a_waiting_run_at_an_interval(capsys, monkeypatch):
    """While crashed datapoints wait for their next attempt, a log gets the counts now and then."""
    monkeypatch.setattr(progress_module, "LOG_EVERY_S", 0.0)
    with Progress("submit") as progress:
        watch = progress.watcher("distributed")
        watch(HALF)
        progress.show("126 stored")

    assert not watch.is_live  # so that the queue is not polled for it
    first, *_ = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"submit: distributed, sending: 1,100 of 2,000 sent, .*left \(0\.0 s\)", first)


def test_progress_without_updates_is_one_line(capsys):
    """A step that shows nothing logs its label and its duration."""
    with Progress("teardown"):
        pass

    assert re.fullmatch(r"teardown: begins \(0\.0 s\)\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("error", "end"), [(KeyboardInterrupt, "interrupted"), (ValueError, "failed")], ids=str
)
def test_progress_last_line_says_how_the_step_ended(capsys, error, end):
    """The last line of an interrupted or failed step says so."""
    with pytest.raises(error), Progress("run") as progress:
        progress.show("7 of 9")
        raise error

    assert f"run: 7 of 9 - {end} (" in capsys.readouterr().err.splitlines()[-1]


def test_progress_of_a_step_that_was_refused_shows_nothing(capsys):
    """It did nothing, and the error tells why."""
    with pytest.raises(ValueError), Progress("run"):
        raise ValueError

    assert capsys.readouterr().err == ""


class Screen:
    """Interpret the control sequences that Progress writes, as a terminal does."""

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
    """Return `terminal()`, which opens one of 60 columns; pytest captures output only after fixtures."""

    def opened():
        screen = Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setattr(progress_module, "EVERY_S", 0.0)
        monkeypatch.setenv("COLUMNS", "60")
        return lambda: Screen(screen.getvalue()).lines

    return opened


def test_progress_in_a_terminal_overwrites_the_last_state(terminal):
    """At the end the terminal shows one line."""
    lines = terminal()
    with Progress("deploy") as progress:
        progress.show("a long text of the first resource")
        assert lines() == ["deploy: a long text of the first resource (0.0 s)"]
        progress.show("done")

    assert lines() == ["deploy: done (0.0 s)", ""]


def test_progress_in_a_terminal_shows_a_run_in_two_lines_that_fit(terminal):
    """Each line fits the terminal: a wrapped line cannot be overwritten."""
    lines = terminal()
    with Progress("warm pairs") as progress:
        progress.watcher("pair 3 of 10, single_node_parallel with a very long name")(HALF)
        shown = lines()
        assert [len(line) < 60 for line in shown] == [True, True]
        assert shown[0].startswith("warm pairs: pair 3 of 10, single_node_parallel")
        assert shown[1] == "  1,100 of 2,000 sent, 997 stored, 3 dead, 10 s left"
        progress.show("10 pairs done")

    assert lines() == ["warm pairs: 10 pairs done (0.0 s)", ""]


def test_progress_in_a_terminal_keeps_its_end_when_it_is_too_narrow(terminal):
    """The words of the text are cut, the time left and the time spent are not."""
    lines = terminal()
    with Progress("warm pairs") as progress:
        progress.count(1, 3)
        progress.show("pair 3 of 10, single_node_parallel, waiting for the queue, collecting")

        [shown] = lines()
        assert len(shown) < 60
        assert re.fullmatch(r"warm pairs: pair 3 of 10, .*…, about 0 s left \(0\.0 s\)", shown)


def test_progress_in_a_terminal_keeps_a_note(terminal):
    """A note is wrapped and stays above; what follows does not overwrite it."""
    lines = terminal()
    note = "planned crashes hold up each run of distributed by 180 s or more: SQS waits 36 s after each"
    with Progress("submit") as progress:
        progress.show("begins to send")
        progress.note(note)
        progress.show("3 of 9")

    *noted, last, rest = lines()
    assert " ".join(line.strip() for line in noted) == f"submit: {note} (0.0 s)"
    assert max(map(len, noted)) < 60
    assert (last, rest) == ("submit: 3 of 9 (0.0 s)", "")


def test_the_time_left_falls_while_a_part_is_under_way(monkeypatch):
    """A part that takes longer than those before it never makes the rest seem longer."""
    now = [0.0]
    monkeypatch.setattr(progress_module.time, "perf_counter", lambda: now[0])
    progress = Progress("warm pairs")
    left = []
    now[0] = 10.0
    progress.count(1, 4)
    for now[0] in (10.0, 14.0, 19.0, 40.0):
        left.append(re.search(r"about (\d+) s left", progress._labelled("pair 2 of 4"))[1])

    assert left == ["30", "26", "21", "20"]


@pytest.fixture
def notebook(monkeypatch):
    """Return the list of bundles that a notebook's output receives."""
    bundles = []
    handle = SimpleNamespace(update=lambda bundle, raw: bundles.append(bundle))
    monkeypatch.setattr(progress_module, "in_notebook", lambda: True)
    monkeypatch.setattr(progress_module, "_display_handle", lambda bundle: bundles.append(bundle) or handle)
    monkeypatch.setattr(progress_module, "EVERY_S", 0.0)
    return bundles


def test_progress_in_a_notebook_is_a_table_during_a_run_and_a_line_at_its_end(notebook):
    """The saved notebook keeps plain text."""
    with Progress("warm pairs") as progress:
        progress.watcher("pair 3 of 10")(HALF)
        progress.show("10 pairs done")

    assert notebook[0] == {"text/plain": "warm pairs: begins (0.0 s)"}
    assert "<td>997</td>" in notebook[1]["text/html"]
    assert "pair 3 of 10, sending" in notebook[1]["text/html"]
    assert "997 stored" in notebook[1]["text/plain"]
    assert notebook[-1] == {"text/plain": "warm pairs: 10 pairs done (0.0 s)"}


def test_progress_of_an_interrupted_run_is_saved_with_its_counts(notebook):
    """The saved text of an interrupted run has its last counts."""
    with pytest.raises(KeyboardInterrupt), Progress("warm pairs") as progress:
        progress.watcher("pair 3 of 10")(HALF)
        raise KeyboardInterrupt

    assert set(notebook[-1]) == {"text/plain"}
    assert re.fullmatch(
        r"warm pairs: pair 3 of 10, sending - interrupted \(0\.0 s\)\n  1,100 of 2,000 sent, .*processing",
        notebook[-1]["text/plain"],
    )


def test_the_time_left_follows_from_the_parts_done(capsys):
    """It is gone from the last line."""
    with Progress("warm pairs") as progress:
        progress.count(1, 10)
        assert re.search(r"pair 2 of 10, about \d+ s left \(", progress._labelled("pair 2 of 10"))

    assert "left" not in capsys.readouterr().err


def test_a_headless_notebook_writes_lines_to_its_parent(monkeypatch):
    """Where a Jupyter server shows the notebook, nothing is written."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr(progress_module.sys, "stderr", SimpleNamespace(_original_stdstream_copy=7))
    assert progress_module._headless_stream() == 7

    monkeypatch.setenv("JPY_SESSION_NAME", "a.ipynb")
    assert progress_module._headless_stream() is None
