"""Limits and prices as one table, with a user's own values in place of ours."""

import difflib
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambdist_lib.cloud.limits import GIVEN, LIMITS, Number, number
from lambdist_lib.costs.prices import PRICES
from lambdist_lib.errors import UsageError

Table = Mapping[str, Number]


def load(path: str | Path | None = None) -> dict[str, Number]:
    """All limits and prices, those that a file names replaced.

    Raises:
        UsageError: The file is missing or no TOML, names what does not exist, or has no usable value.

    Example:
        >>> load()["queue_in_flight"].value
        120000
    """
    table = LIMITS | PRICES
    for name, content in _read(Path(path)).items() if path else ():
        if name not in table:
            close = difflib.get_close_matches(name, table, 1)
            hint = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(table)}"
            raise UsageError(f"{path} names {name}, which is no limit or price{hint}")
        table[name] = _given(name, content, table[name], Path(path or ""))
    return table


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the limits file {path} cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the limits file {path} is no TOML ({error}); write lines such as account_concurrency = 5000"
        ) from error


def _given(name: str, content: Any, default: Number, path: Path) -> Number:
    fields = content if isinstance(content, dict) else {"value": content}
    if unknown := set(fields) - {"value", "low", "high", "source", "as_of"}:
        raise UsageError(
            f"{path}: {name} has {', '.join(sorted(unknown))}; it takes value, low, high, source and as_of"
        )
    value = _finite(name, fields.get("value"), path)
    low, high = (_finite(name, fields.get(end, value), path) for end in ("low", "high"))
    if not low <= value <= high:
        raise UsageError(
            f"{path}: {name} is {value:g}, which is not between its low {low:g} and high {high:g}"
        )
    source, as_of = str(fields.get("source", path.name)), str(fields.get("as_of", "undated"))
    return number(value, default.unit, source, as_of, GIVEN, (low, high))


def _finite(name: str, value: Any, path: Path) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    free = name.startswith(("price_", "free_", "process_", "p_fail"))  # what may as well be nothing
    if is_number and math.isfinite(value) and (value > 0 or (free and value == 0)):
        return float(value)
    raise UsageError(f"{path}: {name} = {value!r}; write a number above 0, such as {name} = 5")
