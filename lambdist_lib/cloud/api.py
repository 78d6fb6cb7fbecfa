"""The deployed API: its URL and its key."""

from dataclasses import dataclass
from typing import Any


class ApiKey:
    """An API key that cannot be printed, logged or pickled by accident."""

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
    """One deployed API: where to POST, and the key that opens it."""

    url: str
    key: ApiKey
