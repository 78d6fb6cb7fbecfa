"""Check the values of a notebook's parameters in its first cell: before it deploys, writes or measures.

A parameter of one name means the same in every notebook, so there is one check for each name. Those that
hold for several parameters together come last.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from typing import Any

from lambdist_lib.cloud import targets
from lambdist_lib.costs import assumptions
from lambdist_lib.data import files
from lambdist_lib.deployment import bundles, templates
from lambdist_lib.errors import LambdistError, ParameterError
from lambdist_lib.notebooks.parameters import parse_arms, parse_fault_matrix, parse_levels
from lambdist_lib.planner import plan
from lambdist_lib.planner.calibration import MIN_VALUES
from lambdist_lib.protocol.arms import require_arm
from lambdist_lib.protocol.faults import parse_work
from lambdist_lib.results import folders
from lambdist_lib.runs import argument_checks
from lambdist_lib.runs.argument_checks import flag, real, text, whole
from lambdist_lib.runs.conditions import CHECKS as CONDITIONS
from lambdist_lib.runs.conditions import Conditions, parse_conditions, require_possible
from lambdist_lib.runs.inputs import S3, Source
from lambdist_lib.runs.levels import check_levels

Check = Callable[[str, Any], object]
ALWAYS = ("distributed", "single_node")  # arms of every notebook that compares
COUNTED = ("first_datapoints", "failing_datapoints")  # conditions whose parameter may be -1
MAX_NUMBERS = 1_000_000  # items of a notebook that holds them in memory


def require_possible_values(values: Mapping[str, Any]) -> None:
    """Check every parameter that has a check, then those that depend on each other.

    Args:
        values: By name; other names are ignored.

    Raises:
        ParameterError: Names the parameter and what to write.
    """
    for name, check in CHECKS.items():
        if name in values:
            _run(name, partial(check, name, values[name]))
    for names, together in TOGETHER:
        if names[0] in values:
            known = {name: values[name] for name in names if name in values}
            _run("", partial(together, **known))


def _run(name: str, check: Callable[[], object]) -> None:
    """Run a check; put the parameter's name before an error that does not begin with it."""
    try:
        check()
    except LambdistError as error:
        text = str(error)
        raise ParameterError(text if text.startswith(name) else f"{name}: {text}") from None


def _target(name: str, value: Any) -> None:
    argument_checks.require_known(name, [value], targets.NAMES)


def _data(name: str, value: Any) -> None:
    path = text(name, value)
    if path == "-":
        raise ParameterError(f"{name} is '-', and a notebook has no standard input; write a file's path")
    if not path.startswith(S3):
        files.require_file(path)


def _processing(name: str, value: Any) -> None:
    bundles.folder(text(name, value))


def _extra_arms(name: str, value: Any) -> None:
    arms = text(name, value).split()
    for k, arm in enumerate(arms):
        require_arm(arm)
        if arm in ALWAYS or arm in arms[:k]:
            raise ParameterError(f"{name} names {arm}, which runs anyway; name each further arm once")


def _experiment_id(name: str, value: Any) -> None:
    if text(name, value):
        folders.checked_id(value)


def _calibrate_from(name: str, value: Any) -> None:
    if text(name, value):
        folders.find(value)


def _limits_file(name: str, value: Any) -> None:
    assumptions.load(text(name, value) or None)


def _policy_arn(name: str, value: Any) -> None:
    templates.to_parameters("distributed", {"processing_policy_arn": text(name, value)})


def _calibration_work(name: str, value: Any) -> None:
    CONDITIONS["work"](name, value)
    if parse_work(value).kind == "cpu":
        raise ParameterError(
            f"{name} is {value!r}, whose time depends on the machine's free cores: write none, or io such "
            "as io:20ms"
        )


CHECKS: dict[str, Check] = {
    **CONDITIONS,
    "first_datapoints": partial(whole, low=-1),
    "failing_datapoints": partial(whole, low=-1),
    "calibration_work": _calibration_work,
    "calibration_chunks": CONDITIONS["chunks"],
    "calibration_repetitions": partial(whole, low=1),
    "target": _target,
    "region": text,
    "profile": text,
    "budget_usd": real,
    "data": _data,
    "processing": _processing,
    "policy_arn": _policy_arn,
    "extra_arms": _extra_arms,
    "arms": lambda name, value: parse_arms(text(name, value)),
    "pairs": partial(whole, low=1),
    "repetitions": partial(whole, low=1),
    "numbers": partial(whole, low=1, high=MAX_NUMBERS),
    "max_receives": partial(argument_checks.from_template, parameter="MaxReceives"),
    "target_precision": partial(real, below=1),
    "time_limit_s": real,
    "seed": partial(whole, high=argument_checks.MAX_SEED),
    "waits": flag,
    "keep_stacks": flag,
    "experiment_id": _experiment_id,
    "sizes": lambda name, value: plan.plan_sizes(value),
    "calibrate_from": _calibrate_from,
    "limits_file": _limits_file,
}


def _levels(levels: Any, factor: str = "chunks") -> None:
    check_levels(factor, parse_levels(levels))


def _matrix(
    fault_plans: str, batches: Any, plans_without_partial_responses: str, target: str = "local"
) -> None:
    for name, plans in (("fault_plans", fault_plans), ("plans", plans_without_partial_responses)):
        text(name, plans)
    for cell in parse_fault_matrix(fault_plans, batches, plans_without_partial_responses):
        require_possible(target, parse_conditions(cell), ["distributed"])


def _arms(target: str, extra_arms: str = "", **conditions: Any) -> None:
    known = {name: value for name, value in conditions.items() if name not in COUNTED}
    require_possible(target, parse_conditions(known), [*ALWAYS, *extra_arms.split()])


def _ways(target: str, arms: str, **conditions: Any) -> None:
    require_possible(target, parse_conditions(conditions), parse_arms(arms))


def _sizes(sizes: Any, queue_batch: int, memory_mb: int, **sending: Any) -> None:
    settings = {"queue_batch": queue_batch, "memory_mb": memory_mb}
    plan.plan_sizes(sizes, settings=settings, **sending)


def _calibration(calibrate_from: str, data: str) -> None:
    if calibrate_from or data.startswith(S3):
        return
    valid = (line for line in Source(data=data).lines() if not line.reason)
    if len(list(itertools.islice(valid, MIN_VALUES))) < MIN_VALUES:
        raise ParameterError(
            f"data: {data} has fewer than {MIN_VALUES} datapoints, and a calibration needs {MIN_VALUES}; "
            "name a larger file, or runs by calibrate_from"
        )


CONDITION_NAMES = tuple(condition.name for condition in fields(Conditions))
TOGETHER: tuple[tuple[tuple[str, ...], Callable[..., object]], ...] = (
    (("levels", "factor"), _levels),
    (("fault_plans", "batches", "plans_without_partial_responses", "target"), _matrix),
    (("target", "extra_arms", *CONDITION_NAMES), _arms),
    (("arms", "target", *CONDITION_NAMES), _ways),
    (("calibrate_from", "data"), _calibration),
    (
        ("sizes", "queue_batch", "memory_mb", "processors", "chunks", "request_batch", "work", "fault"),
        _sizes,
    ),
)
