"""An API key is shown only to a caller that asks for it."""

import copy
import dataclasses
import io
import json
import logging
import pickle
import subprocess
import traceback

import pytest

from lambdist_lib.cloud.api import Api, ApiKey, curl_lines, python_lines

SECRET = "hT3kd9Qz" * 5
KEY = ApiKey(SECRET)
API = Api(url="https://example.com/v1", key=KEY)


def logged(value):
    stream = io.StringIO()
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler(stream))
    logger.warning("calling %s and %r", value, value, extra={"api": value})
    return stream.getvalue()


def failed_with(value):
    """A traceback with the values of the variables in it, as debuggers and crash reporters write it."""
    try:
        value.nothing  # noqa: B018
    except AttributeError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    raise AssertionError


@pytest.mark.parametrize("value", [KEY, API, [API], {"api": API}], ids=["key", "api", "list", "dict"])
@pytest.mark.parametrize(
    "write", [str, repr, "{}".format, lambda value: f"{value!r:>80}", logged, failed_with]
)  # fmt: skip
def test_writing_it_shows_nothing(value, write):
    """Printed, formatted, logged, or in a traceback's variables, alone or inside something."""
    text = write(value)

    assert SECRET not in text and SECRET[:8] not in text
    assert "ApiKey(…)" in text or "no attribute 'nothing'" in text


@pytest.mark.parametrize("value", [KEY, API], ids=["key", "api"])
@pytest.mark.parametrize(
    "keep",
    [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars, dataclasses.asdict, dataclasses.astuple],
    ids=lambda keep: f"{keep.__module__}.{keep.__name__}",
)
def test_what_would_take_it_along_does_not(value, keep):
    """A pickle, a copy, JSON or a dictionary of an object ends in files: it fails, or holds no value."""
    try:
        kept = keep(value)
    except (TypeError, ValueError) as error:
        assert SECRET not in str(error)
    else:
        assert SECRET not in str(kept)


def test_who_asks_gets_it():
    """The one way to its value."""
    assert KEY.reveal() == SECRET


def test_lines_to_paste_get_the_key_from_a_command():
    """A shell that runs them calls the command; the lines hold the URL, and no key."""
    url = "http://127.0.0.1:1/v1?a=b&c"
    program = 'curl() { printf \'%s\\n\' "$@"; }; python() { printf \'%s\\n\' "$API_KEY" "$2"; }; '
    ask = lambda line: subprocess.run(  # noqa: E731
        ["sh", "-c", program + line], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert ask(curl_lines(url, "echo secret")) == [
        "-sS", "-d", '{"data": "word"}', "-H", "x-api-key: secret", url,
    ]  # fmt: skip
    key, *code = ask(python_lines(url, "echo secret"))
    assert (key, f'url = "{url}"' in code) == ("secret", True)
    compile("\n".join(code), "lines", "exec")
