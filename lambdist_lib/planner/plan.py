"""Plan a job: from a data file or a number of datapoints, optionally calibrated with a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lambdist_lib.cloud import limits
from lambdist_lib.costs import assumptions
from lambdist_lib.errors import UsageError
from lambdist_lib.planner import predict
from lambdist_lib.planner.job import Job, job_of

if TYPE_CHECKING:
    from lambdist_lib.analysis import Results


def plan(
    *,
    data: str = "",
    count: float | None = None,
    settings: Mapping[str, Any] | None = None,
    limits_file: str = "",
    region: str = "",
    run: str = "",
    local_cloud: bool = False,
    seed: int = 0,
    free_tier: bool = False,
    **job: Any,
) -> dict[str, Any]:
    """Predict a job on AWS.

    Args:
        data, count: One of them: the data file, or the number of datapoints.
        settings: Parameters of the distributed stack, as for a deploy.
        limits_file: Numbers that replace the built-in ones (`assumptions.load`).
        region: The AWS Region, whose API rates apply; default: those of most Regions.
        run: A run or experiment to calibrate with.
        local_cloud: Also predict the local cloud, calibrated with a run there.
        job: chunks, processors, request_batch, work and fault (`job.job_of`).

    Returns:
        The plan as data that JSON can hold (`predict.predict`).

    Raises:
        UsageError: The job is invalid or could not finish.
        RunError: The run is missing, incomplete or unfit for calibration.

    Example:
        >>> settings = {"queue_batch": 10}
        >>> million = plan(count=1e6, settings=settings, chunks=100, request_batch=10, work="io:100ms")
        >>> million["possible"], million["binding"]["limit"]
        (True, 'MaximumConcurrency')
    """
    if bool(data) == (count is not None):
        ways = "a data file or --datapoints N (in Python data or count)"
        raise UsageError(f"a plan needs {ways}: give one of the two")
    if local_cloud and not run:
        raise UsageError(
            "--with-local-cloud needs a run of the local cloud to measure this machine: add --calibrate RUN; "
            "`lambdist submit FILE` makes a run"
        )
    given = assumptions.load(limits_file or None)
    given |= _not_given(limits.in_region(region), given)
    results = _results(run) if run else None
    table = with_calibration(given, results) if results else given
    checked = job_of(
        datapoints=_count(data) if count is None else count, settings=dict(settings or {}), **job
    )
    answer = predict.predict(checked, table, seed=seed, free_tier=free_tier)
    if local_cloud and results:
        answer["local_cloud"] = _local_cloud(checked, given, results, seed)
    return answer


def _count(data: str) -> int:
    from lambdist_lib.data import files, tables

    if tables.guess_format(data) in (tables.CSV, tables.TSV, tables.PARQUET):
        from lambdist_lib.runs.inputs import Source  # its imports take 0.1 s

        return sum(1 for line in Source(data=data).lines() if line.data)
    points = files.read(data)
    if count := points.submitted - points.rejected:
        return count
    raise UsageError(f"{data} holds no datapoint, so there is nothing to plan: name another file")


def _results(run: str) -> Results:
    from lambdist_lib.analysis import load_results

    return load_results(run)


def _local_cloud(job: Job, given: assumptions.Table, results: Results, seed: int) -> dict[str, Any]:
    from lambdist_lib.planner import local_cloud

    runs = results.runs[results.runs["arm"] == "distributed"]
    calibrated = local_cloud.calibrate(results.runs, results.records, results.invocations)
    return local_cloud.predict_here(job, {**given, **_not_given(calibrated, given)}, runs, seed=seed)


def plan_sizes(sizes: str | float, *, settings: Mapping[str, Any] | None = None, **job: Any) -> list[Job]:
    """Check the same job at several sizes, such as "1e3 1e6 1e9"; return the smallest first.

    Raises:
        UsageError: A size or the job is invalid.
    """
    try:
        numbers = sorted({float(size) for size in str(sizes).replace(",", " ").split()})
    except ValueError as error:
        raise UsageError(f"invalid sizes {sizes!r}: {error}; use numbers such as 1e3 1e6") from None
    if not numbers:
        raise UsageError("sizes is empty; use numbers of datapoints such as 1e3 1e6")
    return [job_of(datapoints=number, settings=settings, **job) for number in numbers]


def with_calibration(given: assumptions.Table, results: Results) -> dict[str, limits.Number]:
    """Replace limits by what runs measured; numbers from a user's file stay.

    Raises:
        RunError: As `planner.calibration.calibrate`.
    """
    from lambdist_lib.planner import calibration

    measured = calibration.calibrate(results.runs, results.records, results.invocations)
    return {**given, **_not_given(measured, given)}


def _not_given(numbers: assumptions.Table, given: assumptions.Table) -> dict[str, limits.Number]:
    """Return the numbers that the user's file does not name."""
    return {name: number for name, number in numbers.items() if given[name].provenance != limits.GIVEN}
