"""The last line of a run and the error that its ledger means."""

import pytest

from lambdist_lib.errors import (
    EXIT_STATUSES,
    DeadLimitError,
    LambdistError,
    RejectedError,
    RunError,
    UnfinishedError,
)
from lambdist_lib.results import closing

ROW = {"run_id": "x-d", "submitted": 71, "stored": 61, "dead": 0, "rejected": 0, "unsent": 0, "in_flight": 0,
       "lost": 0, "stopped": ""}  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"stored": 71}, "71 stored of 71"),
        ({"rejected": 10}, "61 stored, 10 rejected of 71"),
        ({"stored": 0, "rejected": 71}, "71 rejected of 71"),
        ({"stored": 66, "dead": 1, "rejected": 1, "unsent": 1, "in_flight": 1, "lost": 1},
         "66 stored, 1 dead, 1 rejected, 1 unsent, 1 in flight, 1 lost of 71"),
        ({}, "61 stored, 10 unaccounted for of 71"),
        ({"stored": 0, "submitted": 0}, "0 stored of 0"),
    ],
)  # fmt: skip
def test_the_closing_line_counts_every_class_that_is_not_zero(counts, line):
    """What the line does not name is zero, so its numbers add up to the submitted ones."""
    assert closing.closing_line([{**ROW, **counts}]) == line


def test_the_closing_line_of_a_foreign_api_counts_what_was_accepted():
    """Such a run closes at accepted, and what may have been accepted is unknown."""
    row = {"submitted": 9, "accepted": 6, "rejected": 1, "unsent": 0, "unknown": 2, "in_flight": 0, "lost": 0}

    assert closing.closing_line([row]) == "6 accepted, 1 rejected, 2 unknown of 9"


def test_the_closing_line_of_several_runs_adds_them_up():
    """An experiment has one line, too."""
    assert (
        closing.closing_line([{**ROW, "stored": 71}, {**ROW, "rejected": 10}])
        == "132 stored, 10 rejected of 142"
    )


@pytest.mark.parametrize(
    ("facts", "error", "status"),
    [
        ({"in_flight": 1}, UnfinishedError, 3),
        ({"unsent": 1}, UnfinishedError, 3),
        ({"unknown": 1}, UnfinishedError, 3),
        ({"lost": 1}, RunError, 1),
        ({"unsent": 5, "dead": 5, "stopped": f"{closing.DEAD_LIMIT} 5%: 5 of 66"}, DeadLimitError, 6),
    ],
)
def test_an_unsettled_run_has_the_error_of_its_ledger(facts, error, status):
    """What is in flight or unsent can be finished, what is lost cannot."""
    with pytest.raises(error) as raised:
        closing.require_finished({**ROW, **facts})

    assert raised.value.exit_status == status


def test_rejected_datapoints_have_a_status_of_their_own():
    """A run of which all is settled and some was rejected is neither a success nor unfinished."""
    closing.require_finished({**ROW, "rejected": 10})
    closing.require_accepted([ROW])
    with pytest.raises(RejectedError, match="10 of 71") as raised:
        closing.require_accepted([ROW, {**ROW, "rejected": 10}])

    assert raised.value.exit_status == 5


def test_every_status_of_an_error_class_is_in_the_table():
    """The table of the help is the one of the classes; the two of an interrupt have no class."""

    def classes(base: type) -> set[type]:
        return {base}.union(*(classes(one) for one in base.__subclasses__()))

    statuses = {error.exit_status for error in classes(LambdistError)}

    assert statuses == set(EXIT_STATUSES) - {0, 130}


def test_a_run_with_answers_to_other_datapoints_is_not_finished():
    """A resume replaces them, and the message has its command."""
    row = {**ROW, "stored": 70, "lost": 1, "foreign": [3], "state": "collected"}

    assert not closing.is_finished(row)
    with pytest.raises(RunError, match=r"\(n = 3\).*`lambdist resume x-d` removes them"):
        closing.require_finished(row)


def test_a_pool_that_its_limit_ended_is_not_resumed():
    """Its processes are gone with the command; only a run in a cloud has a rest to send."""
    row = {**ROW, "unsent": 10, "dead": 6, "stopped": f"{closing.DEAD_LIMIT} 5: 6 of 71 datapoints are dead"}

    with pytest.raises(DeadLimitError, match="`lambdist resume x-d` sends the rest"):
        closing.require_finished({**row, "arm": "distributed"})
    with pytest.raises(DeadLimitError) as pool:
        closing.require_finished({**row, "arm": "local_pool"})
    assert "resume" not in str(pool.value)


def test_a_run_whose_map_failed_is_open_until_a_resume():
    """Step Functions' reason is named; what was lost otherwise is not sent again without a look."""
    why = f"{closing.MAP_ENDED} as FAILED: no such key"
    failed = {**ROW, "state": "collected", "stored": 0, "lost": 71, "stopped": why}

    with pytest.raises(UnfinishedError, match="lambdist resume x-d"):
        closing.require_finished(failed)
    assert not closing.is_finished(failed)
    assert closing.is_finished({**failed, "stopped": ""})
    assert closing.is_finished({**failed, "lost": 0, "stored": 71})


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"stored": 8, "unsent": 1}, "1 datapoint was not sent"),
        ({"stored": 7, "unsent": 2}, "2 datapoints were not sent"),
        ({"stored": 8, "lost": 1}, "1 datapoint was accepted and lost"),
        ({"stored": 8, "in_flight": 1}, "1 datapoint still queued"),
        ({"stored": 8, "unknown": 1}, "1 datapoint got no response"),
    ],
)
def test_one_datapoint_takes_the_singular(counts, text):
    with pytest.raises(LambdistError) as refusal:
        closing.require_finished({**ROW, **counts})

    assert text in str(refusal.value)
