"""`lambdist leaks` shows a row for each resource that runs left."""

from datetime import UTC, datetime

import pytest

from lambdist_lib.cli import leaks_text, screen
from lambdist_lib.deployment.inventory import Resource
from lambdist_lib.deployment.leaks import LeakedResource

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def leak(kind="stack", name="lambdist-distributed", created="2026-11-29T09:00:00Z", expires=""):
    resource = Resource(kind=kind, id=name, name=name, stack=name, created=created, expires=expires)
    return LeakedResource(state="live", resource=resource)


@pytest.mark.parametrize(
    ("expires", "left"),
    [("2026-11-30T12:00:00Z", "24.0 h"), ("2026-11-29T11:00:00Z", "-"), ("", "-"), ("tomorrow", "-")],
)
def test_a_row_has_the_age_and_the_time_left(expires, left):
    """Only a stack expires; a tag that somebody edited is shown as missing."""
    table, summary = leaks_text.as_blocks([leak(expires=expires)], "one", NOW)

    assert table.rows == (("live", "stack", "3.0 h", left, "lambdist-distributed"),)
    assert summary == "one"


def test_long_names_fit_a_terminal_of_80_columns():
    """The name is wrapped, the other cells are not."""
    name = "/aws/lambda/lambdist-distributed-ProcessorFunction-0123456789abcdef"
    rows = [leak("log group", name), leak("bucket", "lambdist-artifacts-0ddd4c66556a-ap-southeast-1")]

    text = screen.render(leaks_text.as_blocks(rows, "two", NOW), columns=80, colours=False)

    assert max(map(len, text.splitlines())) <= 80
    assert "log group" in text


def test_without_resources_the_summary_is_all():
    assert leaks_text.as_blocks([], "nothing is left") == ["nothing is left"]
