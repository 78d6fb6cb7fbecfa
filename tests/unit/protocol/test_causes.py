"""The cause of a dead letter follows from the history on its item."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.protocol import causes, contract
from lambdist_lib.protocol.causes import CAUSE_MAX_CHARS, cause_of


def failed(receive, cause_class="application", cause="ValueError: no"):
    return {"cause": cause, "class": cause_class, "receive": receive, "at": 10.0 * receive, "request_id": "r"}


def began(receive):
    return {"receive": receive, "at": 10.0 * receive - 1, "request_id": "r"}


@pytest.mark.parametrize(
    ("attempts", "started", "expected"),
    [
        ([failed(1), failed(2)], [], "application"),
        ([failed(1), failed(2)], [began(1), began(2)], "application"),
        ([failed(1), failed(2, "timeout")], [began(1), began(2)], "timeout"),
        ([failed(1)], [began(1), began(2)], "crash"),  # the last that left a trace decides
        ([failed(2)], [began(1), began(2)], "application"),
        ([], [began(k) for k in range(1, 6)], "crash"),
        ([failed(1)], [began(1)], "application"),  # throttled from then on
        ([failed(1, "poison")], [], "poison"),
        ([], [], "throttle-only"),
    ],
)
def test_the_last_receive_that_left_a_trace_decides(attempts, started, expected):
    """A failed attempt has its class, a started one without failure crashed, a throttled one has no trace."""
    assert causes.explain(attempts, started, receives=5, marked=True)[1] == expected


def test_the_last_receive_decides_in_any_order_of_writes():
    """A slow attempt may record its failure after the next receive has crashed."""
    late = {**failed(1, "timeout"), "at": 99.0}

    assert causes.explain([late], [began(1), began(2)], receives=2, marked=True)[1] == "crash"


@pytest.mark.parametrize(("receives", "marked"), [(5, False), (1, True), (1, False)])
def test_an_empty_history_without_markers_has_no_trace(receives, marked):
    """Without markers a crash looks like a throttle; a first attempt may be unmarked."""
    assert causes.explain([], [], receives=receives, marked=marked) == ("no trace", "no trace")


entries = st.lists(
    st.fixed_dictionaries(
        {
            "cause": st.text(),
            "class": st.sampled_from(["application", "timeout", "poison"]),
            "receive": st.integers(1, 9),
            "at": st.floats(0, 1e10),
            "request_id": st.sampled_from("abc"),
        }
    ),
    max_size=9,
)


@given(entries, entries, st.floats(0, 1e10), st.booleans())
def test_every_history_has_one_known_class(attempts, started, since, marked):
    """It holds for any history in any order; entries before a redrive do not count."""
    found = causes.explain(attempts, started, receives=5, marked=marked, since=since)

    assert found[1] in contract.CAUSE_CLASSES
    later = [[one for one in history if one["at"] >= since] for history in (attempts, started)]
    assert causes.explain(*later, receives=5, marked=marked) == found


@pytest.mark.parametrize(
    ("cause", "cause_class", "expected"),
    [
        ("ValueError: 'secret'", "application", "application ValueError"),
        ("json.JSONDecodeError: x", "application", "application json.JSONDecodeError"),
        ("KeyError", "application", "application KeyError"),
        ("no such word: secret", "application", "application"),
        ("", "application", "application"),
        ("timeout: still at work", "timeout", "timeout"),
    ],
)
def test_the_kind_of_a_cause_quotes_no_message(cause, cause_class, expected):
    """The message of an exception may quote data; its class does not."""
    assert causes.kind(cause, cause_class) == expected


@given(st.text())
def test_a_cause_is_one_printable_line(text):
    """The text of any exception fits an attribute, an e-mail and a CSV cell."""
    cause = cause_of(ValueError(text))

    assert cause.startswith("ValueError: ")
    assert len(cause) <= CAUSE_MAX_CHARS
    assert len(cause.splitlines()) == 1
    assert cause.encode()


def test_a_cause_with_a_lone_surrogate_can_be_encoded():
    """An exception that quotes broken Unicode does not break its report."""
    assert cause_of(ValueError("a\ud800\nb")) == "ValueError: a  b"


class Rude(Exception):
    """Its text cannot be had."""

    def __init__(self, how):
        self.how = how

    def __str__(self):
        if self.how is None:
            return self.how
        raise self.how


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (Rude(ValueError()), "Rude: its text raises ValueError"),
        (Rude(SystemExit(0)), "Rude: its text raises SystemExit"),
        (Rude(RecursionError()), "Rude: its text raises RecursionError"),
        (Rude(None), "Rude: its text raises TypeError"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
    ],
)
def test_an_exception_whose_text_raises_has_a_cause(error, cause):
    """The code of a user's exception ends neither the batch nor its report."""
    assert cause_of(error) == cause
