import contextlib

import pytest
from support.summaries import built, tables

from lambdist_lib.errors import ThresholdError, UsageError
from lambdist_lib.measures import thresholds

SUMMARY = built(*tables(7))
FEW = built(*tables(1))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("dead_rate>0.01", ("dead_rate", ">", 0.01)),
        (" speedup_low < 2 ", ("speedup_low", "<", 2)),
        ("lost>=1", ("lost", ">=", 1)),
        ("makespan_s<=1e-3", ("makespan_s", "<=", 0.001)),
    ],
)
def test_a_threshold_is_a_name_a_sign_and_a_number(text, parts):
    found = thresholds.parse(text)

    assert (found.name, found.sign, found.bound) == parts
    assert thresholds.parse(str(found)) == found


@pytest.mark.parametrize(
    "text", ["", "dead_rate", "dead_rate=1", ">1", "dead_rate>", "a>b", "a>1>2", "a>1-", "a>nan"]
)
def test_what_is_no_threshold_is_refused(text):
    with pytest.raises(UsageError, match="write a measure, one of >= <= > < and a number"):
        thresholds.parse(text)


def test_an_unknown_measure_is_refused_with_what_there_is():
    with pytest.raises(
        UsageError, match=r"unknown measure 'dead_rat': did you mean dead_rate\? Known, each .* dead_rate"
    ):
        thresholds.violated(SUMMARY, ["dead_rat>0.01"])
    with pytest.raises(
        UsageError, match="unknown measure 'zzz': known, each also with _low and _high: submitted, "
    ):
        thresholds.violated(SUMMARY, ["zzz>0.01"])


def test_what_holds_is_violated():
    found = thresholds.violated(SUMMARY, ["dead_rate>0.01", "dead_rate>0.9", "speedup<2", "speedup_low<10"])

    assert [str(one.threshold) for one in found] == ["dead_rate>0.01", "speedup_low<10"]
    assert str(found[0]) == "dead_rate>0.01: dead_rate is 0.01527"


def test_the_bound_itself_is_allowed_where_the_sign_says_so():
    assert thresholds.violated(SUMMARY, ["lost>0"]) == []
    assert len(thresholds.violated(SUMMARY, ["lost>=0"])) == 1


def test_what_is_not_known_has_not_passed():
    """One pair has no interval, so nobody can say that its lower end is above 2."""
    [found] = thresholds.violated(FEW, ["speedup_low<2"])

    assert str(found) == ("speedup_low<2: speedup_low is not known: no interval, which needs 6 pairs")


def test_a_violation_has_its_own_exit_status():
    with pytest.raises(
        ThresholdError, match=r"failed: dead_rate>0.01: dead_rate is 0.01527; lost>=0: lost is 0"
    ) as one:
        thresholds.require(SUMMARY, ["dead_rate>0.01", "lost>=0"])

    assert one.value.exit_status == 4


def test_nothing_violated_is_quiet():
    thresholds.require(SUMMARY, ["lost>0", "speedup_low<1"])
    thresholds.require(SUMMARY, [])


@pytest.mark.parametrize(
    ("expressions", "is_possible"),
    [
        (["speedup<2", "speedup>=2"], False),
        (["dead_rate>0.2", "dead_rate<=0.2", "lost>0"], False),
        (["speedup<2", "speedup>2"], True),
        (["speedup<2", "speedup>4"], True),
        (["speedup<2", "speedup_low>=2"], True),
        (["lost>0", "lost>0"], True),
    ],
)
def test_thresholds_that_no_value_passes_together_are_refused(expressions, is_possible):
    """Each alone is possible."""
    with contextlib.nullcontext() if is_possible else pytest.raises(UsageError, match="together always fail"):
        thresholds.require_possible(expressions)
