"""The CloudFormation templates as data: their text and parameters.

A setting is a template's parameter in Python's spelling: `memory_mb` is MemoryMb, and True
and False are "on" and "off". `notify_email` accepts several addresses, separated by commas.
"""

import collections
import functools
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import yaml

from lambdist_lib import paths
from lambdist_lib.errors import UsageError
from lambdist_lib.formatting import did_you_mean

KINDS = ("distributed", "single_node")
SNAPSHOT = ("ResourcePath", "StorageFirst")  # parameters that change what API Gateway serves
EXPRESS_MAX_S = 300  # Step Functions, quotas for Express workflows: maximum execution time
MAX_ADDRESSES = 3  # NotifyEmail, NotifyEmail2, NotifyEmail3: plain templates cannot loop over a list
VISIBILITIES = (  # per queue: its visibility timeout, its function's timeout, its batching window
    ("VisibilityTimeoutSeconds", "ProcessorTimeoutSeconds", "QueueWindowSeconds"),
    ("DeadLetterVisibilitySeconds", "DeadLetterTimeoutSeconds", "DigestWindowSeconds"),
)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # ten times as fast
    """YAML in which `!Ref X` is {"Ref": X}, and `!Tag x` is {"Fn::Tag": x}."""


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _tagged)


@functools.cache
def _template(kind: str) -> dict[str, dict[str, Any]]:
    parsed: dict[str, dict[str, Any]] = yaml.load(_text(kind), Loader=_Loader)
    return parsed


def parameters(kind: str) -> dict[str, dict[str, Any]]:
    """Return the parameters that a template declares, by name."""
    return _template(kind)["Parameters"]


def defaults(kind: str) -> dict[str, str]:
    """Return the values of the parameters that have a default, by name."""
    return {
        name: str(declared["Default"]) for name, declared in parameters(kind).items() if "Default" in declared
    }


def body(kind: str, values: Mapping[str, str] | None = None) -> str:
    """Return a template as it is deployed.

    API Gateway serves a snapshot of the API, and CloudFormation makes a new one only for a new
    logical id: so the id has a hash of the snapshot's content.

    Args:
        values: Parameters of the deploy; those of SNAPSHOT count.
    """
    return with_deployment_hash(_text(kind), values)


def with_deployment_hash(text: str, values: Mapping[str, str] | None = None) -> str:
    """Put the hash into the logical id of the API's deployment in a template's text."""
    of_snapshot = [(values or {}).get(name) for name in SNAPSHOT]
    digest = hashlib.sha256(f"{text}\0{of_snapshot}".encode()).hexdigest()
    return text.replace("Deployment0", f"Deployment{digest[:10]}")


def to_parameters(kind: str, settings: dict[str, Any]) -> dict[str, str]:
    """Convert the settings of this template to its parameters.

    Raises:
        UsageError: No template has the setting, or its value is out of bounds.

    Example:
        >>> to_parameters("distributed", {"memory_mb": 256, "experiment_controls": True})
        {'MemoryMb': '256', 'ExperimentControls': 'on'}
    """
    declared = parameters(kind)
    values = {}
    for setting, value in _each_address(settings).items():
        name = parameter_name(setting)
        if name in declared:
            values[name] = _checked(setting, value, declared[name])
        elif not any(name in parameters(other) for other in KINDS):
            known = sorted({_setting(name) for kind in KINDS for name in parameters(kind)})
            near = did_you_mean(setting, known)
            raise UsageError(f"unknown setting {setting!r}{near}; known: {', '.join(known)}")
    return values


def require_valid(settings: dict[str, Any]) -> None:
    """Check settings before anything is started or deployed.

    Raises:
        UsageError: No template has a setting, its value is out of bounds, or the queues' timeouts do not fit.
    """
    values = {name: value for kind in KINDS for name, value in to_parameters(kind, settings).items()}
    require_visibility(values)
    require_map_time(values)


def require_map_time(values: dict[str, str]) -> None:
    """Check that all tries of a distributed map's Express child fit its 5 minutes.

    Raises:
        UsageError: They do not, so that Step Functions would end a child without a dead letter.
    """
    value = defaults("distributed") | values
    if value["DistributedMap"] != "on" or value["MapChildren"] != "EXPRESS":
        return
    tries, timeout_s, delay_s = (
        int(value[name]) for name in ("MaxReceives", "ProcessorTimeoutSeconds", "RetryDelaySeconds")
    )
    longest_s = tries * timeout_s + max(delay_s, 1) * (2 ** (tries - 1) - 1)
    if longest_s > EXPRESS_MAX_S:
        raise UsageError(
            f"{tries} tries of up to {timeout_s} s and their delays last up to {longest_s:,} s, and an "
            f"Express child of the map ends after {EXPRESS_MAX_S} s: set map_children=STANDARD, or a shorter "
            "processor_timeout_seconds"
        )


def require_visibility(values: dict[str, str]) -> None:
    """Check the rule that a template cannot express, as templates do no arithmetic.

    Raises:
        UsageError: A queue's visibility timeout is below six times its function's timeout plus its
            batching window (AWS's advice for queues of Lambda): slow batches would be delivered twice.
    """
    all_values = defaults("distributed") | values
    seconds = {name: int(value) for name, value in all_values.items() if name.endswith("Seconds")}
    for visibility, timeout, window in VISIBILITIES:
        least = 6 * seconds[timeout] + seconds[window]
        if seconds[visibility] < least:
            raise UsageError(
                f"{_setting(visibility)} is {seconds[visibility]}, but {_setting(timeout)} "
                f"{seconds[timeout]} needs at least {least}: slow batches would be delivered twice"
            )


def _each_address(settings: dict[str, Any]) -> dict[str, Any]:
    """Split several addresses into one setting each."""
    if "," not in str(settings.get("notify_email", "")):
        return settings
    addresses = [address.strip() for address in settings["notify_email"].split(",")]
    if len(addresses) > MAX_ADDRESSES:
        raise UsageError(
            f"notify_email has {len(addresses)} addresses, at most {MAX_ADDRESSES} are possible: "
            "use a mailing list"
        )
    names = ["notify_email", *(f"notify_email{k}" for k in range(2, MAX_ADDRESSES + 1))]
    return {**settings, **dict(zip(names, addresses, strict=False))}


def _checked(setting: str, value: Any, declared: dict[str, Any]) -> str:
    text = {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
    if "AllowedValues" in declared and text not in map(str, declared["AllowedValues"]):
        raise UsageError(
            f"{setting} is {text!r}; write one of {', '.join(map(str, declared['AllowedValues']))}"
        )
    if declared["Type"] == "Number" and "MinValue" in declared:
        low, high = declared["MinValue"], declared["MaxValue"]
        if not re.fullmatch(r"\d+", text) or not low <= int(text) <= high:
            raise UsageError(f"{setting} is {text}; write a whole number from {low} to {high}")
    if "AllowedPattern" in declared and not re.search(declared["AllowedPattern"], text):
        raise UsageError(f"{setting} is {text!r}; {declared['Description']}")
    if setting == "datapoint_pattern":
        try:
            re.compile(text)
        except re.error as error:  # in the Lambdas it would fail every request
            raise UsageError(f"{setting} {text!r} is not a regular expression: {error}") from None
    return text


def parameter_name(setting: str) -> str:
    """Return the template's name of a setting: `MaxReceives` of `max_receives`."""
    return "".join(part.capitalize() for part in setting.split("_"))


def _setting(parameter: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", parameter).lower()


def _text(kind: str) -> str:
    return (paths.cloudformation() / f"{kind}.yaml").read_text(encoding="utf-8")


def count_resources(kind: str, values: Mapping[str, str]) -> collections.Counter[str]:
    """Count the resources of each type that a template creates.

    Args:
        values: Parameters; missing ones have their defaults.
    """
    template, all_values = _template(kind), {**defaults(kind), **values}
    conditions = template.get("Conditions", {})
    return collections.Counter(
        resource["Type"]
        for resource in template["Resources"].values()
        if "Condition" not in resource or _holds({"Condition": resource["Condition"]}, conditions, all_values)
    )


def _holds(test: Mapping[str, Any], conditions: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    [(function, operands)] = test.items()
    if function == "Condition":
        return _holds(conditions[operands], conditions, values)
    if function == "Fn::Equals":
        first, second = (
            values[operand["Ref"]] if isinstance(operand, dict) else str(operand) for operand in operands
        )
        return first == second
    results = [_holds(operand, conditions, values) for operand in operands]
    return {"Fn::Not": not results[0], "Fn::And": all(results), "Fn::Or": any(results)}[function]
