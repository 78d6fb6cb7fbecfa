"""Data files for the tests of their readers."""

import pytest


@pytest.fixture
def file(tmp_path):
    """`file(b"...")` is a data file with these bytes."""

    def written(content, name="words.txt"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return written
