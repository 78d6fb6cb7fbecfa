"""Parse and fetch the log lines that AWS writes about invocations."""

import math
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

COLD_REPORT = (
    "REPORT RequestId: 8f507cfc-0000-4697-b07a-ac58fc914c95\tDuration: 12.34 ms\tBilled Duration: 113 ms\t"
    "Memory Size: 512 MB\tMax Memory Used: 66 MB\tInit Duration: 100.12 ms\t\n"
    "XRAY TraceId: 1-5e34a614-10bdxmplf1fb44f07bc535a1\tSegmentId: 07f5xmpl2d1f6f85\tSampled: true\t\n"
)


WARM_REPORT = (
    "REPORT RequestId: 11111111-2222-3333-4444-555555555555\tDuration: 3190.16 ms\tBilled Duration: 3191 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 128 MB\t\n"
)


TIMEOUT_REPORT = (
    "REPORT RequestId: 9999-2222\tDuration: 30000.00 ms\tBilled Duration: 30000 ms\t"
    "Memory Size: 512 MB\tMax Memory Used: 70 MB\tStatus: timeout"
)


def test_report_lines_are_read_as_aws_writes_them():
    """Cold with a trace behind it, warm, timed out; everything else in a log is passed over."""
    lines = ['{"event": "batch_processed"}', COLD_REPORT, "END RequestId: x", WARM_REPORT, TIMEOUT_REPORT, ""]

    table = lambda_reports.parse(lines).set_index("request_id")

    cold = table.loc["8f507cfc-0000-4697-b07a-ac58fc914c95"]
    assert cold[["report_s", "billed_s", "report_init_s"]].tolist() == pytest.approx(
        [0.01234, 0.113, 0.10012]
    )
    assert cold[["memory_size_mb", "memory_used_mb"]].tolist() == [512, 66]
    assert math.isnan(table.loc["11111111-2222-3333-4444-555555555555", "report_init_s"])
    assert table["status"].fillna("").tolist() == ["", "", "timeout"]
    assert table["init_to_invoke_s"].isna().all()


def test_times_in_the_lines_tell_proactive_environments_apart():
    """Two streams mixed; one environment was made 60 s before its first invocation."""
    lines = [
        "2023-07-01T10:00:00.000+00:00 2023/07/01/[$LATEST]aa INIT_START Runtime Version: python:3.12.v1",
        "2023-07-01T10:00:00.000+00:00 2023/07/01/[$LATEST]bb INIT_START Runtime Version: python:3.12.v1",
        "2023-07-01T10:00:00.105Z 2023/07/01/[$LATEST]aa START RequestId: aaaa-1 Version: $LATEST",
        "2023-07-01T10:00:00.120Z 2023/07/01/[$LATEST]aa REPORT RequestId: aaaa-1\tDuration: 15.00 ms\t"
        "Billed Duration: 115 ms\tMemory Size: 512 MB\tMax Memory Used: 66 MB\tInit Duration: 100.00 ms\t",
        "2023-07-01T10:01:00.100Z 2023/07/01/[$LATEST]bb START RequestId: bbbb-1 Version: $LATEST",
        "2023-07-01T10:01:00.120Z 2023/07/01/[$LATEST]bb REPORT RequestId: bbbb-1\tDuration: 15.00 ms\t"
        "Billed Duration: 115 ms\tMemory Size: 512 MB\tMax Memory Used: 66 MB\tInit Duration: 100.00 ms\t",
    ]
    called = frames.invocations(3, cold=2).assign(request_id=["aaaa-1", "bbbb-1", "cccc-1"])

    joined = lambda_reports.with_report(called, lines)

    assert joined["init_to_invoke_s"].tolist()[:2] == pytest.approx([0.005, 60.0])
    assert cold_starts.classify(joined).tolist() == ["cold", "proactive", "warm"]
    assert len(joined) == 3


RESTORED = [
    "2025-05-21T14:26:55.800Z 2025/05/21/[23]cc RESTORE_START Runtime Version: python:3.13.v2",
    "2025-05-21T14:26:56.600Z 2025/05/21/[23]cc RESTORE_REPORT Restore Duration: 789.64 ms",
    "2025-05-21T14:26:56.665Z 2025/05/21/[23]cc START RequestId: 5b321b10-9dfa-4a05 Version: 23",
    "2025-05-21T14:26:56.814Z 2025/05/21/[23]cc REPORT RequestId: 5b321b10-9dfa-4a05\t"
    "Duration: 149.53 ms\tBilled Duration: 313 ms\tMemory Size: 512 MB\tMax Memory Used: 163 MB\t"
    "Restore Duration: 789.64 ms\tBilled Restore Duration: 163 ms\t\n",
]


def test_a_restored_environment_has_a_restore_in_place_of_an_init():
    """SnapStart: no Init Duration, and the gap counts from the end of the restore."""
    [row] = lambda_reports.parse(RESTORED).to_dict("records")

    assert (row["restore_s"], row["billed_s"]) == pytest.approx((0.78964, 0.313))
    assert math.isnan(row["report_init_s"])
    assert row["init_to_invoke_s"] == pytest.approx(0.865 - 0.78964)


def test_an_init_that_failed_is_passed_over():
    """INIT_REPORT tells of an init without an invocation."""
    lines = ["INIT_REPORT Init Duration: 10008.09 ms\tPhase: init\tStatus: timeout", WARM_REPORT]

    assert len(lambda_reports.parse(lines)) == 1


def test_without_report_lines_the_columns_stay_missing():
    """As on the local cloud."""
    joined = lambda_reports.with_report(frames.invocations(3), ["nothing of the kind"])

    assert joined[list(lambda_reports.COLUMNS)].isna().all(axis=None)
    assert len(joined) == 3


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
