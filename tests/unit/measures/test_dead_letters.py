"""Measure how many datapoints died, and why."""

import math

import numpy as np
import pandas as pd
import pytest
from support import tables as frames

from lambdist_lib.measures import dead_letters
from lambdist_lib.results.schema import RECORDS

NO_RECORDS = pd.DataFrame(columns=list(RECORDS))


def test_the_rate_is_over_settled_datapoints():
    """One that was rejected or never sent had no chance to die."""
    records = frames.records(131, dead={129, 130})
    records.loc[:9, "outcome"] = "rejected"
    records.loc[10:20, "outcome"] = "unsent"

    row = dead_letters.rate(records).iloc[0]

    assert (row["settled"], row["dead"], row["method"]) == (110, 2, "Clopper-Pearson")
    assert row["low"] < row["rate"] == 2 / 110 < row["high"]


def test_all_dead_is_a_rate_of_one():
    row = dead_letters.rate(frames.records(3, dead=range(3))).iloc[0]

    assert (row["rate"], row["high"]) == (1, 1)


def test_nothing_settled_has_no_rate():
    row = dead_letters.rate(frames.ended_as("unsent", "unsent")).iloc[0]

    assert row["settled"] == 0
    assert math.isnan(row["rate"])
    assert dead_letters.rate(NO_RECORDS).empty


def test_causes_are_grouped_by_their_class():
    """The same exception with other words is the same cause; one without words has its last failure's."""
    records = frames.records(6, dead=range(5))
    records["cause"] = ["ValueError: a", "ValueError: b", "poison: x: y", "", "", ""]
    records["failure_causes"] = ["", "", "", "OSError: 1 | KeyError: 2", "", ""]

    table = dead_letters.by_cause(records)

    assert table[["cause", "dead", "example"]].to_numpy().tolist() == [
        ["ValueError", 2, "ValueError: a"],
        ["KeyError", 1, "KeyError: 2"],
        ["no trace", 1, "no trace"],
        ["poison", 1, "poison: x: y"],
    ]


def test_causes_have_one_order_whatever_that_of_the_records():
    """Arms in the order of ARMS, then the most frequent first, then causes by name."""
    arms = [
        frames.records(9, dead=range(5), arm=arm).assign(cause=["B", "A", "C", "C", "D", *[""] * 4])
        for arm in ("single_node", "distributed")
    ]
    records = pd.concat(arms, ignore_index=True)

    tables = [dead_letters.by_cause(rows) for rows in (records, records[::-1].reset_index(drop=True))]

    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["arm"].tolist() == ["distributed"] * 4 + ["single_node"] * 4
    assert tables[0]["cause"].tolist() == ["C", "A", "B", "D"] * 2


def test_a_cause_has_its_rate_with_an_interval():
    """Of the arm's settled datapoints."""
    records = frames.records(100, dead=range(8))
    records.loc[:1, "cause"] = "ValueError: a"
    records.loc[90:, "outcome"] = "unsent"

    table = dead_letters.by_cause(records).set_index("cause")

    assert table.loc["RuntimeError", ["dead", "rate"]].tolist() == [6, 6 / 90]
    assert table.loc["ValueError", "low"] < 2 / 90 < table.loc["ValueError", "high"]


def test_nobody_dead_has_no_causes():
    assert dead_letters.by_cause(frames.records(3)).empty
    assert dead_letters.by_cause(NO_RECORDS).empty


def test_receives_are_a_histogram_by_outcome():
    table = dead_letters.receive_counts(frames.records(131, dead={129, 130}))

    assert table[["receives", "outcome", "datapoints"]].to_numpy().tolist() == [
        [1, "stored", 129],
        [5, "dead", 2],
    ]


def test_receives_follow_the_geometric_law():
    """The expectation covers every way to settle, adds up, and is met by what was drawn from it."""
    rng = np.random.default_rng(20260703)
    drawn = rng.geometric(1 - 0.4, 5_000)
    records = frames.records(1).loc[[0] * 5_000].assign(
        receives=np.minimum(drawn, 5), outcome=np.where(drawn > 5, "dead", "stored")
    )  # fmt: skip

    table = dead_letters.receive_counts(records, p=0.4)

    assert len(table) == 6
    assert table["expected"].sum() == pytest.approx(5_000)
    assert (abs(table["datapoints"] - table["expected"]) < 5 * np.sqrt(table["expected"])).all()


def test_a_death_at_the_first_receive_is_not_expected():
    """A hopeless datapoint does not follow the law of retries: it shows beside it."""
    table = dead_letters.receive_counts(frames.records(10, dead={3}).assign(receives=1), p=0.5)

    hopeless = table[(table["receives"] == 1) & (table["outcome"] == "dead")]
    assert hopeless[["datapoints", "expected"]].to_numpy().tolist() == [[1, 0]]


@pytest.mark.parametrize("p", [None, 0.0, 0.3])
def test_receives_of_nothing_are_an_empty_table(p):
    assert dead_letters.receive_counts(NO_RECORDS, p=p).empty


LAW = ["run_id", "arm", "n", "outcome", "receives", "failures", "duplicates", "redrives"]
ONE = frames.records(1)[LAW]


def retried(p, count, *, most=5, seed=0):
    """Records whose receives follow the law, with the columns that it concerns."""
    drawn = np.random.default_rng(seed).geometric(1 - p, count)
    return ONE.loc[[0] * count].assign(
        receives=np.minimum(drawn, most), outcome=np.where(drawn > most, "dead", "stored")
    )  # fmt: skip


def test_the_expected_rate_is_that_of_the_facts():
    """facts.md, section 0: p = 0.1, batches of ten, without partial responses 0.117 instead of 1e-5."""
    assert dead_letters.expected_rate(0.1) == pytest.approx(1e-5)
    assert dead_letters.expected_rate(0.1, batch=10) == pytest.approx(1e-5)
    assert dead_letters.expected_rate(0.1, batch=10, partial=False) == pytest.approx(0.1172, abs=1e-4)
    assert dead_letters.expected_rate(0.1, batch=1, partial=False) == pytest.approx(1e-5)


def test_the_observed_rate_stands_beside_the_expected_one():
    row = dead_letters.compare_with_theory(retried(0.4, 5_000), p=0.4).iloc[0]

    assert row["expected"] == pytest.approx(0.4**5)
    assert row["low"] < row["expected"] < row["high"]
    assert row["agrees"]
    assert not dead_letters.compare_with_theory(retried(0.4, 5_000), p=0.6).iloc[0]["agrees"]


@pytest.mark.parametrize(("p", "count", "method"), [(0.4, 5_000, "chi-square"), (0.05, 60, "Monte Carlo")])
def test_the_fit_is_as_strict_as_it_says(p, count, method):
    """Of 200 experiments under the law, about 5 % have a p value below 0.05."""
    found = [dead_letters.goodness_of_fit(retried(p, count, seed=seed), p=p).iloc[0] for seed in range(200)]

    assert all(one["method"].startswith(method) for one in found)
    assert 0 < np.mean([one["p_value"] < 0.05 for one in found]) < 0.1


def test_another_probability_is_noticed():
    row = dead_letters.goodness_of_fit(retried(0.4, 5_000), p=0.3).iloc[0]

    assert row["p_value"] < 1e-6
    assert row["n"] == 5_000


def test_the_hopeless_stand_beside_the_law():
    records = pd.concat([retried(0.2, 300), frames.records(4, dead={0, 1, 2}).assign(receives=1)])

    row = dead_letters.goodness_of_fit(records, p=0.2).iloc[0]

    assert (row["n"], row["beside"]) == (301, 3)


def test_what_cannot_happen_has_no_chance():
    """No fault was declared, and something was received twice."""
    row = dead_letters.goodness_of_fit(frames.records(10).assign(receives=2), p=0.0).iloc[0]

    assert (row["p_value"], row["method"]) == (0, "impossible under the law")


@pytest.mark.parametrize("records", [frames.records(5), frames.ended_as("unsent", "lost")])
def test_nothing_to_test_has_no_p_value(records):
    row = dead_letters.goodness_of_fit(records, p=0.0).iloc[0]

    assert math.isnan(row["p_value"])
    assert row["method"] == "nothing to test"
    assert dead_letters.goodness_of_fit(NO_RECORDS, p=0.3).empty


def test_found_causes_are_held_against_the_plan():
    """Rows planned, columns found; what was not settled is in neither, right ones are on the diagonal."""
    records = frames.records(8, dead={1, 2, 3})
    records.loc[3, "cause_class"] = "crash"
    records.loc[7, "outcome"] = "lost"
    planned = pd.Series("stored", index=records.index)
    planned[[1, 2, 3, 4, 7]] = ["application", "timeout", "crash", "timeout", "timeout"]

    matrix = dead_letters.confusion(records, planned)

    assert list(matrix.columns) == list(matrix.index) == ["stored", "application", "timeout", "crash"]
    assert matrix.to_numpy().sum() == 7
    assert (matrix.loc["timeout", "application"], matrix.loc["timeout", "stored"]) == (1, 1)
    assert [matrix.loc[name, name] for name in matrix.index] == [3, 1, 0, 1]


def test_a_confusion_matrix_of_no_records_is_empty():
    """Without a settled datapoint there is nothing to count."""
    assert dead_letters.confusion(NO_RECORDS, pd.Series(dtype=object)).empty
