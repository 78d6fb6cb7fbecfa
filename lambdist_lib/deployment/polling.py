"""Waiting for what AWS does in its own time, never for ever."""

import time
from collections.abc import Callable, Iterator

from lambdist_lib.cloud.targets import Target
from lambdist_lib.errors import DeployError

DEADLINE_S = 900.0  # of a deploy or a destroy; a first one on AWS takes about two minutes
Log = Callable[[str], None]  # of a line about what is going on
POLL_S = {"local": 0.05, "aws": 2.0}


def polls(target: Target, waiting_for: str, *, deadline_s: float | None = None) -> Iterator[None]:
    """Yields until the deadline (DEADLINE_S), at the target's pace.

    Raises:
        DeployError: It passed; the message says what was waited for.
    """
    most_s = DEADLINE_S if deadline_s is None else deadline_s
    end_s = time.monotonic() + most_s
    while time.monotonic() < end_s:
        yield
        time.sleep(POLL_S[target.name])
    raise DeployError(
        f"{waiting_for} did not end within {most_s:g} s; it may still do so: see the stack's events on "
        f"{target.label}, and `lambdist leaks --target {target.name}`"
    )
