"""Warnings and obstacles of a plan."""

import pytest

from lambdist_lib.costs import assumptions
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.job_system import build, values
from lambdist_lib.planner.plan_warnings import plan_warnings

TABLE = assumptions.load()
WIDE = {"maximum_concurrency": 1000, "queue_batch": 10}


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ({"datapoints": 10**9}, "keeps a message for 4 days"),
        ({"datapoints": 10**8}, "the API key's quota of 10,000,000"),
        ({"datapoints": 10**6, "work": "io:100ms"}, "use --processors 1000"),
        ({"datapoints": 10**8, "work": "io:200ms", "settings": WIDE, "request_batch": 100, "chunks": 20},
         "provisioned pollers"),
        ({"datapoints": 10**4, "fault": "raise:0.1",
          "settings": {"queue_batch": 10, "partial_batch_responses": "off"}}, "takes its batch of 10 along"),
        ({"datapoints": 100, "work": "cpu:100ms"}, "29 % of a vCPU"),
    ],
)  # fmt: skip
def test_warnings_name_the_problem(job, says):
    """Each stands beside the plan."""
    job = job_of(**job)
    asked = settings_search.evaluate(job, TABLE)

    warnings = plan_warnings(job, build(job, values(TABLE)), asked.forecast, TABLE)

    assert any(says in text for text in (*asked.obstacles, *warnings))
