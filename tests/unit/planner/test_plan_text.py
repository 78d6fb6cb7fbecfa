"""A plan as a page of text."""

import re

from lambdist_lib.costs import assumptions
from lambdist_lib.planner import predict
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.plan_text import format_plan

TABLE = assumptions.load()


def test_text_has_every_part_and_the_provenance_of_inputs():
    """A plan that can finish shows makespan, bottleneck, cost and the best settings."""
    text = format_plan(predict.predict(job_of(datapoints=1000, work="io:100ms"), TABLE), verbose=True)

    for word in (
        "makespan",
        "one node",
        "bottleneck",
        "dead",
        "throttled",
        "cost",
        "fastest",
        "cheapest",
        "assumed",
        "AWS, predicted",
    ):
        assert word in text
    assert "measured" not in text  # no run calibrated it
    assert "network_s 0.02 (0.005 to 0.1) s to the Region and back" in text


def test_text_fits_its_width_and_keeps_numbers_with_their_units():
    """Also with the value and the unit of each input."""
    plan = predict.predict(job_of(datapoints=10**6, chunks=100, fault="raise:0.1"), TABLE)

    text = format_plan(plan, width=80, verbose=True)

    assert max(map(len, text.splitlines())) <= 80
    assert not re.search(r"\d\n +(s|ms|min|h|days|USD|%|datapoints|senders|processors)\b", text)


def test_text_of_an_impossible_plan_begins_with_the_obstacle():
    """It has neither a makespan nor a cost that could not occur, and settings that can."""
    plan = predict.predict(job_of(datapoints=10**8, chunks=100), TABLE)
    text = format_plan(plan)

    assert text.startswith("cannot run")
    assert "makespan" not in text and "cost  " not in text and "one node" not in text
    assert "--request-batch" in text.split("fastest")[1]
    assert text.count("API key's quota") == 1


def test_phases_that_end_long_before_the_makespan_tell_of_which_inputs_they_are():
    """The makespan is the median of drawn inputs; where both are close, nothing is added."""
    plan = predict.predict(job_of(datapoints=10_000), TABLE)

    for factor, is_told in ((1.05, False), (1.5, True), (0.5, True)):
        plan["makespan_s"]["value"] = factor * plan["fluid_makespan_s"]
        assert ("the fluid model's with every input at its value" in format_plan(plan)) == is_told
