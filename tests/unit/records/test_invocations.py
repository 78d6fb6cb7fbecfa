"""Every invocation is read from the logs, however they are cut into answers."""

import json
from types import SimpleNamespace

import pytest

from lambdist_lib.records import invocations
from lambdist_lib.results import schema

STACK = SimpleNamespace(outputs={"ProcessorLogGroup": "processor"})


BEGAN_AT = 1_790_000_000.0


def event(number, *, ms, name="batch_processed"):
    message = json.dumps({"event": name, "function": "processor", "request_id": f"r-{number}", "stored": 1})
    return {"timestamp": int(BEGAN_AT * 1000) + ms, "logStreamName": f"s-{number % 7}", "message": message}


class Emulator:
    """Logs that answer at most `most` events, in order of time, and never give a token."""

    name = "local"

    def __init__(self, events, most=10_000):
        self.events, self.most, self.answers = sorted(events, key=lambda row: row["timestamp"]), most, 0

    def client(self, service):
        return self

    def get_paginator(self, operation):
        return self

    def paginate(self, logGroupName, startTime, endTime, filterPattern=""):
        self.answers += 1
        found = [
            row
            for row in self.events
            if startTime <= row["timestamp"] <= endTime and filterPattern.strip('"') in row["message"]
        ]
        return [{"events": found[: self.most]}]


def read(logs, known=()):
    return invocations.invocations(logs, STACK, "run", BEGAN_AT, BEGAN_AT + 1000, known=known)


@pytest.mark.parametrize("per_ms", [1, 3, 40])
def test_reading_goes_on_where_an_answer_was_cut(monkeypatch, per_ms):
    """Each invocation has one row, also where several share the millisecond of the cut."""
    monkeypatch.setattr(invocations, "PAGE_EVENTS", 100)
    logs = Emulator([event(number, ms=number // per_ms) for number in range(1050)], most=100)

    table = read(logs)

    assert sorted(table["request_id"]) == sorted(f"r-{number}" for number in range(1050))
    assert logs.answers > 10


def test_more_than_ten_thousand_invocations_are_read():
    """The emulator's own limit."""
    table = read(Emulator([event(number, ms=number // 2) for number in range(25_000)]))

    assert table["request_id"].nunique() == len(table) == 25_000


def test_only_our_events_take_room_in_an_answer():
    """The runtime's three lines an invocation are filtered by CloudWatch."""
    noise = [{**event(k, ms=k), "message": "START RequestId"} for k in range(30_000)]
    logs = Emulator([*noise, event(1, ms=20_000)])

    assert list(read(logs)["request_id"]) == ["r-1"]
    assert logs.answers == 1


def test_a_full_millisecond_ends_the_reading(monkeypatch):
    """More events at one time than an answer holds cannot be read; it must not read for ever."""
    monkeypatch.setattr(invocations, "PAGE_EVENTS", 10)

    assert len(read(Emulator([event(number, ms=5) for number in range(30)], most=10))) == 10


def test_an_event_that_comes_late_is_waited_for(monkeypatch):
    """Until every invocation that the records name has its row."""
    monkeypatch.setattr(invocations, "POLL_S", {"local": 0.0})
    logs = Emulator([event(1, ms=1)])
    answered = logs.paginate

    def paginate(**asked):
        if logs.answers == 3:
            logs.events.append(event(2, ms=2))
        return answered(**asked)

    monkeypatch.setattr(logs, "paginate", paginate)

    assert sorted(read(logs, known=["r-1", "r-2"])["request_id"]) == ["r-1", "r-2"]


def test_an_event_that_never_comes_ends_the_wait(monkeypatch):
    """The table then lacks it, and the run says so."""
    monkeypatch.setattr(invocations, "LATE_S", {"local": 0.05})

    assert list(read(Emulator([event(1, ms=1)]), known=["r-1", "gone"])["request_id"]) == ["r-1"]


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


@pytest.mark.parametrize("rows_at_once", [1, 7, 10_000])
def test_a_table_has_the_same_types_however_many_rows_are_read_at_once(monkeypatch, rows_at_once):
    """Numbers that lack in all rows of one part are numbers in the whole table."""
    monkeypatch.setattr(invocations, "ROWS_AT_ONCE", rows_at_once)
    events = [event(number, ms=number) for number in range(20)]
    for number, row in enumerate(events):
        row["message"] = row["message"].replace("}", f', "init_s": {0.25 if number == 15 else "null"}}}')

    table = read(Emulator(events))

    assert table["init_s"].dtype == "float64" and table["init_s"].dropna().tolist() == [0.25]
    assert table["request_id"].tolist() == [f"r-{number}" for number in range(20)]
    assert list(table) == list(schema.INVOCATIONS) and table["stored"].dtype == "int64"
