"""Format numbers, intervals, durations, money and names for people."""

import math
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

NONE = "-"
IN_SECONDS_BELOW = 120.0  # longer times in minutes, hours or days
UNITS = r"s|ms|min|h|days|%|USD|MB|KB|GB|times|pairs|runs|datapoints|senders|processors"
BEFORE_UNIT = re.compile(rf"(?<=\d) (?=(?:{UNITS})\b|%)")
IN_COUNT = re.compile(r"(?<=\bn) (?== \d)|(?<=\bn[ \u00a0]=) (?=\d)")
IN_INTERVAL = re.compile(r"(?<=\d) (?=to[ \u00a0][\d.])|(?<=\d[ \u00a0]to) (?=[\d.])")
SNAKE_CASE = re.compile(r"(?<![\w./-])[a-z]+(?:_[a-z]+)+(?![\w/]|\.\w)")
UNITS_OF_NAMES = ("_s", "_ms", "_mb", "_bytes")
COMMAND = re.compile(r"`[^`\n]+`")
GLUE = "\ue000"  # for a space at which no line may break: rich breaks at a no-break space, too
HARMLESS = "\n\t\u00a0\u200c\u200d"  # no-break space; the last two join characters, in emoji and in Persian


def label(name: str) -> str:
    """Return a name with spaces: `single node` for single_node."""
    return name.replace("_", " ")


def spaced(text: str) -> str:
    """Write the names of arms and settings in prose as figures and tables do: `single node`.

    A name with a unit, such as the assumption `network_s`, stays as it is.
    """
    return SNAKE_CASE.sub(lambda name: name[0] if name[0].endswith(UNITS_OF_NAMES) else label(name[0]), text)


def is_known(value: float | None) -> bool:
    """Return whether a value is a finite number."""
    return value is not None and math.isfinite(value)


def number(value: float | None) -> str:
    """Return a number with three significant digits, never as a power: `1,234`, `0.0000138`."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{Decimal(f'{value:.3g}'):f}"


def faster(ratio: float) -> str:
    """Return a ratio of times in words: `1.8 times slower` for 0.556."""
    return f"{number(ratio)} times faster" if ratio >= 1 else f"{number(1 / ratio)} times slower"


def compared(ratio: float | None, low: float | None, high: float | None) -> str:
    """Return a ratio of times and its interval in words; `-` for an unknown ratio."""
    if ratio is None or not math.isfinite(ratio):
        return NONE
    if low is None or high is None or not math.isfinite(low + high):
        return f"{faster(ratio)}, no interval"
    if low <= 1 <= high:
        return f"no clear difference ({faster(low)} to {faster(high)})"
    ends = (low, high) if low > 1 else (1 / high, 1 / low)
    return f"{faster(ratio)} ({between(*ends)})"


def count(value: float | None) -> str:
    """Return a whole number with thousands separators."""
    return f"{value:,.0f}" if is_known(value) else NONE


def counted(value: int, things: str) -> str:
    """Return a count with its noun: `1 run`, `10 runs`.

    Args:
        things: The noun in the plural, which ends in s.
    """
    return f"{value:,} {things.removesuffix('s') if value == 1 else things}"


def counted_were(value: int, things: str) -> str:
    """Return a count with its noun and verb: `1 run was`, `10 runs were`."""
    return f"{counted(value, things)} {'was' if value == 1 else 'were'}"


def level(value: float | str) -> str:
    """Return a level of a factor: a number, or declared work as it stands."""
    return value if isinstance(value, str) else number(value)


def percent(share: float | None) -> str:
    """Return a share between 0 and 1 as per cent with three significant digits."""
    return NONE if share is None or not math.isfinite(share) else f"{share * 100:.3g} %"


def between(low: float | None, high: float | None, as_text: Callable[[float | None], str] = number) -> str:
    """Return an interval with its unit once: `1.2 to 3.4 %`."""
    if not (is_known(low) and is_known(high)):
        return NONE
    first, last = as_text(low), as_text(high)
    return f"{first.removesuffix(' %')} to {last}"


def moment(at: float | None) -> str:
    """Return seconds since the epoch as a date and time in UTC."""
    if at is None or not math.isfinite(at):
        return NONE
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


UNITS_S = (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0))


def duration(seconds: float, *, rough: bool = False) -> str:
    """Return a duration in the largest unit of which it has at least two: `119.0 s`, `2.5 h`.

    Args:
        rough: Leave out tenths of seconds and minutes, for an estimate that changes while it is shown.
    """
    for unit, length_s in UNITS_S:
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:,.{0 if rough and unit == 'min' else 1}f} {unit}"
    return f"{seconds:.{0 if rough else 1}f} s"


def seconds(value_s: float) -> str:
    """Return seconds with three digits, and longer times as `duration` does."""
    return f"{number(value_s)} s" if value_s < IN_SECONDS_BELOW else duration(value_s)


def money(usd: float) -> str:
    """Return an amount in US dollars: with cents from 1 on, two significant digits below, never a power."""
    return f"{usd:,.2f}" if usd >= 1 or not math.isfinite(usd) else f"{Decimal(f'{usd:.2g}'):f}"


def escape_unprintable(text: str) -> str:
    """Escape unprintable characters: they could reverse a line or be invalid in HTML and XML."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in HARMLESS else ascii(character)[1:-1]
        for character in text
    )


def unbroken(text: str) -> str:
    """Keep each number and its unit on one line, both ends of an interval, and `n = 6`."""
    for gap in (BEFORE_UNIT, IN_INTERVAL, IN_COUNT):
        text = gap.sub("\u00a0", text)
    return text


def glued(text: str) -> str:
    """Put GLUE between the words of each command in backticks, and between a number and its unit."""
    text = unbroken(text).replace("\u00a0", GLUE)
    return COMMAND.sub(lambda command: command[0].replace(" ", GLUE), text)


def wrapped_to(width: int, line: str, *, indent: str = "  ") -> str:
    """Wrap a line between words, with commands, numbers with their units and long words whole."""
    lines = textwrap.wrap(
        glued(line), width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines).replace(GLUE, " ")


def joined(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: `a`, `a and b`, `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def shortened(text: str, max_chars: int) -> str:
    """Return a text of at most `max_chars` characters, the last of which shows that it was cut."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def closest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, or ""."""
    import difflib  # only where a word is wrong

    return next(iter(difflib.get_close_matches(word, list(known), n=1)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean WORD?)` for the known word that was probably meant, or ""."""
    near = closest(word, known)
    return f" (did you mean {near}?)" if near else ""
