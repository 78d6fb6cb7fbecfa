"""A plan from what is typed: data file or number, limits of one's own, a run to calibrate from."""

from collections.abc import Mapping
from typing import Any

from lambdist_lib import analysing, datapoints, limits
from lambdist_lib.errors import UsageError
from lambdist_lib.planner import answer, calibration, local
from lambdist_lib.planner.job import job_of


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
    """
    if bool(data) == (count is not None):
        raise UsageError("name a data file, or --datapoints N for a size; one of the two")
    if count is None:
        found = datapoints.read(data)
        count = found.submitted - found.rejected
        if not count:
            raise UsageError(f"{data} holds no datapoint; there is nothing to plan")
    if local_cloud and not run:
        raise UsageError(
            "--local needs a run of the local cloud to measure this machine by: --calibrate RUN; "
            "`lambdist submit FILE` makes one"
        )
    given: dict[str, limits.Number] = dict(limits.load(limits_file or None))
    found = analysing.tables(run) if run else None
    table = given | _not_given(calibration.calibrate(*found), given) if found else given
    checked = job_of(datapoints=count, settings=settings, **job)
    plan = answer.answer(checked, table, seed=seed, free_tier=free_tier)
    if local_cloud and found:
        runs = found.runs[found.runs["arm"] == "distributed"]
        there = given | _not_given(local.calibrate(*found), given)
        plan["local_cloud"] = local.answer(checked, there, runs, seed=seed)
    return plan


def _not_given(measured: limits.Table, given: limits.Table) -> limits.Table:
    """What a file names counts more than what a run measured."""
    return {name: one for name, one in measured.items() if given[name].provenance != limits.GIVEN}
