"""`--stop-if-dead` ends a run early, and its ledger balances."""

import contextlib
import time

import pytest
from support.servers import Exchange, Hostile

from lambdist_lib.data import datapoints
from lambdist_lib.errors import UsageError
from lambdist_lib.runs import dead_limit
from lambdist_lib.runs.conditions import Conditions, parse_conditions
from lambdist_lib.submission import client
from lambdist_lib.submission.receipts import NOT_ACCEPTED, Receipt, SendOptions, SubmissionCounts


@pytest.mark.parametrize(
    ("text", "submitted", "most"),
    [
        ("5%", 100, 5),
        ("5%", 19, 0),
        ("0%", 100, 0),
        ("99%", 7, 6),
        ("2.5%", 1000, 25),
        ("0", 9, 0),
        ("20", 9, 20),
    ],
)
def test_a_limit_is_a_share_or_a_count(text, submitted, most):
    """As many may die; one more ends the run."""
    assert dead_limit.allowed(text, submitted) == most
    assert dead_limit.reason(text, most, submitted) == ""
    assert dead_limit.reason(text, most + 1, submitted).startswith("--stop-if-dead ")


@pytest.mark.parametrize(
    ("text", "is_reachable"), [("8", True), ("99%", True), ("", True), ("9", False), ("20", False)]
)
def test_a_limit_that_no_run_can_exceed_is_refused(text, is_reachable):
    """All nine may die, and the run would still not end early."""
    refusal = contextlib.nullcontext() if is_reachable else pytest.raises(UsageError, match="below 9")
    with refusal:
        dead_limit.require_reachable(text, 9)


@pytest.mark.parametrize("text", ["5 percent", "-1", "-1%", "100%", "nan%", "", "%", "1.5"])
def test_an_invalid_limit_is_refused(text):
    """Before anything is deployed or sent."""
    with pytest.raises(UsageError):
        dead_limit.parse(text)
    if text:
        with pytest.raises(UsageError):
            parse_conditions({"stop_if_dead": text})


def test_a_run_without_a_limit_records_none():
    """Older experiments are continued under their id."""
    assert "stop_if_dead" not in Conditions().facts()
    assert Conditions.from_run(Conditions(stop_if_dead="5%").facts()).stop_if_dead == "5%"


def test_dead_datapoints_of_the_responses_end_the_sending():
    """What is not sent by then has a receipt as unsent, and all add up."""

    def script(exchange: Exchange) -> None:
        time.sleep(0.005)
        exchange.reply(200, {"stored": [], "dead": exchange.ns, "rejected": [], "retry": []})

    lines, receipts = datapoints.from_iterable([f"word-{n}" for n in range(2_000)]), list[Receipt]()
    with Hostile(script) as server, dead_limit.DeadLimit("1%", 2_000, (), 1.0) as limit:
        counts = client.submit(
            lines,
            server.api,
            SendOptions(chunks=2),
            run_id="x",
            keep=receipts.extend,
            should_stop=limit.should_stop,
        )

    assert 20 < counts.dead < 2_000
    assert counts.stopped.startswith("--stop-if-dead 1%")
    assert counts.dead + counts.not_accepted == 2_000
    assert sum(receipt.verdict == NOT_ACCEPTED for receipt in receipts) == counts.not_accepted


def test_dead_datapoints_behind_a_queue_are_counted_meanwhile():
    """By a thread, which a failed count does not end."""
    answers = iter([1, OSError, 3])

    def count():
        answer = next(answers, 9)
        if answer is OSError:
            from botocore.exceptions import EndpointConnectionError

            raise EndpointConnectionError(endpoint_url="x")
        return answer

    with dead_limit.DeadLimit("5", 100, [count, lambda: 1], 0.01) as limit:
        deadline_s = time.monotonic() + 10
        while not limit.should_stop(SubmissionCounts()) and time.monotonic() < deadline_s:
            time.sleep(0.01)

    assert "10 of 100 datapoints are dead" in limit.should_stop(SubmissionCounts())
