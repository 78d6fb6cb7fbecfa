"""Read a notebook's parameters from options as `papermill` reads its own: -p, -r, -f and -y."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lambdist_lib.errors import UsageError

CONSTANTS = {"True": True, "False": False, "None": None}
DATE = "tag:yaml.org,2002:timestamp"  # papermill reads dates as text


def typed(value: str) -> Any:
    """Return the value of `-p NAME VALUE`: True, False, None, an int, a float, else the text.

    >>> typed("1e3"), typed("no"), typed(""), typed("2026-11-29"), typed("[a")
    (1000.0, 'no', '', '2026-11-29', '[a')
    """
    if value in CONSTANTS:
        return CONSTANTS[value]
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            continue
    return value


def merge(
    *,
    files: Sequence[str] = (),
    texts: Sequence[str] = (),
    parameters: Sequence[Sequence[str]] = (),
    raw: Sequence[Sequence[str]] = (),
) -> dict[str, Any]:
    """Merge parameters by name; later kinds replace earlier ones, in papermill's order.

    Args:
        files, texts: YAML mappings, of -f and -y.
        parameters, raw: Pairs of -p, and of -r, whose values stay text.

    Raises:
        UsageError: A file cannot be read, or a YAML text is malformed or not a mapping.
    """
    merged: dict[str, Any] = {}
    for name in files:
        try:
            content = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise UsageError(f"cannot read the parameters file {name}: {reason}; name a YAML file") from None
        merged |= _mapping(content, f"-f {name}")
    for text in texts:
        merged |= _mapping(text, "-y")
    typed_values = {name: typed(value) for name, value in parameters}
    return merged | typed_values | {pair[0]: pair[1] for pair in raw}


def _mapping(text: str, option: str) -> dict[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML in which a date is text."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != DATE]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        content = yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise UsageError(f"{option} is malformed YAML ({_first_line(error)}); write name: value") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{option} is not a mapping: write name: value")
    return {str(name): value for name, value in content.items()}


def _first_line(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return f"line {mark.line + 1}: {problem}" if mark and problem else str(error).splitlines()[0]
