import math

import numpy as np
import pandas as pd
import pytest
from support import tables as frames

from lambdist_lib.measures import dead_letters, fault_matrix
from lambdist_lib.results.schema import INVOCATIONS, RECORDS, RUNS

NO_RECORDS = pd.DataFrame(columns=list(RECORDS))
NO_INVOCATIONS = pd.DataFrame(columns=list(INVOCATIONS))
NO_RUNS = pd.DataFrame(columns=list(RUNS))


def experiment(*cells, rounds=2, count=1_000):
    """Runs and records under the law: each cell is (fault, batch, partial), its draws are of its own."""
    rng = np.random.default_rng(0)
    runs, records = [], []
    for number, (fault, batch, partial) in enumerate(cell for cell in cells for _ in range(rounds)):
        p, permanent = fault_matrix.chances(fault)
        q = dead_letters.receive_failure_probability(0 if math.isnan(p) else p, batch=batch, partial=partial)
        tries = rng.geometric(1 - q, count)
        hopeless = rng.random(count) < (0 if math.isnan(permanent) else permanent)
        run = frames.runs(1).iloc[1].to_dict()
        run |= {"run_id": f"d{number}", "fault": f"{fault},seed:{number}" if fault != "none" else fault}
        runs.append({**run, "queue_batch": batch, "partial_responses": partial})
        receives = np.where(hopeless, 1, np.minimum(tries, 5))
        outcome = np.where(hopeless | (tries > 5), "dead", "stored")
        records.append(
            frames.records(1, run_id=f"d{number}")
            .loc[[0] * count]
            .assign(
                receives=receives, outcome=outcome, cause=np.where(outcome == "dead", "InjectedFault: x", "")
            )
        )
    return pd.DataFrame(runs, columns=list(RUNS)), pd.concat(records, ignore_index=True)


def batches(sizes, run_id="d0"):
    return frames.invocations(len(sizes), run_id=run_id).assign(received=sizes)


def test_rounds_of_a_cell_are_put_together_whatever_their_seed():
    runs, records = experiment(
        ("raise:0.5", 1, True), ("raise:0.5", 10, True), ("permanent:0.1,raise:0.5", 1, True)
    )

    table = fault_matrix.cells(records, runs, NO_INVOCATIONS)

    assert table[["fault", "batch", "runs", "settled"]].to_numpy().tolist() == [
        ["raise:0.5", 1, 2, 2000],
        ["raise:0.5", 10, 2, 2000],
        ["permanent:0.1,raise:0.5", 1, 2, 2000],
    ]
    assert table["expected"].tolist() == pytest.approx([0.5**5, 0.5**5, 0.1 + 0.9 * 0.5**5])
    assert table["agrees"].all()
    assert (table["p_value"] > 0.001).all()
    assert table["filled"].isna().all()


def test_without_partial_responses_the_law_is_of_the_whole_batch():
    runs, records = experiment(("raise:0.1", 10, False))

    [row] = fault_matrix.cells(records, runs, batches([10, 10])).to_dict("records")

    assert row["expected"] == pytest.approx(0.1172, abs=1e-4)
    assert (row["filled"], row["expected_filled"]) == (10, pytest.approx(row["expected"]))
    assert row["agrees"]


def test_batches_that_were_not_full_expect_fewer():
    """A message is as likely in a batch as the batch is large: 9 of 10 messages were in the one of nine."""
    runs, records = experiment(("raise:0.1", 10, False))

    [row] = fault_matrix.cells(records, runs, batches([9, 1, 0])).to_dict("records")

    assert row["filled"] == pytest.approx((81 + 1) / 10)
    assert row["expected_filled"] == pytest.approx((0.9 * (1 - 0.9**9) + 0.1 * 0.1) ** 5)


@pytest.mark.parametrize("fault", ["crash:0.1", "raise:1@5", "raise:0.5,slow:0.1"])
def test_a_plan_beyond_the_law_has_a_rate_and_no_expectation(fault):
    runs, records = experiment((fault, 1, True))

    [row] = fault_matrix.cells(records, runs, NO_INVOCATIONS).to_dict("records")

    assert row["settled"] == 2000
    assert math.isnan(row["expected"])
    assert math.isnan(row["p_value"])
    assert not row["agrees"]
    assert "no fault plan of these runs" in fault_matrix.sentence(
        fault_matrix.cells(records, runs, NO_INVOCATIONS), "local cloud"
    )


def test_hopeless_ones_in_whole_batches_have_no_law():
    """They take their neighbours with them, over and over."""
    assert math.isnan(dead_letters.expected_rate(0.1, batch=10, partial=False, permanent=0.1))


def test_the_receives_of_a_cell_expect_its_hopeless_at_the_first():
    runs, records = experiment(("none", 1, True), ("permanent:0.2,raise:0.5", 1, True))
    cell = fault_matrix.cells(records, runs, NO_INVOCATIONS).iloc[1]

    of_cell = fault_matrix.select_cell(records, runs, cell)
    table = dead_letters.receive_counts(of_cell, p=cell["p"], permanent=cell["permanent"])

    assert set(of_cell["run_id"]) == {"d2", "d3"}
    assert table["expected"].sum() == pytest.approx(2000)
    first = table[(table["receives"] == 1) & (table["outcome"] == "dead")].iloc[0]
    assert first["expected"] == pytest.approx(400)
    assert abs(first["datapoints"] - 400) < 5 * 20


def test_every_datapoint_is_held_to_its_plan():
    """One died that should not have, one was stored a receive later; one is not settled yet."""
    runs, records = experiment(("raise:0.5", 1, True), rounds=1, count=50)
    records["n"] = range(50)
    planned = records[["run_id", "n", "outcome", "receives"]].copy()
    stored = records.index[(records["outcome"] == "stored") & (records["receives"] < 4)]
    records.loc[stored[0], "outcome"] = "dead"
    records.loc[stored[1], "receives"] += 1
    records.loc[stored[2], "outcome"] = "in_flight"

    [row] = fault_matrix.compare_with_expected(records, runs, planned).to_dict("records")

    assert (row["fault"], row["settled"], row["dead"] - row["planned_dead"]) == ("raise:0.5", 49, 1)
    assert (row["same_outcome"], row["same_receives"]) == (48, 48)


def test_runs_without_a_plan_are_compared_with_none():
    runs, records = experiment(("none", 1, True), rounds=1, count=5)

    assert fault_matrix.compare_with_expected(records, runs, records.iloc[:0]).empty


def test_nothing_run_is_an_empty_matrix():
    table = fault_matrix.cells(NO_RECORDS, NO_RUNS, NO_INVOCATIONS)

    assert table.empty
    assert fault_matrix.sentence(table, "local cloud").startswith("no fault plan")


def test_the_sentence_names_both_kinds_of_batches():
    runs, records = experiment(("raise:0.5", 1, True), ("raise:0.1", 10, False))

    said = fault_matrix.sentence(fault_matrix.cells(records, runs, batches([9, 1], "d2")), "local cloud")

    assert said.startswith("2 of 2 combinations of fault and batch have the expected share of dead")
    assert "with partial batch responses raise:0.5 in batches of 1 killed" in said
    assert "without them raise:0.1 in batches of 10 killed" in said
    assert "expected 11.7 %, " in said
    assert said.endswith("(local cloud).")


def test_the_sentence_of_one_cell_is_singular():
    runs, records = experiment(("raise:0.5", 1, True))

    said = fault_matrix.sentence(fault_matrix.cells(records, runs, NO_INVOCATIONS), "local cloud")

    assert " of 1 combination of fault and batch has the expected share of dead within its 95 %" in said


def test_a_cell_is_spelt_for_a_title():
    cell = pd.Series({"fault": "raise:0.1", "batch": 10, "partial": False})

    assert fault_matrix.cell_label(cell) == "raise:0.1, batches of 10, no partial responses"
