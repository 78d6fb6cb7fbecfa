"""The example pages lie in the local cloud's S3, for the jobs that fetch them."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from lambdist_lib.data import datapoints
from lambdist_lib.notebooks import example_data


@pytest.mark.parametrize(
    ("target", "data", "uploads", "text"),
    [
        ("local", "s3://lambdist-pages/000.html", 1, "pages are in the local cloud's bucket"),
        ("aws", "s3://lambdist-pages/000.html", 0, "have to be in the bucket"),
        ("local", "a word", 0, "needs no example pages"),
    ],
)
def test_pages_are_uploaded_only_where_the_data_names_them(target, data, uploads, text):
    s3 = Mock()
    connected = SimpleNamespace(name=target, client=lambda service: s3)
    experiment = SimpleNamespace(target=connected, points=datapoints.from_iterable([data]))

    assert text in example_data.upload_pages(experiment)
    assert s3.create_bucket.call_count == uploads
    assert bool(s3.upload_file.call_count) == bool(uploads)
