"""Explain that a run's stack is gone, or the local cloud that it was on: nothing is left to wait for."""

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from lambdist_lib.cloud import local_cloud
from lambdist_lib.cloud.targets import LOCAL_LABEL, Target
from lambdist_lib.errors import LocalCloudError, TargetError
from lambdist_lib.runs.argument_checks import TEMPERATURES

ENDED = "the local cloud has ended"


def error(facts: Mapping[str, Any], what: str) -> TargetError:
    """Return the error for a run that cannot continue, with the commands that start it afresh."""
    on = "" if facts["target"] == LOCAL_LABEL else " --target aws"
    data = shlex.quote(facts.get("data_path") or facts["data"])
    how = f"start afresh: `lambdist deploy{on}`, then `lambdist submit {data}{on}`"
    if facts.get("temperature") in TEMPERATURES:
        how = (
            f"its notebook, script or `lambdist run` measures it again with the experiment id "
            f"{facts['experiment_id']}, and keeps the runs that are complete"
        )
    return TargetError(f"{facts['run_id']} cannot go on: {what}, and with it what was not collected; {how}")


def reason(target: Target) -> str:
    """Return why nothing can be sent any more, or "" if the target is still there."""
    try:
        if target.cloud:
            local_cloud.require_alive(target.cloud)
    except LocalCloudError:
        return ENDED
    return ""


@contextlib.contextmanager
def explained(target: Target, facts: Mapping[str, Any]) -> Iterator[None]:
    """Turn the end of the local cloud during a run into the error for that run."""
    try:
        yield
    except LocalCloudError as silence:
        if ended := reason(target):
            raise error(facts, ended) from silence
        raise
