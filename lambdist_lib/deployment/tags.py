"""The tags of deployed resources: their stack, creation time and expiry.

CloudFormation copies a stack's tags to each resource that supports tags. Nothing happens by itself
at the time in `lambdist:expires`: `lambdist leaks --delete` reads it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from lambdist_lib.errors import UsageError

STACK, REGION = "lambdist:stack", "lambdist:region"  # the Region, since roles belong to no Region
CREATED, EXPIRES = "lambdist:created", "lambdist:expires"
LIFETIME_S = 24 * 3600.0  # without `--expires`: longer than an experiment, and one day's cost
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def lifetime_s(text: str) -> float:
    """Parse a lifetime such as 8h, 30m or 2d into seconds.

    Raises:
        UsageError: It is not a lifetime.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not match or float(match[1]) <= 0:
        raise UsageError(f"invalid lifetime {text!r}: write a number and s, m, h or d, such as 8h or 2d")
    return float(match[1]) * UNITS_S[match[2]]


def of_stack(
    name: str, region: str, before: Mapping[str, str], now: datetime, lifetime_s: float | None = None
) -> dict[str, str]:
    """Return the tags of a stack that is deployed now.

    Args:
        before: Its present tags, if it exists. They stay, so that a repeated deploy changes nothing,
            unless the expiry has passed.
        lifetime_s: Seconds from now, if the deploy names a lifetime.
    """
    expires = now + timedelta(seconds=lifetime_s or LIFETIME_S)
    stays = lifetime_s is None and EXPIRES in before and not is_expired(before, now)
    return {
        STACK: name,
        REGION: region,
        CREATED: before.get(CREATED) or written(now),
        EXPIRES: before[EXPIRES] if stays else written(expires),
    }


def is_expired(tags: Mapping[str, str], now: datetime) -> bool:
    """Return whether the expiry has passed; a missing or malformed one never does."""
    left_s = seconds_left(tags.get(EXPIRES, ""), now)
    return left_s is not None and left_s <= 0


def seconds_left(moment: str, now: datetime) -> float | None:
    """Return the seconds from now to a tag's time; None for a missing or malformed one."""
    try:
        return (datetime.fromisoformat(moment) - now).total_seconds()
    except (ValueError, TypeError):
        return None


def written(at: datetime) -> str:
    """Format a time for a tag: to the second, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Convert AWS's list of keys and values to a mapping."""
    return {tag["Key"]: tag["Value"] for tag in listed}


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Convert tags to AWS's list of keys and values."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
