"""Lay out dead datapoints for a terminal: counts by cause, with the most frequent messages."""

from collections import Counter

from lambdist_lib.cli.screen import Blocks
from lambdist_lib.formatting import count, counted, shortened
from lambdist_lib.records.dead_letters import DeadLetter
from lambdist_lib.report.table_model import marked, plain

MESSAGES = 3  # of each cause, the most frequent ones
MESSAGE_MAX_CHARS = 100
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
