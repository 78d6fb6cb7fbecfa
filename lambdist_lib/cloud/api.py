"""The deployed API: its URL, its key, and lines to paste that call it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lambdist_lib.cloud.targets import Target


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
    """Name one deployed API: the URL to POST to, its key, and further headers with their values."""

    url: str
    key: ApiKey
    headers: Mapping[str, ApiKey] = field(default_factory=dict)


def describe_api(target: Target, outputs: Mapping[str, str]) -> Api:
    """Return a stack's API with its key, which no text of it shows.

    Args:
        outputs: Of the stack.
    """
    answer = target.client("apigateway").get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)
    return Api(url=target.api_url(dict(outputs)), key=ApiKey(answer["value"]))


def curl_lines(url: str, key_command: str) -> str:
    """Return a shell's command that sends one datapoint; `key_command` prints the key."""
    header = f'-H "x-api-key: $({key_command})"'
    return f"""curl -sS -d '{{"data": "word"}}' \\\n  {header} \\\n  {shlex.quote(url)}"""


def python_lines(url: str, key_command: str) -> str:
    """Return a shell's command that does the same in Python."""
    code = (
        "\nimport os, requests\n"
        f'url = "{url}"\n'
        'headers = {"x-api-key": os.environ["API_KEY"]}\n'
        'print(requests.post(url, json={"data": "word"}, headers=headers).json())\n'
    )
    return f"API_KEY=$({key_command}) python -c {shlex.quote(code)}"
