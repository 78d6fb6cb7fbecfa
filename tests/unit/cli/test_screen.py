"""What a terminal shows: wrapped to its width, coloured where it may be, and no raw control character."""

import io
import os
import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from support.terminals import Terminal

from lambdist_lib import paths
from lambdist_lib.cli import completion, dead_text, main, screen
from lambdist_lib.formatting import label
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.records.dead_letters import DeadLetter
from lambdist_lib.report.table_model import marked, plain

TABLE = plain(
    "t", "s", "A caption that is longer than forty columns, surely",
    ("arm", "distributed is", "n"),
    [("distributed", "1.8 times slower (1.6 to 2.07)", "1,234"), ("single node", "4.5 times faster", "9")],
)  # fmt: skip
SENTENCE = "Verdict: the words of a paragraph are wrapped between words and never within one."


@pytest.fixture
def environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return monkeypatch


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_every_line_fits_the_terminal(columns):
    """Cells and paragraphs are wrapped; no word is cut where it fits."""
    text = screen.render([SENTENCE, TABLE, SENTENCE], columns=columns, colours=False)

    assert max(map(len, text.splitlines())) <= columns
    assert " ".join(text.split()).count(SENTENCE) == 2
    assert "\x1b" not in text


NUMBERS = st.integers(0, 10**9).map("{:,}".format)
WORDS = st.text("abcdefgh ", min_size=1, max_size=40).map(str.strip).filter(bool)


@st.composite
def tables_of_numbers(draw):
    """A table as commands print them: names first, then numbers, then perhaps a text."""
    headers = draw(st.lists(st.sampled_from([label(arm) for arm in ARMS]), min_size=1, max_size=9))
    texts = draw(st.sampled_from([[], ["message"]]))
    columns, cells = ("service", *headers, *texts), (WORDS, *[NUMBERS] * len(headers), *[WORDS] * len(texts))
    rows = draw(st.lists(st.tuples(*cells), min_size=1, max_size=4))
    return marked(plain("t", "s", "Costs", columns, rows), "message", numeric=False)


@given(tables_of_numbers(), st.integers(40, 120))
def test_no_table_is_wider_than_the_terminal_and_no_number_is_broken(table, columns):
    """A table with too many columns of numbers becomes several, each with the first column again."""
    text = screen.render([table], columns=columns, colours=False)

    assert max(map(cell_len, text.splitlines())) <= columns
    shown = Counter(re.findall(r"[\d,]+", text))
    assert shown == Counter(cell for row in table.rows for cell in row if re.fullmatch(r"[\d,]+", cell))


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_row_of_numbers_is_one_line(columns):
    """The names of all arms as headers, and of services and totals at the left."""
    names = ("API Gateway", "Step Functions", "all, metered", "all, predicted")
    numbers = ["1,234.5"] * len(ARMS)
    table = plain("t", "s", "USD", ("service", *map(label, ARMS)), [(name, *numbers) for name in names])

    lines = screen.render([table], columns=columns, colours=False).splitlines()

    for name in names:
        assert {line.count("1,234.5") > 0 for line in lines if line.startswith(name)} == {True}
    assert sum(line.count("1,234.5") for line in lines) == len(ARMS) * len(names)


def test_a_number_stays_with_its_unit():
    """In a paragraph, a header and a cell."""
    table = plain("t", "s", "c", ("arm", "answered, 99 %"), [("distributed", "1")])
    text = screen.render([f"{'word ' * 6}4.26 s against 7.68 s", table], columns=40, colours=False)

    assert "4.26 s" in text and "7.68 s" in text and "99 %" in text


def test_the_header_of_numbers_takes_two_lines_at_most():
    """A text beside it is wrapped instead."""
    rows = [("distributed", "no clear difference (1.34 times slower to 1.24 times faster)", "0.702")]
    table = plain("t", "s", "c", ("arm", "against single node here", "on AWS, s"), rows)
    table = marked(table, "against single node here", numeric=False)

    lines = screen.render([table], columns=80, colours=False).splitlines()

    assert [line[:1] for line in lines].index("─") == 3  # after the caption and the header


def test_a_verdict_has_its_colour():
    """Green for faster, red for slower; the words are the same without."""
    coloured = screen.render([TABLE, "Measured here: 4.3 times faster (4 to 5)"], columns=80, colours=True)

    assert "\x1b[31m1.8 times slower" in coloured
    assert "\x1b[1;32m4.3 times faster" in coloured
    assert re.search("\x1b\\[32m *4.5 times faster", coloured)


def test_colours_are_for_terminals(environment):
    """A pipe has none, nor a terminal with NO_COLOR or TERM=dumb."""
    assert screen.has_colours(Terminal())
    assert not screen.has_colours(io.StringIO())
    environment.setenv("TERM", "dumb")
    assert not screen.has_colours(Terminal())
    environment.setenv("TERM", "xterm")
    environment.setenv("NO_COLOR", "1")
    assert not screen.has_colours(Terminal())


def test_an_error_is_marked_on_a_terminal_only(environment):
    """The line itself is the same."""
    environment.setattr(sys, "stderr", Terminal())
    assert screen.error_line("no") == "\x1b[31mlambdist:\x1b[0m no"
    environment.setenv("NO_COLOR", "1")
    assert screen.error_line("no\x1b[2J") == "lambdist: no\\u001b[2J"


def test_a_cell_cannot_control_the_terminal():
    """Causes come from the users' code."""
    hostile = plain("t", "s", "c\x1b]0;x\x07", ("a\x1b", "b"), [("\x1b[2J", "\u202e")])

    text = screen.render([hostile, "p\x9b"], columns=80, colours=True)

    assert not [character for character in "\x07\x9b\u202e" if character in text]
    assert "\\u001b[2J" in text


def letter(n, cause, cause_class="application"):
    return DeadLetter(
        run_id="run", n=n, data="x", cause_class=cause_class, cause=cause, causes=(cause,),
        receives=n % 5 + 1, redrives=0, first_at=None, last_at=None,
    )  # fmt: skip


def test_dead_letters_are_counted_by_cause():
    """The most frequent cause first, with its most frequent messages; the others are one row."""
    letters = [letter(n, f"ValueError: {n}") for n in range(100)] + [letter(7, "crash", "crash")] * 3

    table, hint = dead_text.by_cause(letters, "mine")

    assert [row[:2] for row in table.rows if row[0]] == [("application", "100"), ("crash", "3")]
    assert len(table.rows) == dead_text.MESSAGES + 2
    assert table.rows[dead_text.MESSAGES][3:] == ("and 97 other messages", "97")
    assert "`lambdist dead mine --all`" in hint
    assert dead_text.by_cause([], "mine") == ["0 dead in mine"]


def test_each_dead_letter_is_a_line_of_the_terminals_width():
    """Below the name of its run; a cause begins with its class; the end names the next command."""
    letters = [letter(3, "ValueError: no\n word"), letter(100_000, "\u6f22" * 200, "crash")]

    listed, told = dead_text.each(letters, "mine", 80)

    name, head, first, last = listed.splitlines()
    assert name == "run"
    assert head.split() == ["n", "receives", "cause", "datapoint"]
    assert first.split() == ["3", "4", "application:", "ValueError:", "no", "word", "x"]
    assert last.split()[0] == "100,000" and "…" in last
    assert max(map(cell_len, (head, first, last))) <= 80
    assert told == "2 dead: 1 application, 1 crash; `lambdist redrive mine` sends them again"
    assert dead_text.each([], "mine", 80) == ["0 dead"]


def test_a_command_in_backticks_stays_on_a_line():
    """So that it can be copied; lines to copy are not wrapped at all."""
    command, path = "`lambdist leaks --target local --delete --all`", screen.Verbatim("/a folder" * 20)

    text = screen.render([f"some words before {command} and behind", path], columns=50, colours=False)

    lines = text.splitlines()
    assert command in lines[1]
    assert lines[-1] == path


def test_an_error_is_wrapped_on_a_terminal(environment):
    """Between words; a log gets one line."""
    environment.setenv("COLUMNS", "40")
    environment.setenv("NO_COLOR", "1")
    message = "failed: a reason of many words that is longer than the terminal; run `lambdist resume mine`"
    one_line = screen.error_line(message)
    environment.setattr(sys, "stderr", Terminal())

    lines = screen.error_line(message).splitlines()

    assert one_line == f"lambdist: {message}"
    assert max(map(len, lines)) <= 40 and "`lambdist resume mine`" in lines[-1]
    assert " ".join(line.strip() for line in lines) == one_line


def completions(tmp_path, line, shell="bash"):
    """What argcomplete offers for a line, as the shell's script asks for it."""
    answer = tmp_path / "answer"
    environment = {
        **os.environ, "_ARGCOMPLETE": "1", "_ARGCOMPLETE_SHELL": shell, "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "COMP_LINE": line, "COMP_POINT": str(len(line)),
        "LAMBDIST_RESULTS": str(tmp_path),
    }  # fmt: skip
    subprocess.run([sys.executable, "-m", "lambdist_lib"], env=environment, cwd=paths.root(), check=False)
    return set(answer.read_text().replace("\x0b", "\n").split())


def test_a_shell_completes_commands_options_and_ids(tmp_path):
    """Ids are those of the results folder."""
    (tmp_path / "my-experiment" / "runs").mkdir(parents=True)
    (tmp_path / "my-experiment" / "experiment.json").write_text("{}")

    assert completions(tmp_path, "lambdist re") == {"resume", "redrive", "report"}
    assert "--chunks" in completions(tmp_path, "lambdist submit --ch")
    assert completions(tmp_path, "lambdist analyse my") == {"my-experiment"}


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_completion_script_is_for_its_shell(shell, capsys):
    """It defines a completion of `lambdist`."""
    assert main.main(["completion", shell]) == 0

    script = capsys.readouterr().out
    assert "lambdist" in script and "_ARGCOMPLETE" in script
    assert ("complete --command" in script) == (shell == "fish")
