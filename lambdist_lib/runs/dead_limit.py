"""End a run's sending once too many of its datapoints are dead: `--stop-if-dead 5%`.

What was accepted by then is waited for and collected, the rest stays unsent, so the ledger balances.
An arm without a queue answers with its dead datapoints. Behind a queue they are counted in the
table, a sixteenth of the run's items at a time: all of them in about a second on the local cloud, in
30 s on AWS, where a count of 1e6 items costs about 0.005 USD.
"""

import functools
import itertools
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from lambdist_lib.cloud.targets import Target
from lambdist_lib.errors import UsageError
from lambdist_lib.protocol.contract import shard_keys
from lambdist_lib.results.closing import DEAD_LIMIT
from lambdist_lib.runs import completion
from lambdist_lib.runs.poller import Poller
from lambdist_lib.submission.receipts import SubmissionCounts

if TYPE_CHECKING:
    from lambdist_lib.deployment.stacks import Stack

POLL_S = {"local": 1.0, "aws": 30.0}
REMEDY = "a percentage below 100%, such as 5%, or a count such as 20"
LOAD = 2.0  # pause after a count, in durations of that count


def parse(text: str) -> tuple[float, int]:
    """Return the share and the number of dead datapoints that a run may have.

    A share of 100% is refused: no run exceeds it.

        >>> parse("5%"), parse("20")
        ((0.05, 0), (0.0, 20))

    Raises:
        UsageError: The text is neither a percentage below 100% nor a whole number.
    """
    number = text.removesuffix("%")
    try:
        share = float(number) / 100 if text.endswith("%") else 0.0
        count = 0 if text.endswith("%") else int(text)
    except ValueError:
        share, count = -1.0, 0
    if not (0 <= share < 1 and count >= 0):
        raise UsageError(f"stop_if_dead is {text!r}: write {REMEDY}")
    return share, count


def allowed(text: str, submitted: int) -> int:
    """Return how many of `submitted` datapoints may die."""
    share, count = parse(text)
    return int(share * submitted) if text.endswith("%") else count


def require_reachable(text: str, submitted: int) -> None:
    """Raise UsageError for a limit that no run of so many datapoints can exceed."""
    if text and submitted and allowed(text, submitted) >= submitted:
        raise UsageError(
            f"stop_if_dead is {text!r} and there are {submitted:,} datapoints, so it can never end a run: "
            f"write a percentage such as 5%, or a count below {submitted:,}"
        )


def reason(text: str, dead: int, submitted: int) -> str:
    """Return why a run with so many dead datapoints ends, or "" if it continues."""
    if not text or dead <= allowed(text, submitted):
        return ""
    return f"{DEAD_LIMIT} {text}: {dead:,} of {submitted:,} datapoints are dead"


class DeadLimit:
    """Watch one run's dead datapoints while it is sent; use it in a `with`.

    Args:
        text: The limit (`parse`); "" for none.
        submitted: Datapoints of the run.
        counters: Each counts the dead ones in a part of the table; empty for an arm without a queue.
        poll_s: In which all parts are counted once, or longer where a count takes longer.
    """

    def __init__(
        self, text: str, submitted: int, counters: Sequence[Callable[[], int]], poll_s: float
    ) -> None:
        self._text, self._submitted, self._counters = text, submitted, counters
        self._every_s = poll_s / max(len(counters), 1)
        self._dead, self._parts = [0] * len(counters), itertools.cycle(range(len(counters)))
        self._poller = Poller(self._count_part, name="dead limit", first_s=self._every_s)

    def __enter__(self) -> Self:
        if self._text and self._counters:
            self._poller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._poller.stop()

    def should_stop(self, counts: SubmissionCounts) -> str:
        """Return why the sending ends now, or ""."""
        return reason(self._text, max(sum(self._dead), counts.dead), self._submitted)

    def _count_part(self) -> float:
        """Count the dead of one part; return the pause until the next one."""
        part, began_s = next(self._parts), time.monotonic()
        self._dead[part] = self._counters[part]()
        return max(self._every_s, LOAD * (time.monotonic() - began_s))


def of_run(target: Target, stack: "Stack", key: str, text: str, submitted: int) -> DeadLimit:
    """Make the limit of a run whose items have this key."""

    if not (text and "QueueUrl" in stack.outputs):
        return DeadLimit(text, submitted, (), POLL_S[target.name])
    target.client("dynamodb")  # made here: a session must not be shared between threads
    counters = [functools.partial(completion.count_dead, target, stack, shard) for shard in shard_keys(key)]
    return DeadLimit(text, submitted, counters, POLL_S[target.name])
