"""Inject the fault `throttle`: take away a share of the processor's concurrency for a run.

On AWS reserved concurrency below the mapping's maximum does it: the mapping takes messages
that then find no place, and each loses a receive without a trace. The local cloud's mapping
never takes more than is reserved, so there others hold the places: invocations of the same
function that do nothing (`experiment_controls.held_s`).
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from lambdist_lib.cloud import limits
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import AccessDeniedError, TargetError
from lambdist_lib.protocol.faults import FaultPlan, places_taken

HELD_MOST_S = 1.0
REGAIN_S = 0.005  # until the next try for a place that somebody else took
TAKEN_S = 0.2  # until the places are surely held


@contextlib.contextmanager
def during(target: Target, stack: Stack, plan: FaultPlan) -> Iterator[None]:
    """Take away what the plan says while the block runs; nothing for a plan without a throttle.

    Raises:
        TargetError: The account does not let concurrency be reserved.
    """
    share = plan.share("throttle")
    if not share or "ProcessorName" not in stack.outputs:
        yield
        return
    functions, name = target.client("lambda"), stack.outputs["ProcessorName"]
    places = int(stack.parameters["MaximumConcurrency"])
    taken = places_taken(share, places)
    reserved = places if target.name == "local" else places - taken
    try:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    except functions.exceptions.ClientError as error:
        raise TargetError(_refusal(functions, name, reserved, error)) from None
    try:
        with _held(target, stack, taken) if target.name == "local" else contextlib.nullcontext():
            yield
    finally:
        functions.delete_function_concurrency(FunctionName=name)


def _refusal(functions: Any, name: str, reserved: int, error: Exception) -> str:
    """Say why a reservation was refused: by the account's limits if it is above them, else in AWS's words."""
    failed = f"the fault throttle reserves {reserved:,} executions for {name}, and AWS refused"
    try:
        account = functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    except AccessDeniedError:
        return f"{failed}: {error}"
    reservable = limits.reservable(account)
    if reserved <= reservable:
        return f"{failed}: {error}"
    return (
        f"{failed}: an account of {account:,} concurrent executions can reserve {reservable:,}; use "
        "fewer processors, drop the fault, or ask AWS for more concurrent executions"
    )


@contextlib.contextmanager
def _held(target: Target, stack: Stack, places: int) -> Iterator[None]:
    from botocore.config import Config

    # no retries of boto's: their pauses would leave the place to others
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=places, proxies={})
    client = target.session.client("lambda", endpoint_url=target.endpoint_url, config=config)
    held_s = min(HELD_MOST_S, 0.8 * float(stack.outputs["ProcessorTimeoutSeconds"]))
    ended = threading.Event()
    arguments = (client, stack.outputs["ProcessorName"], held_s, ended)
    threads = [threading.Thread(target=_hold, args=arguments, daemon=True) for _ in range(places)]
    for thread in threads:
        thread.start()
    time.sleep(TAKEN_S)
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        client.close()


def _hold(client: Any, name: str, held_s: float, ended: threading.Event) -> None:
    """Keep one place of a function until `ended`."""
    payload = json.dumps({"hold_s": held_s})
    while not ended.is_set():
        try:
            client.invoke(FunctionName=name, Payload=payload)
        except client.exceptions.TooManyRequestsException:
            ended.wait(REGAIN_S)
