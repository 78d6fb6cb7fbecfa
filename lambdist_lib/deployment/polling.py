"""Poll until a condition holds or the deadline passes."""

import time
from collections.abc import Iterator

from lambdist_lib.cloud.targets import Target
from lambdist_lib.errors import DeployError

DEADLINE_S = 900.0  # of a deploy or a destroy; a first deploy on AWS takes about two minutes
POLL_S = {"local": 0.05, "aws": 2.0}


def polls(target: Target, waiting_for: str, *, deadline_s: float | None = None) -> Iterator[None]:
    """Yield at the target's polling interval until the deadline.

    Args:
        waiting_for: Named in the error.
        deadline_s: DEADLINE_S by default.

    Raises:
        DeployError: The deadline passed.
    """
    limit_s = DEADLINE_S if deadline_s is None else deadline_s
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        yield
        time.sleep(POLL_S[target.name])
    raise DeployError(
        f"{waiting_for} did not end within {limit_s:g} s and may still go on: look at the stack's events on "
        f"{target.label}, and run `lambdist leaks --target {target.name}`"
    )
