"""Put a stack's code and settings back where an update does not start."""

from collections.abc import Iterable
from dataclasses import dataclass

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import change_sets, local_fixes, stacks
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import AbsentError, DeployError
from lambdist_lib.progress import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A stack as it was before an update: its template and its parameters."""

    stack: Stack
    body: str


def remember(target: Target, kinds: Iterable[str]) -> list[Before]:
    """Read the stacks that are deployed; those that are not have nothing to put back."""
    before = []
    for kind in kinds:
        try:
            stack = stacks.describe(target, kind)
        except AbsentError:
            continue
        text = target.client("cloudformation").get_template(StackName=stack.name)["TemplateBody"]
        before.append(Before(stack=stack, body=text))
    return before


def put_back(target: Target, before: Iterable[Before], log: Log) -> str:
    """Update the stacks to what they were; return a sentence on it, "" where nothing had changed."""
    restored = []
    for old in before:
        try:
            operation = change_sets.start_change(target, old.stack.name, old.body, old.stack.parameters, log)
            if operation is None:
                continue
            change_sets.wait(target, operation, log)
            local_fixes.close(target, old.stack.name, old.stack.outputs, old.stack.parameters)
        except DeployError as error:
            return f"the code that was there could not be put back ({error}): deploy it again"
        restored.append(old.stack.name)
    return f"the code and settings that were there run again in {' and '.join(restored)}" if restored else ""
