"""A client whose clock is wrong measures the same, or says that it did not."""

import itertools
import time

import pandas as pd
import pytest

from lambdist_lib import paths
from lambdist_lib.data import datapoints
from lambdist_lib.measures import machine, stages
from lambdist_lib.results import schema, tables
from lambdist_lib.runs import run
from lambdist_lib.runs.conditions import Conditions

numbers = itertools.count()
WORDS = datapoints.from_iterable([f"word-{n}" for n in range(30)])


@pytest.fixture
def execute(distributed):
    """`execute()`: one run of 30 words; its row and its folder."""

    def start(arm="distributed", **conditions):
        folder = paths.results() / "clocks" / "runs" / f"clock-{next(numbers)}"
        held = Conditions(chunks=4, retry_delay_s=0, **conditions)
        info = run.new_run(distributed.target, distributed.stack, WORDS, folder, held, arm=arm)
        return run.run_once(distributed.target, distributed.stack, WORDS, folder, info), folder

    return start


@pytest.mark.parametrize("ahead_s", [2.0, -2.0])
def test_a_client_clock_that_is_off_is_corrected_and_named(execute, monkeypatch, ahead_s):
    """Times are positive and ordered, every invocation has its row, and a sentence names the offset."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + ahead_s)

    row, folder = execute()

    assert abs(row["clock_offset_s"] + ahead_s) <= row["clock_bound_s"] + 0.001
    assert row["clock_moved_s"] == 0
    assert 0 < row["makespan_s"] <= row["seen_s"] < 60
    assert abs(row["started_at"] - now()) < 120
    table, invocations = tables.load(folder), tables.load(folder, "invocations")
    stages.check(stages.per_datapoint(table))
    assert row["missing_invocations"] == 0
    assert invocations.groupby("function")["received"].sum().to_dict() == {"collector": 30, "processor": 30}
    [text] = [text for text in machine.warnings(frame(row)) if "client's clock" in text]
    assert f" s {'ahead of' if ahead_s > 0 else 'behind'} " in text


def test_equal_clocks_are_not_corrected(execute):
    """The stamps stay as they were taken."""
    row, _ = execute()

    assert (row["clock_offset_s"], row["clock_moved_s"], row["resumed"]) == (0, 0, False)
    assert 0 < row["clock_bound_s"] < 1


def test_a_clock_that_jumps_during_a_run_makes_it_no_timing(execute, monkeypatch):
    """As a resumed run: it balances and is left out of pairs."""
    now, began_s = time.time, time.monotonic()
    monkeypatch.setattr(time, "time", lambda: now() + (3.0 if time.monotonic() > began_s + 0.6 else 0.0))

    row, _ = execute(work="io:200ms")

    assert abs(row["clock_moved_s"] - 3) < 0.2
    assert row["resumed"] is True
    assert row["stored"] == 30


def test_a_run_knows_whose_cpu_time_it_took(execute):
    """Client, emulator and workers; the shares are shares."""
    row, _ = execute(work="cpu:5ms")

    assert row["cloud_cpu_s"] > 0.1
    assert row["client_cpu_s"] >= 0
    assert 0 < row["machine_share"] <= 1
    assert 0 <= row["others_share"] <= 1


def frame(row):
    return pd.DataFrame([schema.run_row(row)])
