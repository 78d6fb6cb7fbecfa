"""Load limits and prices as one table; a user's TOML file replaces any of them.

    table = load("my-limits.toml")     # for example account_concurrency = 5000
    table["account_concurrency"].value

The file has lines `name = value`, or tables `[name]` with `value` and optional `low`, `high`, `source` and
`as_of`. Its numbers have the provenance "given".
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lambdist_lib.cloud.limits import FACTS, GIVEN, LIMITS, Number, number
from lambdist_lib.costs.prices import PRICES
from lambdist_lib.errors import UsageError
from lambdist_lib.formatting import closest

Table = Mapping[str, Number]


def load(path: str | Path | None = None) -> dict[str, Number]:
    """Load all limits and prices, replacing those that a file names.

    Returns:
        A Number by name, with unit and source.

    Raises:
        UsageError: The file is missing or invalid TOML, names an unknown number, or holds an invalid value.

    Example:
        >>> load()["queue_in_flight"].value
        120000
    """
    table = LIMITS | FACTS | PRICES
    for name, content in _read(Path(path)).items() if path else ():
        if name not in table:
            near = closest(name, table)
            hint = f"; did you mean {near}?" if near else f"; known: {', '.join(table)}"
            raise UsageError(f"{path} names an unknown limit or price {name}{hint}")
        table[name] = _given(name, content, table[name], Path(path or ""))
    return table


def rows(table: Table) -> list[dict[str, Any]]:
    """Return each number with its name, as JSON holds it."""
    return [{"name": name, **asdict(number)} for name, number in table.items()]


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"limits file {path} cannot be read: {error.strerror}; check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"limits file {path} is not valid TOML ({error}); write lines such as account_concurrency = 5000"
        ) from error


def _given(name: str, content: Any, default: Number, path: Path) -> Number:
    fields = content if isinstance(content, dict) else {"value": content}
    if unknown := set(fields) - {"value", "low", "high", "source", "as_of"}:
        raise UsageError(
            f"{path}: {name} has unknown {', '.join(sorted(unknown))}; use value, low, high, source or as_of"
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
    may_be_zero = name.startswith(("price_", "free_", "process_", "p_"))
    if is_number and math.isfinite(value) and (value > 0 or (may_be_zero and value == 0)):
        return float(value)
    raise UsageError(f"{path}: {name} = {value!r}; write a number above 0, such as {name} = 5")
