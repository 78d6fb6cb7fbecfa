"""Aggregate runs by the level of a varied factor."""

import math

import pytest
from support import tables as frames

from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.measures import sweep


def overhead(n, s):
    """Seconds with `n` senders of a file of `s` datapoints: a fixed part and a share of the work."""
    return 1.5 + 0.03 * s / n


def test_by_level_has_median_interval_and_throughput():
    """Seven repetitions each: the interval is theirs, not of datapoints."""
    points = sweep.by_level(frames.sweep(overhead))

    assert points["level"].tolist() == [1, 2, 5, 10, 20, 50, 100]
    assert (points["low_s"] <= points["median_s"]).all()
    assert (points["median_s"] <= points["high_s"]).all()
    assert points["per_second"].to_numpy() == pytest.approx(1000 / points["median_s"], rel=1e-9)
    assert set(points["runs"]) == {7}
    assert set(points["note"]) == {""}


def test_by_level_has_no_interval_for_few_repetitions():
    """Fewer than six runs have a median and a note."""
    points = sweep.by_level(frames.sweep(overhead, repetitions=2))

    assert points["low_s"].isna().all()
    assert points["median_s"].notna().all()
    assert set(points["note"]) == {"no interval: n = 2, 6 needed"}


def test_by_level_converts_work_to_seconds():
    """Levels of work are seconds, of one kind."""
    runs = frames.sweep(lambda n, s: 1 + 10 * n, (0.01, 0.02, 0.05), factor="work")

    assert sweep.by_level(runs, factor="work")["level"].tolist() == [0.01, 0.02, 0.05]
    runs.loc[0, "work"] = "cpu:10ms"
    with pytest.raises(RunError, match="work of kinds cpu, io does not make a sweep"):
        sweep.by_level(runs, factor="work")


def test_by_level_refuses_a_second_factor():
    """Only one condition may vary."""
    runs = frames.sweep(overhead)
    runs.loc[0, "memory_mb"] = 1024

    with pytest.raises(RunError, match=r"memory_mb was varied besides chunks \(1024, 512\)"):
        sweep.by_level(runs)


def test_by_level_refuses_an_unknown_factor():
    """The error lists the factors."""
    with pytest.raises(UsageError, match=r"'fault' is not a factor of a sweep: use one of chunks, "):
        sweep.by_level(frames.sweep(overhead), factor="fault")


def test_by_level_leaves_out_resumed_runs():
    """The time of a resumed run is not comparable."""
    runs = frames.sweep(overhead)
    runs.loc[0, "resumed"] = True

    assert sweep.by_level(runs)["runs"].tolist() == [6, 7, 7, 7, 7, 7, 7]


@pytest.mark.parametrize("makespan_s", [0.0, math.nan])
def test_by_level_refuses_a_run_without_a_time(makespan_s):
    """As where nothing was stored."""
    runs = frames.sweep(overhead)
    runs.loc[3, "makespan_s"] = makespan_s

    with pytest.raises(RunError, match="sweep-1000-1-4: makespan_s is missing or not positive"):
        sweep.by_level(runs)
