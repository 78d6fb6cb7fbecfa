"""The command plan and the function behind it."""

import json

import pytest
from support.plans import plan_of

from lambdist_lib.cloud import limits
from lambdist_lib.errors import UsageError
from lambdist_lib.planner import plan as planner_plan
from lambdist_lib.planner.fluid import phases


def test_plan_answers_every_question_for_a_billion(capsys):
    """A plan as JSON has time, concurrency, phases, cost and the best settings."""
    size = "--datapoints 1e9 --chunks 1000 --work io:100ms --queue-batch 10 --memory-mb 512"
    more = "--fault raise:0.01 --json"
    status, said = plan_of(capsys, *size.split(), *more.split())
    plan = json.loads(said.out)

    assert status == 0
    assert plan["job"]["datapoints"] == 10**9
    span = plan["makespan_s"]
    assert 0 < span["low"] <= span["value"] <= span["high"]
    assert {phase["limit"] for phase in plan["phases"]} >= {phases.RAMP, phases.TABLE}
    assert plan["binding"]["limit"] == phases.ACCOUNT  # 1,000 senders of single datapoints: its collectors
    assert not plan["possible"]  # 10^9 requests
    assert {row["service"] for row in plan["cost"]["by_service"]} >= {
        "API Gateway",
        "Lambda",
        "SQS",
        "DynamoDB",
    }
    assert plan["cost"]["usd"] == pytest.approx(sum(row["usd"] for row in plan["cost"]["by_service"]))
    assert plan["single_node"]["speedup"] <= plan["single_node"]["ceiling"]
    assert plan["settings"]["fastest"]["makespan_s"] <= 1.01 * plan["makespan_s"]["value"]
    assert plan["settings"]["cheapest"]["usd"] <= plan["cost"]["usd"]
    assert plan["settings"]["fastest"]["possible"] and plan["settings"]["cheapest"]["possible"]
    assert any("quota of 10,000,000" in text for text in plan["warnings"])


def test_plan_counts_the_rows_of_a_table(tmp_path):
    """As `submit` sends them: no header, and a row may have several lines."""
    (tmp_path / "pages.csv").write_text('url,text\na,"two\nlines"\nb,c\n')

    assert planner_plan.plan(data=str(tmp_path / "pages.csv"))["job"]["datapoints"] == 2


def test_plan_counts_the_datapoints_of_a_file(tmp_path, capsys):
    """Blank lines and lines that break the rule do not count."""
    path = tmp_path / "few.txt"
    path.write_text("one\n\ntwo\nthree\n", encoding="utf-8")

    assert json.loads(plan_of(capsys, str(path), "--json")[1].out)["job"]["datapoints"] == 3


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("--datapoints 0", "whole number from 1"),
        ("--datapoints -5", "whole number from 1"),
        ("--datapoints nan", "whole number from 1"),
        ("--datapoints inf", "whole number from 1"),
        ("--datapoints 1.5", "whole number from 1"),
        ("--datapoints 1e15", "32 years to enter the queue"),
        ("--datapoints 10 --chunks 0", "--chunks is 0; write a whole number from 1"),
        ("--datapoints 10 --request-batch 101", "from 1 to 100"),
        ("--datapoints 10 --queue-batch 11", "--queue-batch is 11; write a whole number from 1 to 10"),
        ("--datapoints 10 --memory-mb 64", "--memory-mb is 64; write a whole number from 128 to 10,240"),
        (
            "--datapoints 10 --set memory_mb=64",
            "Lambda sells 128 to 10,240 MB and refuses any other size",
        ),
        ("--datapoints 10 --memory-mb 20480", "--memory-mb is 20480"),
        ("--datapoints 10 --work io:20s", "half the function's timeout"),
        ("--datapoints 10 --work cpu:14s --memory-mb 128", "all would be dead after 5 receives"),
        ("--datapoints 10 --work io:5s --queue-batch 10", "use --queue-batch 5"),
        ("--datapoints 10 --fault raise:1", "all datapoints would be dead"),
        ("--datapoints 10 --fault raise:1.5", "between 0 and 1"),
        ("--datapoints 10 --fault throttle:1", "all datapoints would be dead"),
        ("--datapoints 10 --fault poison:0.1 --set permanent_at_once=off", "permanent_at_once=off is not"),
        ("--datapoints 10 --fault permanent:0.1 --set partial_batch_responses=off", "=off is not predicted"),
        ("--datapoints 10 --fault raise:0.1@3", "which a plan does not have"),
        ("--datapoints 10 --set visibility_timeout_seconds=60", "AWS refuses a mapping"),
        ("--datapoints 10 --set maximum_concurency=60", "did you mean maximum_concurrency"),
        ("--datapoints 10 --limits nowhere.toml", "cannot be read"),
        ("", "needs a data file"),
        ("data/words.txt --datapoints 10", "one of the two"),
    ],
)
def test_plan_rejects_an_invalid_job(capsys, typed, says):
    """Each has its own message, exit status 2 and no plan."""
    status, said = plan_of(capsys, *typed.split())

    assert status == 2
    assert says in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("sizes", "says"), [("", "is empty"), ("1e3 many", "many"), ("1e3 -5", "out of range")]
)
def test_plan_sizes_rejects_an_invalid_size(sizes, says):
    with pytest.raises(UsageError, match=says):
        planner_plan.plan_sizes(sizes)


def test_plan_takes_the_api_rates_of_a_region():
    """The 13 Regions with a quarter of the rate say so in the inputs."""
    inputs = planner_plan.plan(count=100, region="eu-south-1")["inputs"]

    [rate] = [number for number in inputs if number["name"] == "api_rate_per_s"]
    assert rate["value"] == limits.in_region("eu-south-1")["api_rate_per_s"].value == 2_500
