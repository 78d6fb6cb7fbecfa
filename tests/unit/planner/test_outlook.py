"""What was measured here stands beside what the planner predicts for AWS."""

import math
import shutil

import pytest

from lambdist_lib import load_results, paths
from lambdist_lib.planner.outlook import Outlook, aws_outlook, summarise
from lambdist_lib.protocol.arms import ARMS


@pytest.fixture(scope="module")
def outlook():
    return aws_outlook(load_results(paths.root() / "results" / "reference"))


def test_each_measured_arm_has_both_times(outlook):
    """Measured here, predicted on AWS with its interval, in one row."""
    rows = outlook.table.set_index("arm")

    for arm in ("distributed", "single_node", "single_node_parallel"):
        row = rows.loc[arm]
        assert row["low_s"] <= row["predicted_s"] <= row["high_s"]
        assert row["measured_s"] > 0
        assert row["bottleneck"] and row["what"] == ARMS[arm].what
    assert math.isnan(rows.loc["local_pool", "measured_s"])  # predicted, but it did not run


def test_the_control_has_no_ratio_to_itself(outlook):
    rows = outlook.table.set_index("arm")

    assert math.isnan(rows.loc["single_node", "ratio"])
    assert rows.loc["distributed", "low"] < rows.loc["distributed", "ratio"] < rows.loc["distributed", "high"]


def test_the_conclusion_is_about_aws_and_says_that_it_is_predicted(outlook):
    """It names the bottleneck, the assumption that moves it most, and from where on the fan-out pays."""
    text = outlook.conclusion()

    assert text.startswith("On AWS, predicted from these runs and published figures, never run there: ")
    for part in (
        "times faster than single node",
        "bottleneck",
        "assumption that moves it most",
        "datapoints on.",
    ):
        assert part in text


def test_equal_predictions_are_not_called_one_times_faster(outlook):
    table = outlook.table.copy()
    of_arm = table["arm"] == "distributed"
    table["predicted_s"] = table["predicted_s"].where(of_arm, table.loc[of_arm, "predicted_s"].item() * 1.04)

    text = Outlook(table=table, break_even=outlook.break_even).conclusion()

    assert "as fast as single node (" in text
    assert " 1 times" not in text


def test_runs_that_calibrate_nothing_have_a_reason(outlook):
    text = Outlook(table=outlook.table, break_even=outlook.break_even, note="no distributed run").conclusion()

    assert text == "AWS is not predicted: no distributed run."


def test_the_table_in_words_needs_no_arithmetic(outlook):
    """Each cell is text for people; the same rows of summary.json, with null for NaN, give the same."""
    words = outlook.in_words()
    cells = words.loc["distributed"]

    assert "times faster (" in cells["against single node here"]
    assert words.loc["local pool", "measured here"] == "not run"
    assert not words.map(lambda cell: "nan" in cell or "_" in cell).any(axis=None)


def test_a_summary_holds_the_prediction_beside_the_finding(tmp_path):
    """The finding ends with the conclusion about AWS."""
    copy = shutil.copytree(paths.root() / "results" / "reference", tmp_path / "copy")

    summary = summarise(load_results(copy))

    assert summary["finding"].endswith(summary["conclusion"])
    assert summary["conclusion"].startswith("On AWS, predicted")
    assert {row["arm"] for row in summary["tables"]["outlook"]} > {"distributed", "single_node"}
