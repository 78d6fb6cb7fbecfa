"""Table, receipts and logs joined into one row per datapoint, and the answers in input order."""

import json
import math
from types import SimpleNamespace

import pandas as pd
import pytest

from lambdist_lib.data.datapoints import Line
from lambdist_lib.errors import RunError
from lambdist_lib.records import invocations, join
from lambdist_lib.records import items as records_items
from lambdist_lib.results import files as results_files
from lambdist_lib.results import outputs, schema, tables

STORED = {"n": 0, "outcome": "stored", "result": '"r"', "put_at": 12.5, "receives": 1}
FAILED = {"n": 0, "attempts": [{"cause": "ValueError: a"}, {"cause": "ValueError: b"}]}


def receipt(verdict, n=0, **fields):
    return {"n": n, "verdict": verdict, "cause": "", "tries": 1, "status": 200, **fields}


def joined(receipts, items, *, arm="distributed", queued=0, lines=1):
    found = {item["n"]: item for item in items}
    return join.join("run", arm, [Line(n, f"d{n}") for n in range(lines)], receipts, found, queued=queued)


@pytest.mark.parametrize(
    ("receipts", "items", "options", "expected"),
    [
        ([receipt("accepted")], [STORED], {}, ("stored", "")),
        ([receipt("unknown")], [STORED], {}, ("stored", "")),  # the table decides
        ([], [STORED], {}, ("stored", "")),  # a journal's tail that a crash took
        ([receipt("accepted")], [{**FAILED, "outcome": "dead"}], {}, ("dead", "ValueError: b")),
        ([receipt("accepted")], [{"n": 0, "outcome": "dead", "cause": "why"}], {}, ("dead", "why")),
        ([receipt("accepted")], [{"n": 0, "outcome": "dead"}], {}, ("dead", "no trace")),
        ([receipt("rejected", cause="is bad")], [], {}, ("rejected", "is bad")),
        ([receipt("refused", cause="HTTP 429")], [], {}, ("unsent", "HTTP 429")),
        ([], [], {}, ("unsent", "never sent")),
        ([receipt("accepted")], [], {"queued": 3}, ("in_flight", "still queued")),
        ([receipt("unknown")], [FAILED], {"queued": 1}, ("in_flight", "still queued")),
        ([receipt("accepted")], [FAILED], {}, ("lost", "accepted, but neither queued nor in the table")),
        ([receipt("unknown")], [], {}, ("lost", "accepted, but neither queued nor in the table")),
        (
            [receipt("unknown", tries=5)], [FAILED], {"arm": "single_node"},
            ("dead", "client: gave up after 5 tries: ValueError: b"),
        ),
        (  # its process died each time: no trace, but an answer that tells that the invocation has ended
            [receipt("unknown", tries=5, status=502, cause="HTTP 502: died")], [], {"arm": "single_node"},
            ("dead", "client: gave up after 5 tries: HTTP 502: died"),
        ),
    ],
)  # fmt: skip
def test_every_datapoint_has_one_place_in_the_ledger(receipts, items, options, expected):
    """The table says what happened; the client's verdict and the queue decide where it is silent."""
    [row] = joined(receipts, items, **options).to_dict("records")

    assert (row["outcome"], row["cause"]) == expected


def test_rows_are_in_input_order_with_every_column():
    """Answers came in another order, one datapoint has neither receipt nor item."""
    table = joined([receipt("accepted", 2), receipt("accepted", 0)], [{**STORED, "n": 2}, STORED], lines=3)

    assert list(table.columns) == list(schema.RECORDS)
    assert list(table["n"]) == [0, 1, 2]
    assert list(table["outcome"]) == ["stored", "unsent", "stored"]
    assert math.isnan(table["put_at"][1])


def test_the_last_receipt_and_the_items_history_count():
    """Of several tries the last one's facts; of the attempts all causes, oldest first."""
    tries = [receipt("retry", tries=1, status=503), receipt("accepted", tries=2, status=200)]

    [row] = joined(tries, [{**STORED, **FAILED, "receives": 3, "duplicates": 1}]).to_dict("records")

    assert (row["tries"], row["status"], row["receives"]) == (2, 200, 3)
    assert (row["failures"], row["failure_causes"]) == (2, "ValueError: a | ValueError: b")
    assert row["duplicates"] == 1


def test_values_of_dynamodb_become_pythons():
    """Whole numbers stay whole, lists and maps keep their shape."""
    item = {
        "S": {"S": "1"}, "whole": {"N": "-12"}, "part": {"N": "1790000000.123456"}, "cold": {"BOOL": True},
        "attempts": {"L": [{"M": {"at": {"S": "x"}}}]},
    }  # fmt: skip

    plain = {name: records_items.plain(value) for name, value in item.items()}

    assert plain == {
        "S": "1", "whole": -12, "part": 1790000000.123456, "cold": True, "attempts": [{"at": "x"}],
    }  # fmt: skip
    assert isinstance(plain["whole"], int)


class Logs:
    """CloudWatch Logs with one group's lines, in pages of two."""

    def __init__(self, *messages):
        self.events = [
            {"message": text, "timestamp": 1_790_000_000_000 + k} for k, text in enumerate(messages)
        ]

    name = "local"

    def client(self, service):
        assert service == "logs"
        return self

    def get_paginator(self, operation):
        assert operation == "filter_log_events"
        return self

    def paginate(self, logGroupName, startTime, endTime, filterPattern):
        found = [event for event in self.events if filterPattern.strip('"') in event["message"]]
        return [{"events": found[k : k + 2]} for k in range(0, len(found), 2)]


def test_an_invocation_is_its_log_line():
    """Only lines that tell of an invocation count; those of the runtime and of refusals are passed over."""
    of_processor = {
        "event": "batch_processed", "function": "processor", "request_id": "r1", "environment_id": "e",
        "cold": True, "init_s": 0.5, "received": 3, "stored": 1, "failed": 1, "permanent": 1,
        "put_s": [0.25, 0.5], "duration_s": 2.0,
    }  # fmt: skip
    counts = {"accepted": 4, "rejected": 1, "retry": 2}
    of_collector = {"event": "request_served", "function": "collector", **counts}
    stack = SimpleNamespace(outputs={"ProcessorLogGroup": "p", "CollectorLogGroup": "c"})
    logs = Logs(
        "START RequestId: r1",
        json.dumps(of_processor),
        '{"event":"release_refused","function":"processor"}',
        json.dumps(of_collector),
        "REPORT RequestId: r1",
    )

    table = invocations.invocations(logs, stack, "run", 1.79e9, 1.79e9 + 1)

    assert list(table.columns) == list(schema.INVOCATIONS)
    second, first = table.to_dict("records")
    assert first == {
        "run_id": "run", "function": "processor", "at": 1_790_000_000.001, "request_id": "r1",
        "environment_id": "e", "cold": True, "init_s": 0.5, "received": 3, "stored": 1, "failed": 1,
        "permanent": 1, "duration_s": 2.0, "put_s": 0.75,
    }  # fmt: skip
    assert (second["received"], second["stored"], second["failed"]) == (7, 4, 2)


def test_answers_are_given_in_input_order(tmp_path):
    """Results as JSON, errors with the outcome; unicode as it is."""
    lines = [Line(0, "é"), Line(1, "bad\x00", "is bad"), Line(4, "x")]
    table = pd.DataFrame(
        {"n": [0, 1, 4], "outcome": ["stored", "rejected", "dead"], "cause": ["", "is bad", "ValueError: a"]}
    )
    found = {0: {"result": '{"length": 1}'}, 4: {}}

    with (tmp_path / "outputs.jsonl").open("w", encoding="utf-8") as file:
        outputs.write_outputs(file, lines, table, found)

    assert list(outputs.outputs(tmp_path)) == [
        {"n": 0, "data": "é", "result": {"length": 1}},
        {"n": 1, "data": "bad\x00", "error": "rejected: is bad"},
        {"n": 4, "data": "x", "error": "dead: ValueError: a"},
    ]
    assert "é" in (tmp_path / "outputs.jsonl").read_text(encoding="utf-8")


def test_answers_without_a_run_come_as_they_arrived(tmp_path):
    """The datapoint itself is on the item, since no file of ours has it."""
    found = [
        {"n": 9, "outcome": "stored", "result": "1", "data": "late", "received_at": 20.0},
        {"n": 3, "outcome": "dead", "cause": "why", "payload": "x", "dead_at": 15.0},
        {"n": 7, "outcome": "stored", "result": "2", "data": "early", "received_at": 10.0},
        {"n": 8, "attempts": [], "received_at": 30.0},
    ]

    outputs.write_adhoc_outputs(tmp_path / "outputs.jsonl", found)

    assert list(outputs.outputs(tmp_path)) == [
        {"n": 7, "data": "early", "result": 2},
        {"n": 3, "data": "x", "error": "dead: why"},
        {"n": 9, "data": "late", "result": 1},
        {"n": 8, "data": None, "error": "in_flight: "},
    ]


def test_a_run_without_answers_says_how_to_get_them(tmp_path):
    """Instead of an empty list, which would look like an empty file."""
    with pytest.raises(RunError, match=r"has no outputs yet: fetch them with `lambdist fetch"):
        list(outputs.outputs(tmp_path / "run-1"))


@pytest.mark.parametrize("cause", ["", "NA", "null", 'she said "no", twice', "two  spaces"])
def test_a_table_is_read_as_it_was_written(tmp_path, cause):
    """Causes that look like missing values or CSV stay what they are; where there is none there is none."""
    table = joined([receipt("refused", cause=cause)], [])

    tables.write_table(tmp_path, "records", table)
    read = tables.load(tmp_path)

    assert list(read.columns) == list(schema.RECORDS)
    assert list(read["cause"]) == [cause]
    assert list(read["failure_causes"]) == [""]


def test_a_large_table_is_gzipped_reproducibly(tmp_path, monkeypatch):
    """Equal tables are equal bytes, and load like small ones."""
    monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", 100)
    table = joined([receipt("accepted")], [STORED])

    tables.write_table(tmp_path, "records", table)
    first = (tmp_path / "records.csv.gz").read_bytes()
    tables.write_table(tmp_path, "records", table)

    assert (tmp_path / "records.csv.gz").read_bytes() == first
    assert tables.load(tmp_path)["outcome"].tolist() == ["stored"]


def test_a_gzipped_table_that_was_cut_off_is_said_to_be(tmp_path, monkeypatch):
    """In its end, in its middle, and down to nothing."""
    monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", 100)
    tables.write_table(tmp_path, "records", joined([receipt("accepted")], [STORED]))
    path = tmp_path / "records.csv.gz"
    whole = path.read_bytes()

    for size in (len(whole) - 4, len(whole) // 2, 12, 0):
        path.write_bytes(whole[:size])
        with pytest.raises(RunError, match=r"records\.csv\.gz of .* cannot be read"):
            tables.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"has no records\.csv: the run was not collected"),
        ("a,b\n1,2\n", "is of another version"),
        ("", "cannot be read"),
        ('a,"b\n1\n', "cannot be read"),
        ("a,b\n1,2\n3,", "is cut off in its last line: restore the file"),
    ],
)
def test_a_table_that_is_none_is_said_to_be(tmp_path, content, message):
    """Missing, of another version, empty, damaged."""
    if content is not None:
        (tmp_path / "records.csv").write_text(content)

    with pytest.raises(RunError, match=message):
        tables.load(tmp_path)
