"""Estimate what a run will use."""

import pytest
from support.bills import quantities

from lambdist_lib.costs import assumptions, estimate
from lambdist_lib.costs import bill as costs_bill

PRICES = assumptions.load()


def test_ten_datapoints_by_hand():
    """One request of ten in one batch of ten: 1 request, 2 invocations, 3 SQS requests, 10 writes."""
    parts = estimate.predict(PRICES, datapoints=10, request_batch=10, queue_batch=10)

    assert quantities(parts, "api_requests", "lambda_requests") == (1, 2)
    assert quantities(parts, "sqs_sends", "sqs_receives", "sqs_deletes") == (1, 1, 1)
    assert quantities(parts, "table_writes", "sqs_visibility_changes", "sns_publishes") == (10, 0, 0)
    handlers_s = 2 * 0.003 + 0.01 + 10 * (0.0005 + 0.006)  # handlers, a send, process() and write
    assert quantities(parts, "handler_gb_s")[0] == pytest.approx(handlers_s * 0.5)
    assert quantities(parts, "init_gb_s")[0] == pytest.approx(2 * 0.48 * 0.5)
    assert all(one == costs_bill.Usage() for part, one in parts.items() if part != costs_bill.ANSWERS)


def test_failures_by_hand():
    """Of 100, one dies at once and two at their fifth receive: 8 receives more, 3 deaths, each told of."""
    parts = estimate.predict(PRICES, datapoints=100, p_permanent=0.01, p_always=0.02)

    assert quantities(parts, "sqs_receives")[0] == 108 + 1  # and one of the dead-letter queue
    assert quantities(parts, "sqs_visibility_changes") == (10,)
    assert quantities(parts, "sqs_deletes")[0] == 98 + 1  # stored, and dead at once, in batches of one
    writes = 97 + 11 + 8 + 3  # results, failed attempts, begins of further attempts, deaths
    assert quantities(parts, "table_writes") == (pytest.approx(writes),)
    assert parts[costs_bill.RETRIES].sqs_receives == pytest.approx(8)
    assert parts[costs_bill.DEAD_LETTERS].sns_publishes == 1
    assert parts[costs_bill.DEAD_LETTERS].sqs_sends == 1


def test_without_a_queue_a_try_more_is_a_request_more():
    """Half of the attempts fail: nearly twice the requests, no SQS, no topic."""
    parts = estimate.predict(PRICES, arm="single_node", datapoints=100, p_fail=0.5)

    assert quantities(parts, "api_requests")[0] == pytest.approx(100 * (1 - 0.5**5) / 0.5)
    assert parts[costs_bill.RETRIES].api_requests == pytest.approx(93.75)
    assert not any(
        quantities(parts, *(name for name in costs_bill.AMOUNTS if name.startswith(("sqs", "sns"))))
    )


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("none", {}),
        ("raise:0.1", {"p_fail": 0.1}),
        ("raise:1@8-9,seed:3", {"p_always": 0.2}),
        ("permanent:0.5@0-4", {"p_permanent": 0.25}),
        ("crash:0.01", {"p_fail": 0.01, "marks_first": True}),
        ("duplicate:0.5,throttle:0.5", {"marks_first": True}),
        ("raise:1@100-200", {}),  # not of this file
    ],
)
def test_declared_faults_as_rates(fault, found):
    """What a plan does to ten datapoints on average."""
    rates = estimate.failure_rates(fault, 10)

    assert {name: value for name, value in rates.items() if value} == pytest.approx(found)


def test_client_that_writes_to_the_queue_pays_for_sends_alone():
    """Ten messages a request: no API request, no collector, and the processor as in the fan-out."""
    parts = estimate.predict(PRICES, arm="queue_client", datapoints=100, request_batch=10)

    assert quantities(parts, "api_requests", "sqs_sends", "lambda_requests") == (0, 10, 100)


def test_storage_first_pays_for_a_request_and_a_send_per_datapoint():
    """The API writes one message per request, whatever request_batch is."""
    parts = estimate.predict(PRICES, arm="storage_first", datapoints=100, request_batch=10)

    assert quantities(parts, "api_requests", "sqs_sends", "lambda_requests") == (100, 100, 100)


def test_invoke_pays_for_no_api():
    """The same function as in single_node_parallel, without API Gateway."""
    own, control = (
        estimate.predict(PRICES, arm=arm, datapoints=100, request_batch=10)
        for arm in ("invoke", "single_node_parallel")
    )

    assert quantities(own, "api_requests", "lambda_requests", "sqs_sends") == (0, 10, 0)
    assert quantities(own, "handler_gb_s") == quantities(control, "handler_gb_s")
