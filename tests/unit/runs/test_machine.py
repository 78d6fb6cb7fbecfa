"""Whose CPU time a run took, from samples; and that this machine's can be read."""

import itertools
import math
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support import tables as frames

from lambdist_lib.errors import UsageError
from lambdist_lib.measures import machine as measures_machine
from lambdist_lib.runs import executor, machine, schedule
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.environments import Environments

BUSY = "import time\nend = time.monotonic() + 0.6\nwhile time.monotonic() < end: pass"


def samples(*rows):
    names = ("monotonic_s", "client_s", "cloud_s", "busy_s")
    return [machine.Sample(at=0.0, **dict(zip(names, row, strict=True))) for row in rows]


def test_an_account_ends_with_the_last_stored_datapoint():
    """What came after it, polls and collecting, does not count."""
    taken = samples((0, 1, 10, 100), (0.5, 1.1, 10.3, 101), (1.0, 1.2, 10.8, 102), (9.0, 5.0, 20, 118))

    facts = machine.account(taken, 0.9, cores=2)

    assert (facts["client_cpu_s"], facts["cloud_cpu_s"]) == (0.2, 0.8)
    assert facts["machine_share"] == pytest.approx(0.5)
    assert facts["others_share"] == pytest.approx(0.5)


def test_without_a_stored_datapoint_nothing_is_accounted():
    """Nor in a time that the kernel's ticks do not resolve."""
    nothing = {"client_cpu_s": None, "cloud_cpu_s": None, "machine_share": None, "others_share": None}

    assert machine.account(samples((0, 0, 0, 0), (1, 1, 1, 1)), None, 2) == nothing
    assert machine.account(samples((0, 0, 0, 0)), 1.0, 2) == nothing
    assert machine.account(samples((0, 0, 0, 0), (0.01, 0, 0, 0)), 0.01, 2) == nothing


def test_workers_that_ended_never_make_a_share_negative():
    """A process that ends takes its time with it."""
    assert machine.account(samples((0, 0, 9, 0), (1, 0, 8, 1)), 1.0, 2)["cloud_cpu_s"] == 0


@pytest.mark.parametrize(("quota", "cores"), [("50000 100000", 0.5), ("max 100000", None), ("", None)])
def test_a_limited_container_has_the_cores_of_its_quota(tmp_path, quota, cores):
    """A file that is missing or says `max` is no limit."""
    if quota:
        (tmp_path / "cpu.max").write_text(quota)

    assert machine.cores(tmp_path) == (cores or len(os.sched_getaffinity(0)))


def test_the_cpu_time_of_this_process_is_seen():
    """As the client's; that of a program that nobody started for the run as the others'."""
    meter = machine.Meter(None)
    exec(BUSY)
    meter.sample(now=True)

    facts = meter.facts(0.3)
    assert facts["client_cpu_s"] > 0.05
    assert facts["cloud_cpu_s"] == 0


def test_the_cpu_time_of_an_ended_child_counts_for_its_tree():
    """Workers of the emulator come and go during a run."""
    before = machine._tree_s(os.getpid())
    subprocess.run([sys.executable, "-c", BUSY], check=True)

    assert machine._tree_s(os.getpid()) - before > 0.05


def test_a_short_run_is_sampled_more_often(monkeypatch):
    """The sample after its last datapoint is not a second too late; a long run has two samples a second."""
    now = SimpleNamespace(s=0.0)
    monkeypatch.setattr(machine.time, "monotonic", lambda: now.s)
    meter = machine.Meter(None)
    for step in range(1, 100):
        now.s = step / 20
        meter.sample()

    taken = [sample.monotonic_s for sample in meter._samples]
    gaps = [late - early for early, late in itertools.pairwise(taken)]
    assert max(gap for gap, at in zip(gaps, taken, strict=False) if at < 1.5) < 0.26
    assert min(gap for gap, at in zip(gaps, taken, strict=False) if at > 2) >= 0.49


# -- what the shares say of a comparison


def shared(arm_share, control_share, cpu=(1.4, 0.8), ratio=0.55, **columns):
    runs = frames.runs(6, control_s=1.0, arm_s=1 / ratio, spread=0.001, **columns)
    is_arm = runs["arm"] == "distributed"
    return runs.assign(
        machine_share=is_arm.map({True: arm_share, False: control_share}),
        client_cpu_s=0.0,
        cloud_cpu_s=is_arm.map({True: cpu[0], False: cpu[1]}),
        others_share=0.05,
    )


@pytest.mark.parametrize(
    ("runs", "bound"),
    [
        (shared(0.75, 0.75), True),  # both arms keep the cores busy
        (shared(0.75, 0.5), True),  # one less, but the ratio is that of the CPU seconds
        (shared(0.26, 0.14, ratio=1.03), False),  # idle cores
        (shared(0.75, 0.45, ratio=1.5), False),  # a ratio of its own
        (shared(0.2, 0.2), False),  # a like ratio on idle cores is a coincidence
    ],
)
def test_the_machine_bound_both_arms(runs, bound):
    """By their shares, or by the ratio of their CPU seconds."""
    found = measures_machine.bound(runs)

    assert found.bound is bound
    assert found.cpu_ratio == pytest.approx(0.8 / 1.4)


def test_results_without_shares_claim_nothing():
    """They were recorded before."""
    found = measures_machine.bound(frames.runs(6))

    assert not found.bound
    assert math.isnan(found.arm_share)
    assert measures_machine.warnings(frames.runs(6)) == []


def test_each_doubt_is_a_sentence():
    """Other programs, an offset, a moved clock, incomplete logs."""
    runs = frames.runs(2).assign(others_share=[0.7, 0.1, 0.1, 0.1], clock_offset_s=[0, 2.0, 0, 0],
                                 clock_bound_s=0.004, clock_moved_s=[0, 0, -1.5, 0],
                                 missing_invocations=[0, 0, 1, 7])  # fmt: skip

    disturbed, offset, moved, cut = measures_machine.warnings(runs)

    assert "70 %" in disturbed and "run-1-single-node" in disturbed
    assert "2 s behind" in offset and "run-1-distributed" in offset
    assert "1.5 s" in moved
    assert "lack 7" in cut


def test_lines_that_a_declared_crash_left_out_make_no_table_incomplete():
    """Such a run is metered by its receives."""
    assert measures_machine.warnings(frames.runs(1).assign(missing_invocations=3, fault="crash:0.1")) == []


# -- repeating


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """`executed(0.7, 0.1)`: run one turn whose attempts find such shares of others; row and folders."""
    monkeypatch.delenv(executor.MAX_REPEATS_VARIABLE)

    def execute(*shares, temperature="warm"):
        left = iter(shares)

        def execute_in(self, folder, scheduled, progress, **facts):
            folder.mkdir(parents=True)
            (folder / "run.json").write_text("{}")
            return {"run_id": folder.name, "others_share": next(left)}

        monkeypatch.setattr(executor.Executor, "_execute_in", execute_in)
        runner = executor.Executor(
            folder=tmp_path, environments=Environments(experiment_id="x", target=None, points=None)
        )
        [[turn]] = schedule.pairs(["distributed"], Conditions(), max_pairs=1, seed=0)
        if temperature != "warm":
            turn = replace(turn, temperature=temperature)
        progress = SimpleNamespace(show=lambda text: None)
        row = runner.execute_run(turn, progress)
        return row, sorted(path.name for path in (tmp_path / "disturbed").glob("*"))

    return execute


def test_a_quiet_run_is_not_repeated(executed):
    assert executed(0.1) == ({"run_id": "x-warm-d1", "others_share": 0.1}, [])


def test_a_disturbed_run_is_repeated_and_kept_aside(executed):
    """Its time is not looked at; its folder is not lost."""
    row, aside = executed(0.7, 0.1)

    assert (row["run_id"], row["others_share"]) == ("x-warm-d1x1", 0.1)
    assert aside == ["x-warm-d1"]


def test_a_run_that_stays_disturbed_is_kept_after_two_repeats(executed):
    """Its others_share marks it."""
    row, aside = executed(0.7, 0.8, 0.9)

    assert (row["run_id"], row["others_share"]) == ("x-warm-d1x2", 0.9)
    assert aside == ["x-warm-d1", "x-warm-d1x1"]


def test_the_environment_limits_the_repeats(executed, monkeypatch):
    """On a machine that is always busy, 0 has every run executed once."""
    monkeypatch.setenv(executor.MAX_REPEATS_VARIABLE, "0")
    assert executed(0.9) == ({"run_id": "x-warm-d1", "others_share": 0.9}, [])


@pytest.mark.parametrize("text", ["-1", "two", "1.5", "٢"])
def test_an_invalid_number_of_repeats_is_refused_before_the_run(executed, monkeypatch, text):
    """The error names the variable."""
    monkeypatch.setenv(executor.MAX_REPEATS_VARIABLE, text)
    with pytest.raises(UsageError, match=executor.MAX_REPEATS_VARIABLE):
        executed()


def test_a_run_without_a_declared_temperature_is_no_timing(executed):
    """It is not repeated for the machine's sake."""
    assert executed(0.9, temperature="as found")[1] == []
