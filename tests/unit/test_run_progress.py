"""How a run under way reads: at any width, whatever is known of it."""

from hypothesis import given
from hypothesis import strategies as st
from support.progress import HALF

from lambdist_lib.progress import RunProgress, duration

few = st.integers(0, 10**9)
counts = st.builds(
    RunProgress, doing=st.just("sending"), submitted=few, answered=few, settled=st.none() | few,
    dead=st.none() | few, in_flight=st.none() | few, requests=few, in_work=few,
    troubles=st.sampled_from([(), (("retries", 1),), (("rejected", 2), ("unknown", 3))]),
    took_s=st.floats(0, 1e6),
)  # fmt: skip


def test_a_line_has_all_that_a_person_asks():
    """Sent, in flight, stored, dead, what went wrong, how fast, how many at once, how long still."""
    assert HALF.line() == (
        "1,100 of 2,000 sent, 120 in flight, 997 stored, 3 dead, 7 retries, 100/s, "
        "20 requests, 4 in work, 10 s left"
    )


def test_what_nobody_looked_up_is_left_out_or_said_together():
    """Before the first look only the client's own knowledge; on AWS nobody counts the table."""
    sent = RunProgress(doing="sending", submitted=10, answered=4, requests=2, took_s=2.0)
    assert sent.line() == "4 of 10 sent, 2/s, 2 requests, 3 s left"

    on_aws = RunProgress(doing="sending", submitted=10, answered=10, settled=6, in_flight=4, took_s=2.0)
    assert on_aws.line() == "10 of 10 sent, 4 in flight, 6 stored or dead, 3/s, 1 s left"


def test_a_narrow_line_keeps_what_matters():
    """How far it is and what came of it stay to the last."""
    assert HALF.line(60) == "1,100 of 2,000 sent, 997 stored, 3 dead, 10 s left"
    assert HALF.line(40) == "1,100 of 2,000 sent, 997 stored, 3 dead"


@given(counts, st.integers(0, 200))
def test_a_line_is_never_wider_than_asked(found, width):
    assert len(found.line(width)) <= width


@given(counts)
def test_the_table_has_a_value_under_each_heading(found):
    """The same numbers as the line's."""
    assert found.table().count("<th>") == found.table().count("<td>") == len(found.cells())


def test_durations_read_as_people_say_them():
    assert [duration(s) for s in (0.4, 119, 125, 3600, 9000)] == ["0 s", "119 s", "2 min", "60 min", "2.5 h"]
