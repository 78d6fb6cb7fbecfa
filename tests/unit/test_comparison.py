import json
import math

import numpy as np
import pandas as pd
import pytest
from support import tables as frames

from lambdist_lib import comparison
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.measures import intervals
from lambdist_lib.results import tables

FACTS = {
    "data": "data/words.txt", "sha256": "5f9fbbeedb92", "retry_delay_s": 0, "failing": 2, "max_chars": 1024,
    "pattern": "", "warm_up": "3 datapoints per sender", "python": "3.11.7", "seed": 0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMBDIST_RESULTS", str(tmp_path))
    return tmp_path


def write(folder, runs, **facts):
    """An experiment's folder as `experiment` leaves it; with `code`, a run's too."""
    folder.mkdir(exist_ok=True)
    code = facts.pop("code", None)
    (folder / "experiment.json").write_text(json.dumps({**FACTS, "experiment_id": folder.name, **facts}))
    tables.write_table(folder, "runs", runs)
    if code:
        run = folder / "runs" / "one"
        run.mkdir(parents=True)
        (run / "run.json").write_text(
            json.dumps({"run_id": "one", "arm": "distributed", "state": "collected", "code": code})
        )
    return folder


def both(results, *, second=None, **facts):
    first = write(results / "before", frames.runs(10))
    return first, write(results / "after", frames.runs(10, seed=3) if second is None else second, **facts)


def test_the_same_twice_shows_no_difference(results):
    found = comparison.compare(*both(results))

    assert [(one.arm, one.temperature, one.verdict) for one in found.effects] == [
        ("single_node", "warm", "no difference shown"),
        ("distributed", "warm", "no difference shown"),
    ]
    assert not found.regressed()
    assert found.exit_status() == 0


def test_a_slower_second_regressed(results):
    found = comparison.compare(*both(results, second=frames.runs(10, arm_s=2.4, seed=3)))

    slow = found.effects[1]
    assert (slow.verdict, found.regressed(), found.exit_status()) == ("slower", True, 1)
    assert 1.3 < slow.low < 1.5 < slow.high < 1.7
    assert not found.regressed(tolerance=0.6)
    assert slow.first_s == pytest.approx(1.6, rel=0.05)
    assert found.sentence().startswith(
        "local cloud: after against before, until stored (nothing changed): single node warm: no difference "
        "shown, "
    )
    assert "distributed warm is slower, 2." in found.sentence()
    assert "n = 10 and 10 runs)" in found.sentence()


def test_a_faster_second_is_faster(results):
    found = comparison.compare(*both(results, second=frames.runs(10, arm_s=0.8, seed=3)))

    assert found.effects[1].verdict == "faster"
    assert not found.regressed()


def test_the_interval_is_seeded(results):
    folders = both(results)

    assert comparison.compare(*folders) == comparison.compare(*folders)
    assert comparison.compare(*folders) != comparison.compare(*folders, seed=1)


def test_cold_runs_are_compared_with_cold_ones(results):
    """One of each has a ratio and no interval, and does not widen the others."""
    first = write(results / "before", frames.runs(10, cold_pairs=1))
    second = write(results / "after", frames.runs(10, cold_pairs=1, seed=3))

    cold = comparison.compare(first, second).effects[2:]

    assert [(one.temperature, one.first_runs, one.verdict) for one in cold] == [
        ("cold", 1, "no interval: n too small")
    ] * 2
    assert all(math.isnan(one.low) for one in cold)
    assert comparison.compare(first, second).rows()[2]["low"] is None


@pytest.mark.parametrize(
    ("columns", "facts", "said"),
    [
        ({"chunks": 40}, {}, "chunks 1, 20 against 40"),
        ({"target": "AWS eu-west-1"}, {}, "target local cloud against AWS eu-west-1"),
        ({"work": "io:20ms"}, {}, "work none against io:20ms"),
        ({}, {"sha256": "0123456789"}, "data words.txt 5f9fbbee against words.txt 01234567"),
        ({}, {"python": "3.12.1"}, "python 3.11 against 3.12"),
        ({}, {"retry_delay_s": 5}, "retry_delay_s 0 against 5"),
        ({}, {"pattern": "[a-z]+"}, r"pattern  against \[a-z\]\+"),
    ],
)
def test_what_differs_without_being_named_is_refused(results, columns, facts, said):
    """And allowed as soon as it is named."""
    folders = both(results, second=frames.runs(10, seed=3, **columns), **facts)

    with pytest.raises(RunError, match=f"differ in {said}") as refused:
        comparison.compare(*folders)

    factor = str(refused.value).rpartition(" ")[2]
    assert factor in comparison.compare(*folders, factor=factor).changed


def test_other_code_is_a_factor(results):
    first = write(results / "before", frames.runs(10), code={"processor": "processor-aa.zip"})
    second = write(results / "after", frames.runs(10, seed=3), code={"processor": "processor-bb.zip"})

    with pytest.raises(RunError, match="differ in code "):
        comparison.compare(first, second)
    assert "code" in comparison.compare(first, second, factor="code").changed


def test_a_named_factor_does_not_excuse_another(results):
    folders = both(results, second=frames.runs(10, chunks=40, memory_mb=1024))

    with pytest.raises(RunError, match=r"memory_mb 512 against 1024; .*--factor memory_mb,chunks"):
        comparison.compare(*folders, factor="chunks")
    assert set(comparison.compare(*folders, factor="chunks, memory_mb").changed) == {"chunks", "memory_mb"}


def test_seed_and_patch_version_are_no_conditions(results):
    assert comparison.compare(*both(results, seed=9, python="3.11.9")).changed == {}


def test_an_unknown_factor_or_time_is_refused(results):
    folders = both(results)

    with pytest.raises(UsageError, match=r"unknown factor 'chunk': did you mean chunks\? Known: target, "):
        comparison.compare(*folders, factor="chunk")
    with pytest.raises(UsageError, match="'duration' is not a time of a run: use one of makespan_s"):
        comparison.compare(*folders, metric="duration")


def test_a_sweep_is_no_side(results):
    sweep = frames.sweep(lambda n, s: 1 + s / n)
    folders = [write(results / name, sweep) for name in ("before", "after")]

    with pytest.raises(RunError, match="before: distributed ran with chunks 1, 2, 5"):
        comparison.compare(*folders)


def test_an_open_ledger_is_not_compared(results):
    runs = frames.runs(10)
    runs.loc[0, ["stored", "lost"]] = [128, 1]
    with pytest.raises(RunError, match="1 lost of 131"):
        comparison.compare(*both(results, second=runs))

    runs.loc[0, ["lost", "unsent"]] = [0, 1]
    with pytest.raises(RunError, match="left datapoints unsent"):
        comparison.compare(*both(results, second=runs))


def test_resumed_runs_are_no_timing(results):
    runs = frames.runs(10, seed=3)
    runs.loc[0, "resumed"] = True

    assert comparison.compare(*both(results, second=runs)).effects[0].second_runs == 9


def test_arms_of_one_side_are_said(results):
    second = frames.runs(10, seed=3)
    second = second[second["arm"] == "distributed"].assign(stored=130, dead=1)

    found = comparison.compare(*both(results, second=second))

    assert found.note == (
        "on one side only: single node warm; stored different numbers of datapoints: distributed"
    )


def test_nothing_in_common_is_refused(results):
    second = frames.runs(10, temperature="cold")

    with pytest.raises(RunError, match="before and after have no timed run of the same arm and temperature"):
        comparison.compare(*both(results, second=second))


def test_two_single_runs_have_a_ratio(results):
    """By id, as the command line names them."""
    row = frames.runs(1).iloc[1].to_dict()
    for name, makespan_s in (("run-a", 2.0), ("run-b", 3.0)):
        folder = results / "experiment" / "runs" / name
        folder.mkdir(parents=True)
        facts = {**FACTS, **row, "run_id": name, "makespan_s": makespan_s, "state": "collected", "code": {}}
        (folder / "run.json").write_text(json.dumps(facts, default=float))

    [found] = comparison.compare("run-a", "run-b").effects

    assert (found.ratio, found.verdict) == (1.5, "no interval: n too small")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("experiment.json", "{", "experiment.json is damaged"),
        ("experiment.json", "[]", "experiment.json is damaged"),
        ("runs.csv", "experiment_id,run_id\n1,2\n", "of another version"),
        ("runs.csv", '"never closed\n', "of another version"),
        ("runs.csv", "", "cannot be read"),
        ("runs.csv", None, "has no runs.csv"),
        ("runs.csv", "HEADER", "after has no run that has ended"),
    ],
)
def test_a_damaged_folder_is_refused(results, name, content, said):
    folders = both(results)
    path = folders[1] / name
    if content is None:
        path.unlink()
    else:
        path.write_text(path.read_text().split("\n")[0] + "\n" if content == "HEADER" else content)

    with pytest.raises(RunError, match=said):
        comparison.compare(*folders)


def test_no_such_folder(results):
    with pytest.raises(RunError, match="there is no run or experiment nowhere"):
        comparison.compare(both(results)[0], "nowhere")


@pytest.mark.parametrize("count", [6, 10])
def test_the_interval_covers(count, monkeypatch):
    """300 comparisons of runs whose true ratio is 1.5, at 95 %."""
    monkeypatch.setattr(intervals, "RESAMPLES", 999)
    rng = np.random.default_rng(20260710)
    covered = []
    for _ in range(300):
        first, second = rng.lognormal(0, 0.15, count), 1.5 * rng.lognormal(0, 0.15, count)
        low, high = intervals.median_ratio_interval(first, second, 0.95)
        covered.append(low <= 1.5 <= high)

    assert 0.92 < np.mean(covered) < 0.995


def test_rows_make_a_table(results):
    table = pd.DataFrame(comparison.compare(*both(results)).rows())

    assert {"arm", "temperature", "ratio", "low", "high", "first_s", "second_s", "verdict"} <= set(table)
