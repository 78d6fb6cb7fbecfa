"""What travels in one request."""

from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.protocol import contract, faults
from lambdist_lib.submission.requests import RequestEncoder, grouped

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\t'), min_size=1, max_size=40
).filter(lambda text: not contract.UNPRINTABLE.search(text))


@given(
    texts=st.lists(TEXTS, min_size=1, max_size=12),
    longer=st.sampled_from([1, 500, 1_600]),
    fault=st.sampled_from(["none", "x" * faults.FAULT_MAX_CHARS]),
)
def test_a_group_fits_a_request(texts, longer, fault):
    """However long the datapoints and the controls: the API refuses more with 413; one alone always goes."""
    controls = {"work": "none", "fault": fault}
    points = [(n, text * longer) for n, text in enumerate(texts)]

    jobs = list(grouped(iter(points), 100, controls))

    assert [point for job in jobs for point in job.points] == points
    envelope = RequestEncoder(run_id="r" * 40, controls=controls)
    for job in jobs:
        job.failures = 1
        assert len(job.points) == 1 or len(envelope.around(job)) <= contract.REQUEST_MAX_BYTES
