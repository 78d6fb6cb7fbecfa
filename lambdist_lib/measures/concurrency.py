"""Measure how many executions ran at once, and in how many environments.

A span is one execution of a processing Lambda (or of a single node): `begin_at` to `end_at`,
seconds since the epoch, half open, so one that ends when another begins does not overlap it.
The area under concurrency over time is the work done, in seconds.
"""

import bisect
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.measures.intervals import as_numbers

COLUMNS = ["run_id", "arm", "environment_id", "begin_at", "end_at"]


def spans(records: pd.DataFrame) -> pd.DataFrame:
    """Return one row per stored datapoint, from the begin of its attempt to its write.

    Failed attempts are not included. Datapoints of one invocation are processed one after the other, so
    a batch of ten counts as one execution at a time.

    Raises:
        RunError: An execution ended before it began: a clock was set back.
    """
    begin_at, end_at = (as_numbers(records[name]) for name in ("started_at", "put_at"))
    table = records[["run_id", "arm", "environment_id"]].assign(begin_at=begin_at, end_at=end_at)
    return _checked(table)


def over_time(spans: pd.DataFrame) -> pd.DataFrame:
    """Return the concurrency over time, one row per begin and end of a span.

    A row holds from its `at_s` to the next row.

    Columns: `run_id`, `arm`, `at_s` (seconds since the run's first begin), `running` (executions at
    once), `environments` (that have run anything so far).
    """
    if spans.empty:
        return pd.DataFrame(
            {"run_id": [], "arm": [], "at_s": [], "running": [], "environments": []}, dtype=float
        )
    # as long as the table can be, so that the memory holds it once
    at_s, running, environments = (np.empty(2 * len(spans), kind) for kind in (float, int, int))
    firsts, lengths, row = [], [], 0
    for run in _by_run(spans):
        steps = _steps(run)
        firsts.append(run.rows[0])
        lengths.append(len(steps[0]))
        for column, values in zip((at_s, running, environments), steps, strict=True):
            column[row : row + len(values)] = values
        row += lengths[-1]
    columns: dict[str, Any] = {
        name: spans[name].array.take(np.array(firsts, int)).repeat(lengths) for name in ("run_id", "arm")
    }
    columns |= {"at_s": at_s[:row], "running": running[:row], "environments": environments[:row]}
    return pd.DataFrame(columns, copy=False)


def summary(spans: pd.DataFrame) -> pd.DataFrame:
    """Summarise the concurrency, one row per run.

    Columns: `run_id`, `arm`, `executions`, `environments`, `reuse` (executions per environment),
    `peak` and `mean` executions at once, `work_s` (their area), `span_s` (first begin to last end).
    """
    run_ids, arms, rows = spans["run_id"].array, spans["arm"].array, []
    for run in _by_run(spans):
        span_s = run.end_at.max() - run.begin_at.min()
        total_work_s = (run.end_at - run.begin_at).sum()
        environments = len(pd.unique(run.environments[run.environments >= 0]))
        executions = len(run.rows)
        rows.append(
            {
                "run_id": run_ids[run.rows[0]],
                "arm": arms[run.rows[0]],
                "executions": executions,
                "environments": environments,
                "reuse": executions / environments if environments else float("nan"),
                "peak": _peak(run),
                "mean": total_work_s / span_s if span_s > 0 else float("nan"),
                "work_s": total_work_s,
                "span_s": span_s,
            }
        )
    names = ["run_id", "arm", "executions", "environments", "reuse", "peak", "mean", "work_s", "span_s"]
    return pd.DataFrame(rows, columns=names)


class _Run(NamedTuple):
    """The spans of one run: their rows in the table, and environments as codes, -1 where not known."""

    rows: np.ndarray
    begin_at: np.ndarray
    end_at: np.ndarray
    environments: np.ndarray


def _by_run(spans: pd.DataFrame) -> Iterator[_Run]:
    """Yield the spans of each run, in the order of the runs."""
    begin_at, end_at = (spans[name].to_numpy(float) for name in ("begin_at", "end_at"))
    (runs, names), (environments, _) = (pd.factorize(spans[name]) for name in ("run_id", "environment_id"))
    in_order = np.argsort(runs, kind="stable")[(runs < 0).sum() :]
    ends = np.cumsum(np.bincount(runs[runs >= 0], minlength=len(names)))
    for rows in np.split(in_order, ends[:-1]) if len(names) else ():
        yield _Run(rows, begin_at[rows], end_at[rows], environments[rows])


def _peak(run: _Run) -> int:
    """Return the most spans at once; a span that ends when another begins is not one of them."""
    begins, ends = (np.sort(stamps - run.begin_at.min()) for stamps in (run.begin_at, run.end_at))
    n = len(begins)

    def is_too_many(number: int) -> bool:
        return not (ends[: n - number + 1] > begins[number - 1 :]).any()

    # in order of time: so many run at once where one begins before the end that is as many places before it
    return bisect.bisect_left(range(1, n + 1), True, key=is_too_many)


def _steps(run: _Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the columns `at_s`, `running` and `environments` of one run, in order of time."""
    in_order = np.argsort(run.begin_at, kind="stable")
    environments = run.environments[in_order]
    is_new = ~pd.Series(environments).duplicated().to_numpy() & (environments >= 0)
    stamps = np.concatenate([np.sort(run.end_at), run.begin_at[in_order]]) - run.begin_at.min()
    order = np.argsort(stamps, kind="stable")  # merges the two halves
    change = np.where(order < len(in_order), -1, 1)
    opened = np.concatenate([np.zeros(len(in_order), int), is_new])[order]
    at_s = stamps[order]
    last = np.append(at_s[1:] != at_s[:-1], True)
    return at_s[last], np.cumsum(change)[last], np.cumsum(opened)[last]


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    """Return spans with both ends, in COLUMNS; refuse those that end before they begin."""
    whole = table.dropna(subset=["begin_at", "end_at"]).reset_index(drop=True)
    is_backwards = whole["end_at"] < whole["begin_at"]
    if is_backwards.any():
        backwards = whole[is_backwards]
        raise RunError(
            f"run {', '.join(backwards['run_id'].unique())}: {len(backwards):,} executions end before they "
            "begin, so a clock was set back: synchronise this machine's clock and run again"
        )
    return whole[COLUMNS]
