"""What a plan says beforehand is what the Lambdas then do."""

import copy
import csv
import os
import signal
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fakes import CONTEXT, FakeDynamoDB, FakeQueue
from support.messages import message

from lambdist_lib.data.datapoints import Line
from lambdist_lib.protocol import faults
from lambdist_lib.runs import ground_truth

TRIES = 3
KINDS = ["raise", "permanent", "crash", "crash-after", "poison", "duplicate", "slow"]
PLANS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(["0.2", "0.5", "0.8", "1"])), min_size=1, max_size=4
).map(lambda pairs: ",".join(f"{kind}:{chance}" for kind, chance in pairs))


class Died(BaseException):
    pass


def delivered(processor, n, fault, copies, monkeypatch, poison):
    """The datapoint's messages as SQS delivers them, one after the other, until each is gone or dead."""
    queue, dynamodb = FakeQueue(), FakeDynamoDB()
    processor.queues.client, processor.table.client = queue, dynamodb

    def die(status):
        states.append((copy.deepcopy(vars(dynamodb)), copy.deepcopy(vars(queue))))
        raise Died

    def outlast(seconds):  # as if the watchdog's alarm rang
        signal.raise_signal(signal.SIGALRM)

    monkeypatch.setattr(os, "_exit", die)
    monkeypatch.setattr(time, "sleep", outlast)
    deaths, states = [], []
    for _ in range(copies):
        for receives in range(1, TRIES + 1):
            one = message(n, body="{" if poison else None, fault=fault, receives=receives)
            states.clear()
            try:
                done = not processor.handler({"Records": [one]}, CONTEXT)["batchItemFailures"]
            except Died:
                done = False
            if states:  # the process was gone at that moment, whatever the handler did after it
                vars(dynamodb).update(states[0][0])
                vars(queue).update(states[0][1])
            elif done:
                break
        else:
            deaths.append(TRIES)
    deaths += [int(one["MessageAttributes"]["receives"]["StringValue"]) for one in queue.sent]
    return dynamodb.item("run", n), deaths


@given(PLANS, st.integers(0, 99), st.integers(0, 9), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_datapoint_goes_the_way_that_was_told(import_fresh, monkeypatch, text, n, seed, at_once):
    """Any mix of faults, drawn by the Lambdas on their own: outcome, receives, failures and duplicates."""
    plan = faults.parse_fault(text, seed=seed)
    processor = import_fresh(
        "processor", MAX_RECEIVES=str(TRIES), PERMANENT_AT_ONCE="on" if at_once else "off"
    )
    copies, poison = 1 + plan.strikes("duplicate", n), plan.strikes("poison", n)

    item, deaths = delivered(processor, n, str(plan), copies, monkeypatch, poison)

    planned = ground_truth.of(plan, n, tries=TRIES, at_once=at_once)
    assert planned.outcome == ("stored" if item.get("outcome") == "stored" else "dead")
    assert planned.failures == len(item.get("attempts", []))
    assert planned.duplicates == item.get("duplicates", 0)
    assert planned.receives == (item["receives"] if planned.outcome == "stored" else deaths[0])
    if planned.outcome == "dead" and planned.cause_class != "crash":
        assert item["attempts"][-1]["class"] == planned.cause_class


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raise:1", ("dead", "application", 5, 5, 0, "raise raise raise raise raise")),
        ("slow:1", ("dead", "timeout", 5, 5, 0, "slow slow slow slow slow")),
        ("crash:1", ("dead", "crash", 5, 0, 0, "crash crash crash crash crash")),
        ("permanent:1", ("dead", "application", 1, 1, 0, "permanent")),
        ("poison:1", ("dead", "poison", 1, 1, 0, "poison")),
        ("crash-after:1", ("stored", "", 1, 0, 1, "- crash-after")),
        ("duplicate:1", ("stored", "", 1, 0, 1, "- duplicate")),
        ("throttle:1", ("dead", "throttle-only", 5, 0, 0, "throttle")),
        ("throttle:0.5", ("", "", 0, 0, 0, "throttle")),
        ("raise:0", ("stored", "", 1, 0, 0, "-")),
    ],
)
def test_what_each_kind_does(text, told):
    """One row of truth.csv for each kind that is certain to strike."""
    row = ground_truth.of(faults.parse_fault(text), 0, tries=5)

    assert (row.outcome, row.cause_class, row.receives, row.failures, row.duplicates, row.strikes) == told


def test_the_truth_is_a_table(tmp_path):
    """One row per datapoint, in their order, for who compares it with records.csv."""
    plan = faults.parse_fault("raise:1@3")

    ground_truth.write(
        tmp_path, ground_truth.rows(plan, [Line(1, "a"), Line(2, "b", "is empty"), Line(3, "c")], tries=2)
    )

    rows = list(csv.DictReader((tmp_path / "truth.csv").read_text().splitlines()))
    assert [(row["n"], row["outcome"], row["strikes"]) for row in rows] == [
        ("1", "stored", "-"),
        ("3", "dead", "raise raise"),
    ]
