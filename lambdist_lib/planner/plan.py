"""A plan from what is typed: data file or number, limits of one's own, a run to calibrate from."""

from collections.abc import Mapping
from typing import Any

from lambdist_lib.analysis import Results, load_results
from lambdist_lib.cloud import limits
from lambdist_lib.costs import assumptions
from lambdist_lib.data import files
from lambdist_lib.errors import UsageError
from lambdist_lib.planner import calibration, predict
from lambdist_lib.planner import local_cloud as planner_local_cloud
from lambdist_lib.planner.job import Job, job_of


def plan(
    *,
    data: str = "",
    count: float | None = None,
    settings: Mapping[str, Any],
    limits_file: str = "",
    run: str = "",
    local_cloud: bool = False,
    seed: int = 0,
    free_tier: bool = False,
    **job: Any,
) -> dict[str, Any]:
    """Predict a job on AWS.

    Args:
        data, count: One of them: the data file, or how many datapoints.
        settings: Of the distributed stack, as for a deploy.
        limits_file: Numbers that replace ours (`limits.load`).
        run: A run or experiment to calibrate from.
        local_cloud: Also what the local cloud would take, calibrated from a run there.
        job: chunks, request_batch, work and fault.

    Raises:
        UsageError: The job cannot be, or cannot end well.
        RunError: The run is missing, open, or no measure of the job.

    Example:
        >>> found = plan(count=1e6, settings={"queue_batch": 10}, chunks=100, work="io:100ms")
        >>> found["makespan_s"]["low"] <= found["makespan_s"]["value"], found["binding"]["limit"]
        (True, 'MaximumConcurrency')
    """
    if bool(data) == (count is not None):
        raise UsageError("name a data file, or --datapoints N for a size; one of the two")
    if count is None:
        found = files.read(data)
        count = found.submitted - found.rejected
        if not count:
            raise UsageError(f"{data} holds no datapoint; there is nothing to plan")
    if local_cloud and not run:
        raise UsageError(
            "--local needs a run of the local cloud to measure this machine by: --calibrate RUN; "
            "`lambdist submit FILE` makes one"
        )
    given: dict[str, limits.Number] = dict(assumptions.load(limits_file or None))
    measured = load_results(run) if run else None
    table = with_calibration(given, measured) if measured else given
    checked = job_of(datapoints=count, settings=settings, **job)
    plan = predict.predict(checked, table, seed=seed, free_tier=free_tier)
    if local_cloud and measured:
        runs = measured.runs[measured.runs["arm"] == "distributed"]
        there = given | _not_given(planner_local_cloud.calibrate(measured.runs, measured.records, measured.invocations), given)
        plan["local_cloud"] = planner_local_cloud.answer(checked, there, runs, seed=seed)
    return plan


def plan_sizes(sizes: str, *, settings: Mapping[str, Any], **job: Any) -> list[Job]:
    """The same job at several sizes, such as "1e3 1e6 1e9".

    Raises:
        UsageError: One cannot be.
    """
    try:
        numbers = [float(size) for size in sizes.replace(",", " ").split()]
    except ValueError as error:
        raise UsageError(f"sizes {sizes!r}: {error}; write numbers of datapoints, such as 1e3 1e6") from None
    if not numbers:
        raise UsageError("sizes is empty; write numbers of datapoints, such as 1e3 1e6")
    return [job_of(datapoints=number, settings=settings, **job) for number in numbers]


def with_calibration(given: assumptions.Table, measured: Results) -> dict[str, limits.Number]:
    """Limits with what runs measured in their place.

    Raises:
        RunError: As `planner.calibration.calibrate`.
    """
    return {**given, **_not_given(calibration.calibrate(measured.runs, measured.records, measured.invocations), given)}


def _not_given(found: assumptions.Table, given: assumptions.Table) -> dict[str, limits.Number]:
    """What a file names counts more than what a run measured."""
    return {name: one for name, one in found.items() if given[name].provenance != limits.GIVEN}
