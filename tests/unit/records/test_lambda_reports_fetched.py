"""REPORT lines fetched as CloudWatch Logs gives them, and joined by request id."""

from types import SimpleNamespace

import boto3
import pandas as pd
import pytest
from botocore.stub import ANY, Stubber
from support import tables as frames

from lambdist_lib.measures import cold_starts
from lambdist_lib.records import lambda_reports
from lambdist_lib.records import lambda_reports as records_lambda_reports
from lambdist_lib.results.schema import INVOCATIONS

STACK = SimpleNamespace(outputs={"ProcessorLogGroup": "processor-logs"})
CALLED = frames.invocations(3, cold=2).assign(request_id=["aaaa-1", "bbbb-1", "cccc-1"])
BEGAN_MS = int(frames.BEGAN_AT * 1000)
EVENTS = [
    (0, "aa", "INIT_START Runtime Version: python:3.12.v36\tRuntime Version ARN: arn:y\n"),
    (0, "bb", "INIT_START Runtime Version: python:3.12.v36\tRuntime Version ARN: arn:y\n"),
    (105, "aa", "START RequestId: aaaa-1 Version: $LATEST\n"),
    (120, "aa", '{"event": "batch_processed", "request_id": "aaaa-1"}\n'),
    (121, "aa", "END RequestId: aaaa-1\n"),
    (121, "aa", "REPORT RequestId: aaaa-1\tDuration: 15.42 ms\tBilled Duration: 116 ms\tMemory Size: 9 MB\t"
                "Max Memory Used: 87 MB\tInit Duration: 100.12 ms\t\n"),
    (42_000, "bb", "START RequestId: bbbb-1 Version: $LATEST\n"),
    (42_020, "bb", "REPORT RequestId: bbbb-1\tDuration: 15.00 ms\tBilled Duration: 16 ms\tMemory Size: 9 MB\t"
                   "Max Memory Used: 87 MB\tInit Duration: 99.00 ms\t\n"),
]  # fmt: skip
LATE = (430, "aa", "REPORT RequestId: cccc-1\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: 9 MB\t"
                      "Max Memory Used: 87 MB\t\n")  # fmt: skip


def page(events, **more):
    found = [
        {"timestamp": BEGAN_MS + at_ms, "logStreamName": f"2026/09/21/[$LATEST]{stream}", "message": message}
        for at_ms, stream, message in events
    ]
    return {"events": found, **more}


@pytest.fixture
def aws():
    """`aws(answers)`: a target on AWS whose CloudWatch gives these answers, and takes no other question."""
    client = boto3.client("logs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:

        def connected(*answers):
            for token, answer in answers:
                asked = {"logGroupName": "processor-logs", "startTime": ANY, "endTime": ANY}
                stubber.add_response(
                    "filter_log_events", answer, {**asked, **({"nextToken": token} if token else {})}
                )
            return SimpleNamespace(name="aws", client=lambda service: client)

        yield connected
        stubber.assert_no_pending_responses()


def test_reports_are_read_page_by_page_and_joined_by_request(aws):
    """Init and billing as AWS saw them; one environment was made 42 s before it was needed."""
    target = aws(("", page(EVENTS[:4], nextToken="more")), ("more", page([*EVENTS[4:], LATE])))

    table = records_lambda_reports.with_reports(target, [STACK], CALLED)

    assert table["request_id"].tolist() == ["aaaa-1", "bbbb-1", "cccc-1"]
    assert table["report_init_s"].tolist()[:2] == pytest.approx([0.10012, 0.099])
    assert table["billed_s"].tolist() == pytest.approx([0.116, 0.016, 0.002])
    assert table["init_to_invoke_s"].tolist()[:2] == pytest.approx([0.00488, 41.901])
    assert cold_starts.classify(table).tolist() == ["cold", "proactive", "warm"]


def test_reports_that_are_late_are_waited_for(aws):
    """CloudWatch has a line seconds after it was written: what is missing is asked for again."""
    target = aws(("", page(EVENTS)), ("", page([*EVENTS, LATE])))

    table = records_lambda_reports.with_reports(target, [STACK], CALLED, poll_s=0)

    assert table["report_s"].notna().all()


def test_reports_that_never_come_stay_missing(aws):
    target = aws(("", page(EVENTS)))

    table = records_lambda_reports.with_reports(target, [STACK], CALLED, late_s=0)

    assert table["report_s"].isna().tolist() == [False, False, True]
    assert len(table) == 3


def test_the_local_cloud_is_not_asked():
    """Nor is anybody for no invocations; the columns are there all the same."""
    nobody = SimpleNamespace(name="local", client=None)
    nothing = pd.DataFrame(columns=list(INVOCATIONS))

    for target, called in ((nobody, CALLED), (SimpleNamespace(name="aws", client=None), nothing)):
        table = records_lambda_reports.with_reports(target, [STACK], called)
        assert len(table) == len(called)
        assert table[list(lambda_reports.COLUMNS)].isna().all(axis=None)
