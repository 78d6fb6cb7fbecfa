"""A plan: what it says of a job, what it refuses, and what it warns of."""

import json

import pytest

from lambdist_lib import formatting
from lambdist_lib.cli import main
from lambdist_lib.costs import assumptions
from lambdist_lib.errors import UsageError
from lambdist_lib.planner import job as job_module
from lambdist_lib.planner import predict, settings_search
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.job import build, job_of, values

TABLE = assumptions.load()
WIDE = {"maximum_concurrency": 1000, "queue_batch": 10}


def planned(**job):
    return predict.predict(job_of(**job), TABLE)


def plan_of(capsys, *typed):
    status = main.main(["plan", *typed])
    return status, capsys.readouterr()


def test_a_plan_of_a_billion(capsys):
    """Every answer that was asked for, as JSON, with what binds named for each phase."""
    size = "--datapoints 1e9 --chunks 1000 --work io:100ms --queue-batch 10 --memory 512"
    more = "--fault raise:0.01 --set maximum_concurrency=1000 --json"
    status, said = plan_of(capsys, *size.split(), *more.split())
    plan = json.loads(said.out)

    assert status == 0
    assert plan["job"]["datapoints"] == 10**9
    span = plan["makespan_s"]
    assert 0 < span["low"] <= span["value"] <= span["high"]
    assert {phase["limit"] for phase in plan["phases"]} >= {phases.RAMP, phases.TABLE}
    assert plan["binding"]["limit"] == phases.ACCOUNT  # 1,000 senders of single datapoints: its collectors
    assert {one["service"] for one in plan["cost"]["by_service"]} >= {
        "API Gateway",
        "Lambda",
        "SQS",
        "DynamoDB",
    }
    assert plan["cost"]["usd"] == pytest.approx(sum(one["usd"] for one in plan["cost"]["by_service"]))
    assert plan["single_node"]["speedup"] <= plan["single_node"]["ceiling"]
    assert plan["settings"]["fastest"]["makespan_s"] <= 1.01 * plan["fluid_makespan_s"]
    assert plan["settings"]["cheapest"]["usd"] <= plan["cost"]["usd"]
    assert any("quota of 10,000,000" in text for text in plan["warnings"])


def test_a_plan_for_people(capsys):
    """A page with the same, and whose the inputs are."""
    status, said = plan_of(capsys, "--datapoints", "1000", "--work", "io:100ms")

    assert status == 0
    for word in (
        "makespan",
        "one node",
        "binds",
        "dead",
        "throttled",
        "cost",
        "fastest",
        "cheapest",
        "assumed",
    ):
        assert word in said.out
    assert "AWS, predicted" in said.out
    assert "measured" not in said.out  # nothing was


def test_a_small_job_is_simulated_and_a_large_one_flows():
    """The method is said; both give an interval around the fluid's makespan."""
    small, large = planned(datapoints=500, work="io:100ms"), planned(datapoints=10**7, settings=WIDE)

    assert small["method"].startswith("exact") and large["method"].startswith("fluid")
    assert small["makespan_s"]["value"] == pytest.approx(small["fluid_makespan_s"], rel=0.15)
    assert small["lambda_throttles"]["value"] == 0
    assert small["api_throttles"]["value"] == large["api_throttles"]["value"] == 0


def test_a_file_is_counted(tmp_path, capsys):
    """Blank lines and what breaks the rule are no datapoints."""
    path = tmp_path / "few.txt"
    path.write_text("one\n\ntwo\nthree\n", encoding="utf-8")

    assert json.loads(plan_of(capsys, str(path), "--json")[1].out)["job"]["datapoints"] == 3


def test_computing_takes_longer_below_one_vcpu():
    """50 ms of it at 512 MB take 173 ms by the clock; waiting takes what it takes."""
    computing, waiting = (
        build(job_of(datapoints=1, work=work), values(TABLE)).item_s for work in ("cpu:50ms", "io:50ms")
    )

    assert computing - waiting == pytest.approx(0.05 * (1769 / 512 - 1))


@pytest.mark.parametrize(
    ("memory_mb", "measured_ms"), [(128, 5409), (256, 2661), (512, 1341), (1024, 628), (1769, 386)]
)
def test_memory_is_speed_as_it_was_measured(memory_mb, measured_ms):
    """Hashing on AWS, x86 (github.com/cebert/aws-lambda-performance-benchmarks), relative to one vCPU."""
    settings = {"memory_mb": memory_mb, "processor_timeout_seconds": 60, "visibility_timeout_seconds": 360}
    job = job_of(datapoints=1, work="cpu:386ms", settings=settings)
    value = values(TABLE)

    predicted_s = build(job, value).item_s - value["put_s"] - value["process_s"]
    assert predicted_s * 1000 == pytest.approx(measured_ms, rel=0.1)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("--datapoints 0", "whole number from 1"),
        ("--datapoints -5", "whole number from 1"),
        ("--datapoints nan", "whole number from 1"),
        ("--datapoints inf", "whole number from 1"),
        ("--datapoints 1.5", "whole number from 1"),
        ("--datapoints 1e15", "32 years on the way into the queue"),
        ("--datapoints 10 --chunks 0", "chunks 0 is out of range"),
        ("--datapoints 10 --request-batch 101", "from 1 to 100"),
        ("--datapoints 10 --queue-batch 11", "queue_batch is 11"),
        ("--datapoints 10 --memory 64", "Lambda sells 128 to 10,240 MB and refuses any other size"),
        ("--datapoints 10 --memory 20480", "memory_mb is 20480"),
        ("--datapoints 10 --work io:20s", "half the function's timeout"),
        ("--datapoints 10 --work cpu:14s --memory 128", "all would be dead after 5 receives"),
        ("--datapoints 10 --work io:5s --queue-batch 10", "use --queue-batch 5"),
        ("--datapoints 10 --fault raise:1", "all datapoints would be dead"),
        ("--datapoints 10 --fault raise:1.5", "between 0 and 1"),
        ("--datapoints 10 --fault throttle:1", "all datapoints would be dead"),
        ("--datapoints 10 --fault poison:0.1 --set permanent_at_once=off", "permanent_at_once=off is not"),
        ("--datapoints 10 --fault permanent:0.1 --set partial_batch_responses=off", "=off is not predicted"),
        ("--datapoints 10 --fault raise:0.1@3", "a plan has none"),
        ("--datapoints 10 --set visibility_timeout_seconds=60", "AWS refuses a mapping"),
        ("--datapoints 10 --set maximum_concurency=60", "did you mean maximum_concurrency"),
        ("--datapoints 10 --limits nowhere.toml", "cannot be read"),
        ("", "name a data file"),
        ("data/words.txt --datapoints 10", "one of the two"),
    ],
)
def test_what_cannot_be_is_refused(capsys, typed, says):
    """Each with a message of its own, exit status 2, and no plan."""
    status, said = plan_of(capsys, *typed.split())

    assert status == 2
    assert says in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ({"datapoints": 10**9}, "keeps a message for 4 days"),
        ({"datapoints": 10**8}, "the API key's quota of 10,000,000"),
        ({"datapoints": 10**6, "work": "io:100ms"}, "maximum_concurrency=1000 lifts it"),
        ({"datapoints": 10**8, "work": "io:200ms", "settings": WIDE, "request_batch": 100, "chunks": 20},
         "provisioned mode"),
        ({"datapoints": 10**4, "fault": "raise:0.1",
          "settings": {"queue_batch": 10, "partial_batch_responses": "off"}}, "takes its batch of 10 along"),
        ({"datapoints": 100, "work": "cpu:100ms"}, "29% of a vCPU"),
    ],
)  # fmt: skip
def test_what_would_go_wrong_on_aws_is_said(job, says):
    """A warning beside the plan."""
    assert any(says in text for text in planned(**job)["warnings"])


def test_a_new_account_is_warned_of_throttles(tmp_path):
    """Ten executions at once, where the stack would have twenty."""
    path = tmp_path / "mine.toml"
    path.write_text("account_concurrency = 10\n", encoding="utf-8")
    job = job_of(datapoints=300, work="io:1s", settings={"maximum_concurrency": 20})
    plan = predict.predict(job, assumptions.load(path))

    assert any("spend receives" in text for text in plan["warnings"])
    assert plan["lambda_throttles"]["value"] > 0
    [one] = [one for one in plan["inputs"] if one["name"] == "account_concurrency"]
    assert one["provenance"] == "given"


def test_the_best_settings_are_the_best_of_those_tried():
    """Nothing in the grid is faster than the fastest by 1 %, or cheaper than the cheapest."""
    looks = settings_search.search(job_of(datapoints=10**6, work="io:50ms", settings=WIDE), TABLE)
    fast, cheap = settings_search.fastest(looks), settings_search.cheapest(looks)

    assert all(one.forecast.makespan_s * 1.01 >= fast.forecast.makespan_s for one in looks)
    assert all(one.usd * 1.01 >= cheap.usd for one in looks)
    assert cheap.usd <= 1.01 * fast.usd


def test_a_setting_that_would_time_out_is_not_tried():
    """Ten times 5 s do not fit 30 s."""
    looks = settings_search.search(job_of(datapoints=100, work="io:5s"), TABLE)

    assert {one.job.number("QueueBatch") for one in looks} == {1, 2, 5}


def test_a_seed_is_a_plan():
    """Twice the same is the same."""
    assert planned(datapoints=200, work="io:20ms") == planned(datapoints=200, work="io:20ms")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.25, "0.2 s"), (90, "90.0 s"), (600, "10.0 min"), (9000, "2.5 h"), (1e6, "11.6 days")],
)
def test_durations_are_in_a_unit_that_fits(seconds, said):
    """Seconds up to two minutes, and so on."""
    assert formatting.duration(seconds) == said


@pytest.mark.parametrize(("usd", "said"), [(6604.842, "6,604.84"), (0.0011, "0.0011"), (0, "0")])
def test_small_sums_are_not_nothing(usd, said):
    """A job of a few datapoints costs a tenth of a cent, and the page says so."""
    assert formatting.money(usd) == said


def test_the_single_node_is_the_control():
    """One sender, request by request: the sum of all, with the network of each request."""
    job = job_of(datapoints=100, request_batch=10, work="io:100ms")
    system = build(job, values(TABLE))

    expected_s = 10 * (0.02 + 0.02) + 100 * (0.1 + 0.006 + 0.0005) + 0.48
    assert predict.single_node_s(job, system) == pytest.approx(expected_s)


def test_a_datapoint_longer_than_the_timeout_is_refused_before_anything_runs():
    """As a library call too."""
    with pytest.raises(UsageError, match="timeout"):
        planned(datapoints=10, work="cpu:14s", settings={"memory_mb": 128})


def test_a_slow_attempt_ends_when_the_watchdog_says():
    """The planner's margin is that of lambdas/watchdog.py."""
    import watchdog

    assert (job_module.MARGIN_S, job_module.MARGIN_SHARE) == (watchdog.MARGIN_S, watchdog.MARGIN_SHARE)
    system = build(job_of(datapoints=1, fault="slow:0.1"), values(TABLE))
    assert system.slow_s == 30 - watchdog.MARGIN_S
