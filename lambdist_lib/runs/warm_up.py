"""Open an arm's environments before it is measured."""

import itertools
from dataclasses import replace

from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Datapoints
from lambdist_lib.deployment import unended
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.protocol.arms import ARMS, arm_abbreviation
from lambdist_lib.protocol.contract import WARM_UP
from lambdist_lib.runs import completion, senders
from lambdist_lib.runs.conditions import Conditions, send_options
from lambdist_lib.submission.receipts import Receipt

WARM_UP_ROUNDS = 3  # datapoints per sender: enough that all senders are open at once
MAX_WARM_UPS = 5  # rounds with all senders at once
# Environments that start at once on the local cloud: 100 on two cores outlast the 15 s of the collector, are
# killed, and start again. Eight take about 2 s.
OPENED_AT_ONCE = 8


def open_environments(
    target: Target, stack: Stack, arm: str, points: Datapoints, conditions: Conditions, name: str
) -> None:
    """Send unmeasured datapoints until a round of them meets no cold first Lambda.

    The local cloud opens its environments a few at a time: each round waits for the one before. Behind a
    queue one more round opens the processors of all senders.
    """
    options = send_options(target, stack, arm, replace(conditions, fault="none"), "warm")
    opening = opening_steps(options.chunks) if target.name == "local" else [options.chunks]
    for number, width in enumerate([*opening, *[options.chunks] * (MAX_WARM_UPS - 1)]):
        run_id, receipts = f"{name}-{arm_abbreviation(arm)}-{number}{WARM_UP}", list[Receipt]()
        lines = itertools.islice(points, width * 2) if width < options.chunks else points
        unended.mark(stack, run_id, run_id, unjournalled=points.submitted)
        counts = senders.warm_up(
            target, stack, arm, lines, replace(options, chunks=width), run_id=run_id, keep=receipts.extend
        )
        depth = senders.depth(target, stack, arm, run_id)
        ended = completion.wait_until_complete(target, stack, run_id, expected=counts.accepted, depth=depth)
        if not ended.queued:
            unended.unmark(stack)
        senders.clean_up(target, stack, arm, run_id)
        is_full = number >= len(opening) - ARMS[arm].client_retries
        if is_full and not any(receipt.entry_cold for receipt in receipts):
            return


def opening_steps(senders: int) -> list[int]:
    """Return the senders of each round that opens environments on the local cloud.

    Example:
        >>> opening_steps(20)
        [8, 16, 20]
    """
    return [*range(OPENED_AT_ONCE, senders, OPENED_AT_ONCE), senders]
