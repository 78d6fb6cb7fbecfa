"""The deployed API: its URL and its key."""

from dataclasses import dataclass
from typing import Any


class ApiKey:
    """Hold an API key that cannot be printed, logged or pickled by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "ApiKey(…)"

    def __reduce__(self) -> Any:
        raise TypeError("an API key is not pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Name one deployed API: the URL to POST to, and its key."""

    url: str
    key: ApiKey
