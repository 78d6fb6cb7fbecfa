"""Datapoints are grouped into requests that the API accepts."""

from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.protocol import contract, faults
from lambdist_lib.submission.requests import RequestEncoder, group_datapoints

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
