"""One file through one arm of the stacks as they are deployed, for its answers."""

from typing import Any

from lambdist_lib import paths
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import stacks
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import UsageError
from lambdist_lib.results import folders
from lambdist_lib.runs import run
from lambdist_lib.runs.conditions import ARMS, declared, initials, require_arm, with_faults
from lambdist_lib.runs.monitor import Watch


def submit(
    target: Target,
    arm: str,
    *,
    data: str,
    seed: int = 0,
    experiment_id: str = "",
    deadline_s: float = 0.0,
    watch: Watch | None = None,
    **conditions: Any,
) -> dict[str, Any]:
    """One run of one arm against the stacks as they are deployed; returns its row with its folder.

    Raises:
        UsageError: There is no such arm.
        TargetError: The stacks are not deployed here.
    """
    require_arm(arm)
    if not ARMS[arm].stack:
        raise UsageError(f"{arm} sends nothing; it is an arm of `lambdist run`")
    stack = stacks.describe(target, ARMS[arm].stack)
    held = declared({**conditions, **_of_stack(stack)})
    experiment_id = folders.checked_id(experiment_id or folders.new_id(data))
    points = held.read(folders.data_file(data, paths.RESULTS / experiment_id))
    held = with_faults(held, points, seed)
    folder = paths.RESULTS / experiment_id / "runs" / f"{experiment_id}-{initials(arm)}"
    with run.exclusive(target):
        row = run.run(
            target,
            stack,
            arm,
            points,
            held,
            folder,
            experiment_id=experiment_id,
            deadline_s=deadline_s,
            watch=watch,
        )
    return {**row, "folder": paths.shown(folder)}


def _of_stack(stack: Stack) -> dict[str, Any]:
    """Conditions that the deployed stack sets, whatever else may be wished for."""
    found = {
        "max_chars": "DatapointMaxChars",
        "memory_mb": "MemoryMb",
        "queue_batch": "QueueBatch",
        "retry_delay_s": "RetryDelaySeconds",
    }
    numbers = {name: int(stack.parameters[key]) for name, key in found.items() if key in stack.parameters}
    partial = stack.parameters.get("PartialBatchResponses", "on") == "on"
    return {**numbers, "pattern": stack.parameters["DatapointPattern"], "partial_responses": partial}
