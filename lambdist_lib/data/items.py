"""Write Python objects as datapoints, so that the function receives an equal object.

An item is what JSON holds: None, bool, int, float, str, and lists and dicts (with str keys) of
these. Its datapoint is its JSON text on one line, whatever it is: the string "5" and the number 5
stay apart. NumPy's numbers become Python's. Missing values of a DataFrame or Series become None.

    >>> encode({"a": [1, None]}), encode("two\\nlines")
    ('{"a":[1,null]}', '"two\\\\nlines"')
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from lambdist_lib.errors import UsageError
from lambdist_lib.protocol.contract import UNPRINTABLE, reason_against

ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(item: object) -> str:
    """Return the datapoint of an item.

    Raises:
        UsageError: JSON does not hold it, or would change it.
    """
    try:
        text = ENCODER.encode(_plain(item))
    except RecursionError:
        raise UsageError("it is nested too deeply for JSON") from None
    except ValueError as error:  # NaN, infinity, or an integer of more digits than Python reads
        raise UsageError(f"it holds a number that JSON does not: {error}") from None
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("it holds half of a surrogate pair, which is not text") from None
    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def decode(data: str) -> Any:
    """Return the item of a datapoint; a datapoint that no item gave comes back as it is."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # added by the condition failing_datapoints
        return data


def as_text(item: object, *, remedy: str = "pass process= a function") -> str:
    """Return a string as the datapoint that a processing.py receives.

    Args:
        remedy: What a person can do about text of several lines.

    Raises:
        UsageError: It is not a string, or blank, or not one line.
    """
    if not isinstance(item, str):
        raise UsageError(
            f"it is {type(item).__name__}, and a processing.py takes strings: pass json.dumps(item), or "
            "process= a function, which receives any JSON type"
        )
    if reason := "is blank" if not item.strip() else reason_against(item, max_chars=len(item)):
        raise UsageError(f"it {reason}, and a processing.py takes one line of text: {remedy}")
    return item


def write(
    items: Iterable[object], path: Path, *, max_chars: int, encode: Callable[[object], str] = encode
) -> int:
    """Write each item's datapoint as a line of a new file; returns how many there are.

    Args:
        items: Read once and not kept. A DataFrame gives a dict for each row.
        max_chars: Of a datapoint.
        encode: `encode` for a function, `as_text` for a processing.py.

    Raises:
        UsageError: An item is not JSON or too long; names its index.
    """
    n = -1
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for n, item in enumerate(each(items)):
            try:
                text = encode(item)
            except UsageError as error:
                raise UsageError(f"item {n} cannot be sent: {error}") from None
            if len(text) > max_chars:
                raise UsageError(
                    f"item {n} cannot be sent: it has {len(text):,} characters as JSON, more than max_chars "
                    f"{max_chars:,}; raise max_chars (at most 65,536), or send a key to fetch it by"
                )
            file.write(f"{text}\n")
    return n + 1


def each(items: Iterable[object]) -> Iterator[object]:
    """Yield the items; of a DataFrame the rows as dicts, with None for missing values.

    Raises:
        UsageError: It is one string, a dict or not an iterable.
    """
    if isinstance(items, str | bytes | dict):
        raise UsageError(f"{type(items).__name__} is not a collection of items: pass a list, such as [item]")
    if hasattr(items, "itertuples"):
        names = [str(name) for name in items.columns]  # type: ignore[attr-defined]
        for row in items.itertuples(index=False, name=None):
            yield {name: _present(value) for name, value in zip(names, row, strict=True)}
    elif hasattr(items, "isna"):  # a Series or an Index
        yield from map(_present, items)
    else:
        try:
            yield from items
        except TypeError as error:
            if hasattr(items, "__iter__"):
                raise
            raise UsageError(f"items are {type(items).__name__}, not an iterable: {error}") from None


def _plain(item: Any) -> Any:
    """The item in Python's own types, if JSON brings back an equal one."""
    if item is None or isinstance(item, bool | int | float | str):
        return item
    if isinstance(item, list):
        return [_plain(part) for part in item]
    if isinstance(item, dict):
        for key in item:
            if not isinstance(key, str):
                raise UsageError(f"it has the key {key!r}, and JSON's keys are strings: pass str(key)")
        return {key: _plain(value) for key, value in item.items()}
    if type(item).__module__ == "numpy" and getattr(item, "shape", None) == ():
        return _plain(item.item())
    advice = {
        "tuple": "pass list(item)",
        "set": "pass sorted(item)",
        "bytes": "pass base64 or a key to fetch it by",
        "ndarray": "pass item.tolist()",
    }.get(type(item).__name__, "pass str(item) or a dict")
    raise UsageError(f"it holds {type(item).__name__}, which is not JSON: {advice}")


def _present(value: object) -> object:
    """None for what pandas counts as missing: NaN, NaT and NA; any other value as it is."""
    is_nan = isinstance(value, float) and value != value
    return None if is_nan or type(value).__name__ in ("NaTType", "NAType") else value
