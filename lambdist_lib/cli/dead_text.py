"""Lay out dead datapoints for a terminal: counts by cause, or a line for each."""

import itertools
from collections import Counter

from lambdist_lib.cli.screen import Blocks, Verbatim, printable
from lambdist_lib.formatting import count, counted, shortened
from lambdist_lib.records.dead_letters import DeadLetter
from lambdist_lib.report.table_model import marked, plain

MESSAGES = 3  # of each cause, the most frequent ones
MESSAGE_MAX_CHARS = 100
LINE_MAX_CELLS = 60  # of a cause and of a datapoint in the list of each
CAUSE_SHARE = 0.6  # of the room that a cause and a datapoint have in a line
HEAD = ("cause", "datapoint")
COLUMNS = ("cause", "dead", "receives", "message of the last failure", "times")


def by_cause(letters: list[DeadLetter], run: str) -> Blocks:
    """Return the dead datapoints by cause, the most frequent first."""
    if not letters:
        return [f"0 dead in {run}"]
    causes = Counter(letter.cause_class for letter in letters)
    rows = [
        row
        for cause, _ in causes.most_common()
        for row in _rows(cause, [letter for letter in letters if letter.cause_class == cause])
    ]
    table = plain("dead", "failures", f"{counted(len(letters), 'datapoints')} dead in {run}", COLUMNS, rows)
    return [
        marked(table, COLUMNS[3], numeric=False, free=True),
        f"`lambdist dead {run} --all` lists each; `lambdist redrive {run}` sends them again",
    ]


def each(letters: list[DeadLetter], run: str, columns: int) -> Blocks:
    """Return a line for each dead datapoint, cut at the width, below its run's name; then the counts.

    rich would take a minute to lay out 100,000 rows.
    """
    from rich.cells import cell_len, set_cell_size

    texts = [_texts(letter) for letter in letters]
    needed = [max(map(cell_len, column)) for column in zip(HEAD, *texts, strict=True)]
    cause_cells, data_cells = _shared(columns - len(_line("", "", "", "")), *needed)
    lines = []
    by_run = itertools.groupby(zip(letters, texts, strict=True), key=lambda pair: pair[0].run_id)
    for run_id, of_run in by_run:
        lines += [run_id, _line("n", "receives", set_cell_size(HEAD[0], cause_cells), HEAD[1])]
        for letter, (cause, data) in of_run:
            filled = set_cell_size(_fitted(cause, cause_cells), cause_cells)
            lines.append(_line(count(letter.n), count(letter.receives), filled, _fitted(data, data_cells)))
    return [*([Verbatim("\n".join(lines))] if lines else []), _summary(letters, run)]


def _texts(letter: DeadLetter) -> tuple[str, str]:
    """Return a dead letter's cause, which begins with its class, and its datapoint."""
    prefix = "" if letter.cause.startswith(letter.cause_class) else f"{letter.cause_class}: "
    cause = " ".join(printable(prefix + letter.cause).split())
    return cause, "(not readable)" if letter.data is None else " ".join(printable(letter.data).split())


def _shared(room: int, cause_cells: int, data_cells: int) -> tuple[int, int]:
    """Share the room of a line between causes and datapoints that need so much; short ones leave theirs."""
    for_data = max(room - min(cause_cells, LINE_MAX_CELLS), room - int(CAUSE_SHARE * room))
    data_cells = min(data_cells, for_data, LINE_MAX_CELLS)
    return min(cause_cells, room - data_cells, LINE_MAX_CELLS), data_cells


def _fitted(text: str, cells: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= cells else f"{set_cell_size(text, cells - 1).rstrip()}…"


def _line(n: str, receives: str, cause: str, data: str) -> str:
    return f"{n:>9}  {receives:>8}  {cause}  {data}"


def _summary(letters: list[DeadLetter], run: str) -> str:
    """Return the counts by cause, and the command that sends the datapoints again."""
    counts = Counter(letter.cause_class for letter in letters)
    causes = ", ".join(f"{number:,} {name}" for name, number in counts.most_common())
    again = f"; `lambdist redrive {run}` sends them again" if letters else ""
    return f"{len(letters):,} dead{': ' if causes else ''}{causes}{again}"


def _rows(cause: str, letters: list[DeadLetter]) -> list[tuple[str, ...]]:
    receives = sorted({letter.receives for letter in letters})
    span = count(receives[0]) + (f" to {count(receives[-1])}" if len(receives) > 1 else "")
    messages = Counter(map(_message, letters)).most_common()
    shown = [(message, count(times)) for message, times in messages[:MESSAGES]]
    if rest := messages[MESSAGES:]:
        shown.append((f"and {counted(len(rest), 'other messages')}", count(sum(times for _, times in rest))))
    heads = [(cause, count(len(letters)), span), *[("", "", "")] * (len(shown) - 1)]
    return [(*head, *message) for head, message in zip(heads, shown, strict=True)]


def _message(letter: DeadLetter) -> str:
    """Return a dead letter's cause without its class, at most two lines."""
    text = letter.cause.removeprefix(f"{letter.cause_class}: ") or letter.cause_class
    return shortened(text, MESSAGE_MAX_CHARS)
