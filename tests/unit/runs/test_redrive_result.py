"""Each dead letter that was sent again has one outcome, and a redrive knows whether it is finished."""

import pytest

from lambdist_lib.errors import UnfinishedError
from lambdist_lib.records.dead_letters import DeadLetter
from lambdist_lib.runs.redrive_result import COUNTS, count_outcomes

LETTER = DeadLetter(
    run_id="run", n=3, data="word", cause_class="application", cause="ValueError: no",
    causes=("ValueError: no",), receives=5, redrives=0, first_at=1.0, last_at=2.0,
)  # fmt: skip
DEAD, DEAD_AGAIN = {"outcome": "dead", "dead_at": 1.0}, {"outcome": "dead", "dead_at": 2.0}
STORED = {"outcome": "stored", "dead_at": 1.0}


@pytest.mark.parametrize(
    ("before", "after", "accepted", "queued", "outcome"),
    [
        (DEAD, STORED, {3}, 0, "recovered"),
        (DEAD, STORED, set(), 0, "recovered"),  # a late success of its first life
        (DEAD, DEAD_AGAIN, {3}, 0, "died_again"),
        (STORED, STORED, set(), 0, "stored_before"),
        (DEAD, DEAD, set(), 0, "not_sent"),
        (DEAD, DEAD, {3}, 2, "in_flight"),
        (DEAD, DEAD, {3}, 0, "missing"),
    ],
)
def test_every_letter_has_one_outcome(before, after, accepted, queued, outcome):
    """The items before and after decide; what the API accepted and the queue holds explains the rest."""
    report = count_outcomes("run", [LETTER], {3: before}, {3: after}, accepted, queued, 1.0)

    outcomes = [name for name in COUNTS if getattr(report, name)]
    assert (report.letters, outcomes) == (1, [outcome])


def test_duplicates_are_those_that_came_with_the_redrive():
    before, after = {3: {**DEAD, "duplicates": 2}}, {3: {**STORED, "duplicates": 3}}

    assert count_outcomes("run", [LETTER], before, after, {3}, 0, 1.0).duplicates == 1


def test_what_is_not_settled_is_not_finished():
    report = count_outcomes("run", [LETTER], {3: DEAD}, {3: DEAD}, {3}, 1, 1.0)

    with pytest.raises(UnfinishedError, match="1 dead letter not settled; send them again with `lambdist"):
        report.require_finished()
    count_outcomes("run", [LETTER], {3: DEAD}, {3: STORED}, {3}, 0, 1.0).require_finished()


def test_a_run_without_dead_letters_has_no_outcomes():
    assert count_outcomes("run", [], {}, {}, set(), 0, 0.0).sentence() == "run: 0 dead letters"
