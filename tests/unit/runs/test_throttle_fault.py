"""The share of a processor's concurrency that a throttle takes away."""

from types import SimpleNamespace

import pytest
from support.fakes import refusal

from lambdist_lib.errors import TargetError
from lambdist_lib.protocol import faults
from lambdist_lib.runs import throttle_fault


@pytest.mark.parametrize(
    ("share", "places", "taken"),
    [(0, 10, 0), (0.01, 10, 1), (0.5, 10, 5), (0.25, 6, 2), (1, 10, 10), (0.99, 2, 2)],
)
def test_whole_places_are_taken(share, places, taken):
    """To the nearest, but at least one: a throttle takes something."""
    assert faults.places_taken(share, places) == taken


@pytest.mark.parametrize(
    ("account", "reason"),
    [(110, "an account of 110 concurrent executions can reserve 10"), (1000, "refused by the fake")],
)
def test_a_refused_reservation_names_the_limit_of_the_account(account, reason):
    """AWS keeps 100 executions unreserved; any other refusal keeps AWS's own words."""

    def put_function_concurrency(**arguments):
        raise refusal("InvalidParameterValueException")

    functions = SimpleNamespace(
        put_function_concurrency=put_function_concurrency,
        get_account_settings=lambda: {"AccountLimit": {"ConcurrentExecutions": account}},
        exceptions=SimpleNamespace(ClientError=Exception),
    )
    target = SimpleNamespace(name="aws", client=lambda service: functions)
    stack = SimpleNamespace(outputs={"ProcessorName": "processor"}, parameters={"MaximumConcurrency": "40"})

    with (
        pytest.raises(TargetError, match=reason),
        throttle_fault.during(target, stack, faults.parse_fault("throttle:0.5")),
    ):
        pytest.fail("the block ran")
