"""Jobs that cannot finish as predicted."""

import pytest

from lambdist_lib.costs import assumptions
from lambdist_lib.planner import predict, settings_search
from lambdist_lib.planner.job import job_of

TABLE = assumptions.load()


def test_small_account_is_an_obstacle(tmp_path):
    """Ten executions at once are fewer than twenty processors."""
    path = tmp_path / "limits.toml"
    path.write_text("account_concurrency = 10\n", encoding="utf-8")
    job = job_of(datapoints=300, work="io:1s", settings={"maximum_concurrency": 20})
    plan = predict.predict(job, assumptions.load(path))

    assert any("spend receives" in text for text in plan["warnings"])
    assert not plan["possible"] and "spend receives" in plan["obstacles"][0]
    assert plan["lambda_throttles"]["value"] > 0
    [number] = [number for number in plan["inputs"] if number["name"] == "account_concurrency"]
    assert number["provenance"] == "given"


@pytest.mark.parametrize(
    ("job", "text"),
    [
        ({"datapoints": 10**8}, "quota"),
        ({"datapoints": 10**9, "request_batch": 100, "work": "io:1s"}, "keeps a message"),
        ({"datapoints": 100, "fault": "throttle:0.01", "processors": 1000}, "can reserve 900"),
    ],
)
def test_obstacles_keep_a_plan_from_being_possible(job, text):
    """The quota of requests, the queue's retention and the reservation of concurrency."""
    setting = settings_search.evaluate(job_of(**job), TABLE)

    assert any(text in obstacle for obstacle in setting.obstacles)
    assert predict.predict(job_of(**job), TABLE)["obstacles"] == list(setting.obstacles)


def test_ordinary_job_has_no_obstacle():
    """The example of the README can finish."""
    job = job_of(datapoints=10**9, chunks=1000, request_batch=100, settings={"queue_batch": 10})
    assert not settings_search.evaluate(job, TABLE).obstacles
