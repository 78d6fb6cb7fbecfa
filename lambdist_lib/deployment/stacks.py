"""Create, update, describe and delete the stacks (`lifecycle` has the whole deploy).

    deployed = apply_stacks(target, settings={"memory_mb": 256})
    deployed["distributed"].outputs["QueueUrl"]
    delete_stacks(target)

An update without changes does nothing. `local_fixes` completes what the local cloud ignores.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lambdist_lib.cloud import aws_errors
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import (
    artifact_bucket,
    bundles,
    change_sets,
    local_fixes,
    local_mail,
    pending,
    templates,
)
from lambdist_lib.deployment.dependencies import HERE, of_lambda
from lambdist_lib.deployment.polling import polls
from lambdist_lib.errors import AbsentError, DeployError
from lambdist_lib.progress import Log

NAME = "lambdist"  # stacks are NAME-distributed and NAME-single-node
HANDLERS = {  # template parameter -> module of lambdas/
    "distributed": {"CollectorKey": "collector", "ProcessorKey": "processor", "DeadLetterKey": "dead_letter"},
    "single_node": {"SingleNodeKey": "single_node"},
}
FUNCTION_OUTPUTS = ("CollectorName", "ProcessorName", "DeadLetterHandlerName", "SingleNodeName")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A deployed stack. `code` maps handlers to the hashes of their bundles."""

    kind: str
    name: str
    outputs: dict[str, str]
    parameters: dict[str, str]
    code: dict[str, str]


def stack_name(kind: str, name: str = NAME) -> str:
    return f"{name}-{kind.replace('_', '-')}"


def apply_stacks(
    target: Target,
    kinds: Iterable[str] = templates.KINDS,
    *,
    name: str = NAME,
    settings: dict[str, Any] | None = None,
    processing: Path | None = None,
    lifetime_s: float | None = None,
    log: Log = lambda line: None,
) -> dict[str, Stack]:
    """Create or update stacks and wait for them.

    Args:
        settings: Parameters in Python's spelling (`templates`); others keep their defaults.
        processing: Folder with processing.py (`bundles.folder`).
        lifetime_s: Seconds from now, for the expiry tag that `lambdist leaks` reads (`tags`).
        log: Called with a line for each event of CloudFormation.

    Raises:
        UsageError: A setting is unknown or out of bounds; nothing was changed.
        DeployError: A resource failed; the message names it and CloudFormation's reason. A new
            stack was deleted again, an existing one was rolled back.
    """
    kinds = list(kinds)
    values = {kind: templates.to_parameters(kind, settings or {}) for kind in kinds}
    if "distributed" in values:
        templates.require_visibility(values["distributed"])
        templates.require_map_time(values["distributed"])
    built = {kind: build_bundles(kind, values[kind], processing, target=target) for kind in kinds}
    names = [stack_name(kind, name) for kind in kinds]
    with pending.record(target, name, [full for full in names if not change_sets.describe(target, full)]):
        bucket = artifact_bucket.ensure(target, name)
        own = [bundle for of_kind in built.values() for bundle in of_kind.values()]
        artifact_bucket.upload(target, bucket, own, log)
        for kind in kinds:
            values[kind] |= _code_parameters(kind, built[kind], bucket)
        if failed := _carry_out(target, name, values, lifetime_s, log):
            raise DeployError(f"{'; '.join(failed)}; {_left(target, name)}")
        deployed = {kind: _describe(target, kind, name) for kind in kinds}
        for stack in deployed.values():
            local_fixes.close(target, stack.name, stack.outputs, stack.parameters)
    return deployed


def apply_mapping(target: Target, stack: Stack, settings: dict[str, Any]) -> Stack:
    """Change queue_batch and maximum_concurrency of a stack of the local cloud; return the changed stack.

    Its environments stay warm, as on AWS they do after an update of the stack.
    """
    values = templates.to_parameters(stack.kind, settings)
    names = ("QueueBatch", "MaximumConcurrency")
    parameters = {**stack.parameters, **{name: values[name] for name in names if name in values}}
    local_fixes.set_mapping(target, stack.outputs, parameters)
    return replace(stack, parameters=parameters)


def up_to_date(target: Target, kind: str, *, settings: dict[str, Any], processing: Path) -> Stack | None:
    """Return the stack if `apply_stacks` would change nothing of it; three calls and no change set."""
    try:
        stack = describe(target, kind)
    except AbsentError:
        return None
    values = templates.to_parameters(kind, settings)
    built = build_bundles(kind, values, processing, target=target)
    of_code = _code_parameters(kind, built, stack.parameters["ArtifactBucket"])
    if stack.parameters != {**templates.defaults(kind), **values, **of_code}:
        return None
    text = target.client("cloudformation").get_template(StackName=stack.name)["TemplateBody"]
    return stack if text == _body(target, kind, values) else None


def _code_parameters(kind: str, built: Mapping[str, bundles.Bundle], bucket: str) -> dict[str, str]:
    """Return the parameters that name a stack's bundles, their bucket, and that of the files of a map."""
    keys = {parameter: bundle.key for parameter, bundle in built.items()}
    map_bucket = {"MapBucket": bucket} if "MapBucket" in templates.parameters(kind) else {}
    return {"ArtifactBucket": bucket, **keys, **map_bucket}


def build_bundles(
    kind: str, values: Mapping[str, str], processing: Path | None, *, target: Target | None = None
) -> dict[str, bundles.Bundle]:
    """Build a stack's bundles, by parameter, for the Python that runs them: on the local cloud this one."""
    lambdas = {**templates.defaults(kind), **values}
    is_here = target is not None and target.name == "local"
    interpreter = HERE if is_here else of_lambda(lambdas["Runtime"], lambdas["Architecture"])
    return {
        key: bundles.build(handler, processing=processing, interpreter=interpreter)
        for key, handler in HANDLERS[kind].items()
    }


def _carry_out(
    target: Target, name: str, values: dict[str, dict[str, str]], lifetime_s: float | None, log: Log
) -> list[str]:
    """Create or update all stacks in parallel; returns the failures, whose new stacks are deleted."""
    operations, failed = [], []
    for kind, given in values.items():
        body = _body(target, kind, given)
        try:
            operations.append(
                change_sets.start_change(
                    target, stack_name(kind, name), body, given, log, lifetime_s=lifetime_s
                )
            )
        except DeployError as error:
            failed.append(str(error))
            break
    for operation in filter(None, operations):
        try:
            change_sets.wait(target, operation, log)
        except DeployError as error:
            failed.append(str(error))
            if operation.action == "CREATE":
                change_sets.delete(target, operation.stack, log)
    return failed


def _body(target: Target, kind: str, values: dict[str, str]) -> str:
    """Return the template's text as this target gets it."""
    return local_fixes.template(target, templates.body(kind, values), {**templates.defaults(kind), **values})


def _left(target: Target, name: str) -> str:
    """Describe what a failed deploy leaves; without a stack the bucket is deleted, too."""
    names = [stack_name(kind, name) for kind in templates.KINDS]
    if left := [full for full in names if change_sets.describe(target, full)]:
        advice = f"`lambdist destroy --target {target.name}` deletes them"
        return f"deployed on {target.label}: {', '.join(left)}; {advice}"
    artifact_bucket.delete(target, artifact_bucket.bucket_name(target, name))
    return "what was begun is gone again"


def describe(target: Target, kind: str, *, name: str = NAME) -> Stack:
    """Read a deployed stack.

    Raises:
        AbsentError: It is not deployed on this target.
    """
    stack = _describe(target, kind, name)
    return replace(
        stack, parameters={**stack.parameters, **local_fixes.mapping_parameters(target, stack.outputs)}
    )


def _describe(target: Target, kind: str, name: str) -> Stack:
    """Describe a deployed stack by CloudFormation's word alone."""
    full = stack_name(kind, name)
    described = change_sets.describe(target, full)
    status = described.get("StackStatus", "")
    if status in change_sets.ABSENT | change_sets.BROKEN or "Outputs" not in described:
        what = f"is {status}" if status else "is not deployed"
        raise AbsentError(
            f"the stack {full} {what} on {target.label}: run `lambdist deploy --target {target.name}`"
        )
    values = {entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in described["Parameters"]}
    return Stack(
        kind=kind,
        name=full,
        outputs={entry["OutputKey"]: entry["OutputValue"] for entry in described["Outputs"]},
        parameters=values,
        code={handler: values[key] for key, handler in HANDLERS[kind].items()},
    )


def make_cold(target: Target, stack: Stack) -> None:
    """Make the next invocation of each function start in a fresh environment.

    Lambda discards environments when a function's configuration changes; a new value of a
    variable does so on AWS and on the local cloud.
    """
    functions = target.client("lambda")
    names = [stack.outputs[output] for output in FUNCTION_OUTPUTS if output in stack.outputs]
    for name in names:
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["FRESH"] = uuid.uuid4().hex
        with aws_errors.own_copy_ignored("ResourceConflictException"):
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    for name in names:
        for _ in polls(target, f"the update of {name}"):
            if (
                functions.get_function_configuration(FunctionName=name).get("LastUpdateStatus")
                != "InProgress"
            ):
                break


def delete_stacks(
    target: Target,
    kinds: Iterable[str] = templates.KINDS,
    *,
    name: str = NAME,
    log: Log = lambda line: None,
) -> None:
    """Delete the stacks, and with the last one the artifact bucket; absent ones are ignored.

    Raises:
        DeployError: A resource could not be deleted; the message names it. The others are gone.
    """
    failed = delete_each(target, [stack_name(kind, name) for kind in kinds], log)
    if not any(change_sets.describe(target, stack_name(kind, name)) for kind in templates.KINDS):
        artifact_bucket.delete(target, artifact_bucket.bucket_name(target, name))
        pending.clear(target, name)
    if failed:
        advice = f"fix that, then run `lambdist destroy --target {target.name}` again"
        raise DeployError(f"{'; '.join(failed.values())}; all else is gone; {advice}")


def delete_each(target: Target, names: Iterable[str], log: Log) -> dict[str, str]:
    """Delete stacks side by side, each with its mails; return by name why one could not be deleted."""
    deletions, failed = {}, {}
    for name in names:
        try:
            deletions[name] = change_sets.begin_delete(target, name)
        except DeployError as error:
            failed[name] = str(error)
    for name, deletion in deletions.items():
        if deletion is None:
            continue
        try:
            change_sets.wait(target, deletion, log)
        except DeployError as error:
            failed[name] = str(error)
            continue
        if target.name == "local":
            local_mail.remove(target, name)
        log(f"{name} is gone")
    return failed
