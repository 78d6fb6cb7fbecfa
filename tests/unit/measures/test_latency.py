"""Measure how long a datapoint takes."""

import pandas as pd
import pytest
from support import tables as frames

from lambdist_lib.errors import RunError
from lambdist_lib.measures import latency
from lambdist_lib.measures.intervals import quantiles
from lambdist_lib.results.schema import RECORDS

NO_RECORDS = pd.DataFrame(columns=list(RECORDS))


def test_per_datapoint_counts_from_the_intended_send():
    """A client that stalls for 3 s before it sends adds 3 s to the latency."""
    prompt, stalled = frames.records(1), frames.records(1)
    stalled["intended_at"] -= 3

    late = latency.per_datapoint(stalled) if len(stalled) else None

    assert late.loc[0, "answer_s"] == pytest.approx(latency.per_datapoint(prompt).loc[0, "answer_s"] + 3)


def test_table_has_percentiles_by_arm_and_temperature():
    """Each group has its own percentiles, within their intervals."""
    runs = frames.runs(1, cold_pairs=1)
    records = pd.concat(
        [
            frames.records(400, arm=run.arm, run_id=run.run_id, cold=30 if run.temperature == "cold" else 0)
            for run in runs.itertuples()
        ]
    )

    table = latency.table(records, runs)

    assert len(table) == 2 * 2 * 2 * 3
    assert (table["low_s"] <= table["value_s"]).all()
    assert (table["value_s"] <= table["high_s"]).all()
    tail = table[(table["latency"] == "end_to_end") & (table["percentile"] == 0.99)]
    tail = tail.set_index(["arm", "temperature"])["value_s"]
    assert tail["distributed", "cold"] > tail["distributed", "warm"]


def test_table_has_no_tail_for_few_datapoints():
    """A tail that is not estimable has a note."""
    table = latency.table(frames.records(131, dead={129, 130}))

    assert set(table["temperature"]) == {"as found"}
    assert table["n"].tolist() == [131] * 3 + [129] * 3
    assert table.loc[table["percentile"] == 0.99, "note"].str.startswith("not estimable: n = 1").all()
    assert table.loc[table["percentile"] < 0.99, "value_s"].notna().all()


def test_table_of_dead_datapoints_has_no_end_to_end_latency():
    """A dead datapoint was not stored."""
    table = latency.table(frames.records(10, dead=range(10)))

    assert table.loc[table["latency"] == "end_to_end", "n"].tolist() == [0, 0, 0]
    assert latency.table(NO_RECORDS).empty


def test_per_datapoint_refuses_a_response_before_its_send():
    """A negative latency is reported as a clock that was set back."""
    records = frames.records(5)
    records.loc[3, "answered_at"] = records.loc[3, "intended_at"] - 2

    with pytest.raises(
        RunError, match=r"run run-1: 1 datapoints have a negative answer time, down to -2.000 s"
    ):
        latency.per_datapoint(records)


def test_table_summarises_the_latencies_of_each_datapoint():
    """Its groups and numbers are those of `per_datapoint`, in the order of the records."""
    whole = [
        frames.records(50, run_id=f"run-{arm}", arm=arm, dead={3}) for arm in ("single_node", "distributed")
    ]
    records = pd.concat([*whole, frames.records(20, run_id="unknown")], ignore_index=True)
    runs = pd.DataFrame({"run_id": ["run-distributed", "run-single_node"], "temperature": ["cold", "warm"]})

    table = latency.table(records, runs)

    expected = [
        (arm, temperature, name, each.value)
        for (arm, temperature), group in latency.per_datapoint(records, runs).groupby(
            ["arm", "temperature"], sort=False
        )
        for name in latency.ENDS
        for each in quantiles(group[f"{name}_s"])
    ]
    columns = ["arm", "temperature", "latency", "value_s"]
    pd.testing.assert_frame_equal(table[columns], pd.DataFrame(expected, columns=columns))
    assert table["temperature"].unique().tolist() == ["warm", "cold", latency.UNKNOWN]
