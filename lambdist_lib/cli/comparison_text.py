"""Lay out a comparison for a terminal: the verdict, a row per arm and temperature, what differs."""

from lambdist_lib.cli.screen import Blocks
from lambdist_lib.comparison import RUNS_NEEDED, Comparison, Effect
from lambdist_lib.errors import NotComparableError
from lambdist_lib.formatting import compared, count, label, number, percent
from lambdist_lib.measures.pairs import EVENTS
from lambdist_lib.measures.speedup import FASTER, NO_INTERVAL, SLOWER
from lambdist_lib.report.table_model import marked, plain


def require_intervals(result: Comparison) -> None:
    """Raise NotComparableError where no effect has an interval: no tolerance could ever fail."""
    if _has_no_interval(result):
        raise NotComparableError(
            f"{result.first} and {result.second} have too few runs for an interval, so --tolerance could "
            f"never fail: measure {RUNS_NEEDED} runs of each side"
        )


def _has_no_interval(result: Comparison) -> bool:
    return all(effect.verdict == NO_INTERVAL for effect in result.effects)


def as_blocks(result: Comparison, tolerance: float = 0.0) -> Blocks:
    """Return the verdict as a sentence, the table of effects, and the circumstances."""
    first, second = result.first, result.second
    columns = ("arm", "runs", f"{second} is", f"{first}, s", f"{second}, s", "n")
    caption = f"Median times {EVENTS[result.metric]}, {second} against {first}"
    table = plain("effects", "speedup", caption, columns, [_cells(effect) for effect in result.effects])
    return [
        verdict(result, tolerance),
        marked(table, *columns[1:3], numeric=False),
        *_circumstances(result),
    ]


def verdict(result: Comparison, tolerance: float = 0.0) -> str:
    """Return in one sentence whether the second is slower or faster beyond doubt, and where."""
    first, second = result.first, result.second
    clear = {
        name: "; ".join(
            f"{label(effect.arm)}, {effect.temperature}: {_in_words(effect)}"
            for effect in result.effects
            if effect.verdict == name
        )
        for name in (SLOWER, FASTER)
    }
    verdicts = [name for name, effects in clear.items() if effects]
    if not verdicts:
        if _has_no_interval(result):
            return (
                f"Verdict: no interval, it needs {RUNS_NEEDED} runs of each side; the table has the medians."
            )
        return f"Verdict: no difference shown between {first} and {second}."
    within = bool(clear[SLOWER]) and not result.regressed(tolerance)
    end = f"; that is within the tolerance of {percent(tolerance)}" if within else ""
    effects = "; ".join(filter(None, clear.values()))
    return f"Verdict: {second} is {' and '.join(verdicts)} than {first} ({effects}){end}."


def _in_words(effect: Effect) -> str:
    """Return how the second compares, such as `1.5 times slower (1.3 to 1.7)`."""
    return compared(1 / effect.ratio, 1 / effect.high, 1 / effect.low)


def _cells(effect: Effect) -> tuple[str, ...]:
    runs = f"{count(effect.first_runs)} and {count(effect.second_runs)}"
    seconds = (number(effect.first_s), number(effect.second_s))
    return (label(effect.arm), effect.temperature, _in_words(effect), *seconds, runs)


def _circumstances(result: Comparison) -> list[str]:
    """Return what differs between the two, and what makes them hard to compare, a line each."""
    differences = [f"{name} {before} to {after}" for name, (before, after) in result.changed.items()]
    return [
        f"measured on: {result.target}",
        f"what differs: {'; '.join(differences) or 'nothing that was recorded'}",
        *([f"note: {result.note}"] if result.note else []),
        f"intervals in parentheses: {result.confidence * 100:g} % for all of them together",
    ]
