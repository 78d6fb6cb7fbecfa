"""The tags of everything that a deploy makes: whose it is, since when, and until when it is wanted.

CloudFormation hands a stack's tags to each resource that can carry tags. Nothing happens by itself
when `lambdist:expires` has passed: `lambdist leaks --delete` goes by it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from lambdist_lib.errors import UsageError

STACK, REGION = "lambdist:stack", "lambdist:region"  # the Region, since roles belong to none
CREATED, EXPIRES = "lambdist:created", "lambdist:expires"
LIFETIME_S = 24 * 3600.0  # unless `--expires` says otherwise: more than an experiment takes, and a day's cost
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def lifetime_s(text: str) -> float:
    """Seconds of a lifetime such as 8h, 30m or 2d.

    Raises:
        UsageError: It is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not found or float(found[1]) <= 0:
        raise UsageError(f"lifetime {text!r}: write a number and s, m, h or d, such as 8h or 2d")
    return float(found[1]) * UNITS_S[found[2]]


def of_stack(
    name: str, region: str, before: Mapping[str, str], now: datetime, lifetime_s: float | None = None
) -> dict[str, str]:
    """The tags of a stack that is deployed now.

    Args:
        before: Its tags, if it is there. They stay, or a deploy of what is there would change something;
            only an expiry that has passed is no longer what is wanted.
        lifetime_s: From now on, where somebody says so.
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
    """Whether the expiry has passed; without one, or with one that cannot be read, it never does."""
    try:
        return datetime.fromisoformat(tags.get(EXPIRES, "")) <= now
    except (ValueError, TypeError):
        return False


def written(at: datetime) -> str:
    """A time as tags take it: to the second, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """AWS's list of keys and values."""
    return {one["Key"]: one["Value"] for one in listed}


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
