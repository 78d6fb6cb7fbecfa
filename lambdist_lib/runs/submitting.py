"""One file through one arm of the stacks as they are deployed, for its answers."""

from typing import Any

from lambdist_lib import folders, project, stacks
from lambdist_lib.errors import UsageError
from lambdist_lib.runs import running
from lambdist_lib.runs.conditions import ARMS, declared, initials, require_arm, with_faults
from lambdist_lib.runs.watching import Watch
from lambdist_lib.stacks import Stack
from lambdist_lib.targets import Target


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
    points = held.read(folders.data_file(data, project.RESULTS / experiment_id))
    held = with_faults(held, points, seed)
    folder = project.RESULTS / experiment_id / "runs" / f"{experiment_id}-{initials(arm)}"
    with running.exclusive(target):
        row = running.run(
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
    return {**row, "folder": project.shown(folder)}


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
