"""Measure how many executions ran at once, and in how many environments.

A span is one execution of a processing Lambda (or of a single node): `begin_at` to `end_at`,
seconds since the epoch, half open, so one that ends when another begins does not overlap it.
The area under concurrency over time is the work done, in seconds.
"""

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
    tables = [_table_of(group) for _, group in spans.groupby("run_id", sort=False)]
    if not tables:
        return pd.DataFrame(
            {"run_id": [], "arm": [], "at_s": [], "running": [], "environments": []}, dtype=float
        )
    return pd.concat(tables, ignore_index=True)


def summary(spans: pd.DataFrame) -> pd.DataFrame:
    """Summarise the concurrency, one row per run.

    Columns: `run_id`, `arm`, `executions`, `environments`, `reuse` (executions per environment),
    `peak` and `mean` executions at once, `work_s` (their area), `span_s` (first begin to last end).
    """
    rows = []
    for run_id, group in spans.groupby("run_id", sort=False):
        span_s = group["end_at"].max() - group["begin_at"].min()
        total_work_s = (group["end_at"] - group["begin_at"]).sum()
        environments = group["environment_id"].nunique()
        rows.append(
            {
                "run_id": run_id,
                "arm": group["arm"].iloc[0],
                "executions": len(group),
                "environments": environments,
                "reuse": len(group) / environments if environments else float("nan"),
                "peak": _peak(group),
                "mean": total_work_s / span_s if span_s > 0 else float("nan"),
                "work_s": total_work_s,
                "span_s": span_s,
            }
        )
    names = ["run_id", "arm", "executions", "environments", "reuse", "peak", "mean", "work_s", "span_s"]
    return pd.DataFrame(rows, columns=names)


def _table_of(group: pd.DataFrame) -> pd.DataFrame:
    """Return `over_time` of one run."""
    at_s, running, environments = _steps(group)
    return pd.DataFrame(
        {
            "run_id": group["run_id"].iloc[0],
            "arm": group["arm"].iloc[0],
            "at_s": at_s,
            "running": running,
            "environments": environments,
        }
    )


def _peak(group: pd.DataFrame) -> int:
    """Return the most of one run's spans at once; a span that ends when another begins is not one of them."""
    begins, ends = group["begin_at"].to_numpy(float), group["end_at"].to_numpy(float)
    begins, ends = np.sort(begins - begins.min()), np.sort(ends - begins.min())
    return int((np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="right")).max())


def _steps(group: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the columns `at_s`, `running` and `environments` of one run, in order of time."""
    begins, ends = group["begin_at"].to_numpy(float), group["end_at"].to_numpy(float)
    environments, _ = pd.factorize(group["environment_id"])  # -1: not known
    in_order = np.argsort(begins, kind="stable")
    opened = np.zeros(len(begins) * 2, int)
    news = in_order[~pd.Series(environments[in_order]).duplicated().to_numpy()]
    opened[len(ends) + news] = environments[news] >= 0
    at_s = np.concatenate([ends, begins]) - begins.min()
    order = np.argsort(at_s, kind="stable")  # at equal times ends come first
    change = np.where(order < len(ends), -1, 1)
    at_s = at_s[order]
    last = np.append(at_s[1:] != at_s[:-1], True)
    return at_s[last], np.cumsum(change)[last], np.cumsum(opened[order])[last]


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
