"""Conditions: the width of a run, its source and its readers."""

import pytest

from lambdist_lib.cloud.limits import default_processors
from lambdist_lib.costs import assumptions, bill
from lambdist_lib.errors import UsageError
from lambdist_lib.experiment import Experiment
from lambdist_lib.fanout import fan_out
from lambdist_lib.results import schema
from lambdist_lib.runs import cost_estimate, schedule
from lambdist_lib.runs.conditions import Conditions, parse_conditions
from lambdist_lib.runs.run import submit


@pytest.mark.parametrize(("chunks", "width"), [(1, 2), (20, 20), (100, 100), (5000, 1000)])
def test_width_is_by_default_the_number_of_senders(chunks, width):
    """Within the bounds of an SQS mapping."""
    conditions = Conditions(chunks=chunks)

    assert (conditions.width, default_processors(chunks)) == (width, width)
    assert conditions.settings()["maximum_concurrency"] == width
    assert conditions.facts()["processors"] == width


def test_width_is_the_number_that_was_asked_for():
    """The senders do not change it."""
    assert Conditions(chunks=100, processors=10).width == 10


@pytest.mark.parametrize("processors", [1, 1001, -3])
def test_width_outside_the_bounds_of_aws_is_refused(processors):
    """Before anything is deployed."""
    with pytest.raises(UsageError):
        parse_conditions({"processors": processors})


def test_an_unknown_condition_is_refused_with_the_one_that_was_probably_meant():
    with pytest.raises(UsageError, match=r"chunk \(did you mean chunks\?\)"):
        parse_conditions({"chunk": 20})


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda **typo: Experiment(data="no-such-file.txt", **typo), {"seeds": "seed", "proces": "process"}),
        (lambda **typo: submit(None, data="no-such-file.txt", **typo), {"deadlines": "deadline_s"}),
        (lambda **typo: fan_out(str.upper, ["a"], **typo), {"setings": "settings", "chunk": "chunks"}),
    ],
)
def test_a_typo_of_an_argument_is_refused_with_the_one_that_was_probably_meant(call, meant):
    """Python takes every unknown name for a condition."""
    for typo, argument in meant.items():
        with pytest.raises(UsageError, match=rf"{typo} \(did you mean {argument}\?\)"):
            call(**{typo: 1})


def test_a_run_recorded_before_processors_was_a_condition_had_ten():
    """The template's default of that time."""
    assert Conditions.from_run({"chunks": 100}).processors == 10
    assert schema.run_row({"chunks": 100})["processors"] == 10
    assert schema.run_row({"processors": 4})["processors"] == 4


def test_a_sweep_over_processors_repeats_no_arm_without_a_queue():
    """Arms without a processor run once a round."""
    arms = ["distributed", "single_node", "single_node_parallel"]
    [runs] = schedule.sweep(arms, Conditions(), "processors", [2, 10], repetitions=1, seed=0)

    levels = {arm: sorted(run.conditions.width for run in runs if run.arm == arm) for arm in arms}
    assert levels == {"distributed": [2, 10], "single_node": [2], "single_node_parallel": [2]}


def test_the_cost_estimate_counts_cold_starts_of_every_processor():
    """More processors, more environments that start."""

    def usd(processors):
        conditions = Conditions(processors=processors, work="io:1s")
        used = cost_estimate.estimate_usage(conditions, ["distributed"], 1000, 1, {})
        return bill.total_usd(bill.line_items(used, assumptions.load()))

    assert usd(1000) > usd(10)
