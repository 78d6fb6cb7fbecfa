"""Check of a job, and the system that it becomes."""

import pytest

from lambdist_lib.cloud.limits import default_processors
from lambdist_lib.costs import assumptions
from lambdist_lib.errors import UsageError
from lambdist_lib.planner import job_system, predict
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.job_system import build, values

TABLE = assumptions.load()


def test_computing_slows_down_below_one_vcpu():
    """50 ms of computing at 512 MB take 173 ms of wall-clock time; waiting does not slow down."""
    computing, waiting = (
        build(job_of(datapoints=1, work=work), values(TABLE)).item_s for work in ("cpu:50ms", "io:50ms")
    )

    assert computing - waiting == pytest.approx(0.05 * (1769 / 512 - 1))


@pytest.mark.parametrize(
    ("memory_mb", "measured_ms"), [(128, 5409), (256, 2661), (512, 1341), (1024, 628), (1769, 386)]
)
def test_computing_time_matches_measurements_by_memory(memory_mb, measured_ms):
    """Hashing on AWS, x86 (github.com/cebert/aws-lambda-performance-benchmarks), relative to one vCPU."""
    settings = {"memory_mb": memory_mb, "processor_timeout_seconds": 60, "visibility_timeout_seconds": 360}
    job = job_of(datapoints=1, work="cpu:386ms", settings=settings)
    value = values(TABLE)

    predicted_s = build(job, value).item_s - value["put_s"] - value["process_s"]
    assert predicted_s * 1000 == pytest.approx(measured_ms, rel=0.1)


def test_predict_rejects_a_datapoint_longer_than_the_timeout():
    """A library call raises UsageError, too."""
    with pytest.raises(UsageError, match="timeout"):
        predict.predict(job_of(datapoints=10, work="cpu:14s", settings={"memory_mb": 128}), TABLE)


def test_slow_attempt_ends_at_the_watchdogs_margin():
    """The planner's margin is that of lambdas/watchdog.py."""
    import watchdog

    assert (job_system.MARGIN_S, job_system.MARGIN_SHARE) == (watchdog.MARGIN_S, watchdog.MARGIN_SHARE)
    system = build(job_of(datapoints=1, fault="slow:0.1"), values(TABLE))
    assert system.slow_s == 30 - watchdog.MARGIN_S


@pytest.mark.parametrize(("chunks", "processors"), [(1, 2), (20, 20), (1_000, 1_000), (5_000, 1_000)])
def test_processors_default_to_as_many_as_senders(chunks, processors):
    """AWS takes 2 to 1,000."""
    assert default_processors(chunks) == processors
    assert job_of(datapoints=1, chunks=chunks).processors == processors


def test_processors_and_maximum_concurrency_are_one_number():
    """Either names it; two different numbers are an error."""
    by_setting = job_of(datapoints=1, settings={"maximum_concurrency": 30})

    assert by_setting.processors == job_of(datapoints=1, processors=30).processors == 30
    assert build(by_setting, values(TABLE)).maximum_concurrency == 30
    with pytest.raises(UsageError):
        job_of(datapoints=1, processors=10, settings={"maximum_concurrency": 30})


def test_short_batches_wait_if_queue_triggered_invocations_count():
    """At 10 invocations a second of an environment, an invocation takes at least 0.1 s."""
    counted = {**values(TABLE), "environment_messages_per_s": 10}

    assert build(job_of(datapoints=1), counted).batch_s() == pytest.approx(0.1)
    long = job_of(datapoints=1, work="io:1s")
    assert build(long, counted).batch_s() == build(long, values(TABLE)).batch_s()


def test_requests_are_capped_by_the_accounts_environments():
    """Ten executions serve 100 synchronous requests a second, however short the handler is."""
    system = build(job_of(datapoints=1), {**values(TABLE), "account_concurrency": 10})

    assert system.collector_rate_per_s == 100
