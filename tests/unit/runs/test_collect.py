"""What a run leaves, gathered into its folder."""

import pandas as pd
import pytest

from lambdist_lib.data import datapoints
from lambdist_lib.data.datapoints import Line
from lambdist_lib.protocol.contract import data_digest
from lambdist_lib.records import invocations as records_invocations
from lambdist_lib.records import items as records_items
from lambdist_lib.results import files, journal, outputs, schema, tables
from lambdist_lib.runs import collect, completion
from lambdist_lib.submission.receipts import Receipt

ENDED = completion.Completion(settled=6, queued=0, seen_at=109.0)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of seven lines: stored, dead, lost, rejected, unsent; one was sent twice, one accepted twice."""

    def receipt(n: int, verdict: str, at: float | None) -> Receipt:
        times = (at, at, at + 0.5) if at else (None, None, None)
        return Receipt(n, verdict, "why", *times, 1, 200, n, 4, *[0.0] * 5, *[None] * 6)

    files.write_json(tmp_path / "run.json", {"run_id": "x-d", "arm": "distributed", "state": "settling"})
    with journal.Journal(tmp_path / "journal", Receipt._fields) as kept:
        kept.append([receipt(5, "accepted", 103.0), receipt(0, "retry", 100.0), receipt(3, "rejected", None)])
        kept.append([receipt(n, "accepted", 101.0 + n) for n in (1, 0, 2)])
    stored = {"outcome": "stored", "result": '"x"', "receives": 1}
    items = [{"n": 0, "put_at": 105.0, **stored}, {"n": 1, "outcome": "dead", "cause": "ValueError: a"}]
    items += [{"n": 5, "put_at": 107.0, **stored}]
    monkeypatch.setattr(records_items, "items_in_order", lambda *_: iter(items))
    nothing = pd.DataFrame(columns=list(schema.INVOCATIONS))
    monkeypatch.setattr(records_invocations, "invocations", lambda *_, **__: nothing)
    return tmp_path


def test_the_tables_of_a_run_agree_with_its_ledger(run):
    """Records, answers, ledger and times count the last row of a datapoint that was sent twice."""
    points = datapoints.from_iterable([f"word-{n}" for n in range(7)])

    row = collect.collect(None, None, points, run, "distributed", ENDED)

    counts = {"stored": 2, "dead": 1, "rejected": 1, "unsent": 2, "in_flight": 0, "lost": 1}
    assert {name: row[name] for name in counts} == counts
    times = {"started_at": 101.0, "makespan_s": 6.0, "enqueued_s": 2.5, "seen_s": 8.0}
    assert {name: row[name] for name in times} == times
    table = tables.load(run)
    assert list(table["n"]) == list(range(7))
    assert list(table["outcome"]) == ["stored", "dead", "lost", "rejected", "unsent", "stored", "unsent"]
    assert list(table["sent_at"].fillna(0)) == [101.0, 102.0, 103.0, 0, 0, 103.0, 0]
    assert len(tables.load(run, "receipts")) == 6
    assert [("result" in answer) for answer in outputs.outputs(run)] == [
        outcome == "stored" for outcome in table["outcome"]
    ]


def test_a_run_of_which_nothing_was_sent_has_no_times(run):
    """Nothing began, so nothing took any time."""
    (run / "journal").unlink()
    with journal.Journal(run / "journal", Receipt._fields):
        pass
    points = datapoints.from_iterable(["word-0"])

    row = collect.collect(None, None, points, run, "distributed", ENDED)

    assert {row[name] for name in ("started_at", "makespan_s", "enqueued_s", "seen_s")} == {None}
    assert list(tables.load(run, "receipts").columns) == list(Receipt._fields)


@pytest.mark.parametrize(
    ("item", "foreign"),
    [
        ({}, False),
        ({"digest": data_digest("word"), "put_at": 5_000.0}, False),
        ({"digest": data_digest("other"), "put_at": 5_000.0}, True),
        ({"data": "word"}, False),
        ({"data": "other"}, True),
        ({"put_at": 4_000.0}, True),
        ({"dead_at": 4_000.0}, True),
        ({"put_at": 4_900.0}, False),
    ],
)
def test_an_answer_belongs_to_its_datapoint_and_its_run(item, foreign):
    """By its digest, and no stamp of it precedes the run by more than clocks may differ."""
    assert collect.is_foreign(item, "word", 5_000.0) is foreign


def test_each_line_comes_with_its_own_item():
    """Also where lines have no item, items have no line, or there are no items left."""
    lines, items = [Line(n, "x") for n in (1, 3, 4, 7)], [{"n": n} for n in (0, 3, 4, 5)]

    pairs = [(line.n, item) for line, item in collect.with_items(lines, iter(items))]

    assert pairs == [(1, {}), (3, {"n": 3}), (4, {"n": 4}), (7, {})]
