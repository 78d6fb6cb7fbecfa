"""Tags of a deploy: stack, Region, creation and expiry, and which of them stay."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.deployment import tags
from lambdist_lib.errors import UsageError

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def deployed(before=None, at=NOW, lifetime_s=None):
    return tags.of_stack("s", "eu-west-1", before or {}, at, lifetime_s)


def test_a_first_deploy_sets_stack_region_creation_and_expiry():
    """The default lifetime is a day."""
    assert deployed() == {
        "lambdist:stack": "s",
        "lambdist:region": "eu-west-1",
        "lambdist:created": "2026-11-23T12:00:00Z",
        "lambdist:expires": "2026-11-24T12:00:00Z",
    }
    assert deployed(lifetime_s=8 * 3600.0)["lambdist:expires"] == "2026-11-23T20:00:00Z"


def test_a_later_deploy_changes_no_tag_before_the_expiry():
    """Otherwise a repeated deploy would update every resource."""
    first = deployed()

    assert deployed(first, NOW + 5 * HOUR) == first
    longer = deployed(first, NOW + 5 * HOUR, lifetime_s=3600.0)
    assert longer == {**first, "lambdist:expires": "2026-11-23T18:00:00Z"}
    assert (
        deployed(first, NOW + 25 * HOUR)["lambdist:expires"] == "2026-11-25T13:00:00Z"
    )  # it is wanted again


@pytest.mark.parametrize("text", ["", "soon", "2026-13-45", "2026-11-23T12:00:00"])
def test_a_malformed_expiry_never_passes(text):
    """A malformed tag deletes nothing."""
    assert not tags.is_expired({tags.EXPIRES: text}, NOW)
    assert not tags.is_expired({}, NOW)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.integers(1, 10**6)
)
def test_a_stack_expires_when_its_lifetime_is_over(at, lifetime_s):
    made = deployed(at=at, lifetime_s=float(lifetime_s))

    assert not tags.is_expired(made, at + timedelta(seconds=lifetime_s - 2))
    assert tags.is_expired(made, at + timedelta(seconds=lifetime_s))


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("8h", 28_800), ("1.5d", 129_600)])
def test_a_lifetime_is_parsed_to_seconds(text, seconds):
    assert tags.lifetime_s(text) == seconds


@pytest.mark.parametrize("text", ["8", "h", "0h", "-1h", "8 hours", "1w", "never"])
def test_an_invalid_lifetime_is_a_usage_error(text):
    with pytest.raises(UsageError, match="write a number and s, m, h or d, such as 8h"):
        tags.lifetime_s(text)
