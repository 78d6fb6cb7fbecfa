"""Datapoints are grouped into requests that the API accepts."""

import json

from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.protocol import contract, faults
from lambdist_lib.submission.requests import PendingRequest, RequestEncoder, group_datapoints

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\t'), min_size=1, max_size=40
).filter(lambda text: not contract.UNPRINTABLE.search(text))


@given(
    texts=st.lists(TEXTS, min_size=1, max_size=12),
    longer=st.sampled_from([1, 500, 1_600]),
    fault=st.sampled_from(["none", "x" * faults.FAULT_MAX_CHARS]),
)
def test_a_group_fits_a_request(texts, longer, fault):
    """Any datapoints and controls fit the limit above which the API responds 413; one alone always fits."""
    controls = {"work": "none", "fault": fault}
    points = [(n, text * longer) for n, text in enumerate(texts)]

    jobs = list(group_datapoints(iter(points), 100, controls))

    assert [point for job in jobs for point in job.points] == points
    encoder = RequestEncoder(run_id="r" * 40, controls=controls)
    for job in jobs:
        job.failures = 1
        assert len(job.points) == 1 or len(encoder.encode(job)) <= contract.REQUEST_MAX_BYTES


@given(
    texts=st.lists(TEXTS, min_size=1, max_size=4),
    run_id=TEXTS,
    controls=st.dictionaries(st.sampled_from(["work", "fault"]), TEXTS),
    failures=st.integers(0, 3),
)
def test_a_request_is_the_json_of_its_parts(texts, run_id, controls, failures):
    """Whatever the texts contain, the body is what json.dumps writes for the whole."""
    again = {"attempt": failures + 1} if failures else {}
    points = [{"n": n, "data": text, **again} for n, text in enumerate(texts)]
    whole = {"run_id": run_id, "datapoints": points, **controls}

    pending = PendingRequest(list(enumerate(texts)), failures=failures)
    body = RequestEncoder(run_id=run_id, controls=controls).encode(pending)

    assert body == json.dumps(whole, ensure_ascii=False).encode()
