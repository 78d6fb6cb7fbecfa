"""A plan from what is typed: data file or number, limits of one's own, a run to calibrate from."""

from collections.abc import Mapping
from typing import Any

from lambdist_lib import analysing, datapoints, limits
from lambdist_lib.errors import UsageError
from lambdist_lib.planner import answer, calibration
from lambdist_lib.planner.job import job_of


def plan(
    *,
    data: str = "",
    count: float | None = None,
    settings: Mapping[str, Any],
    limits_file: str = "",
    run: str = "",
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
    table: dict[str, limits.Number] = dict(limits.load(limits_file or None))
    if run:
        measured = calibration.calibrate(*analysing.tables(run))
        table |= {name: one for name, one in measured.items() if table[name].provenance != limits.GIVEN}
    checked = job_of(datapoints=count, settings=settings, **job)
    return answer.answer(checked, table, seed=seed, free_tier=free_tier)
