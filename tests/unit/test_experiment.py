"""How an experiment repeats its pairs, without a cloud: a run is a row of a made table."""

import contextlib
from types import SimpleNamespace

import pytest
from support import tables as frames

from lambdist_lib import experiment
from lambdist_lib.errors import DeployError, RunError, UnfinishedError, UsageError
from lambdist_lib.measures import sequential
from lambdist_lib.runs import executor, run
from lambdist_lib.runs.executor import Executor


@pytest.fixture
def work(monkeypatch, tmp_path):
    """An experiment whose runs are taken from a table with a spread of 3 %."""
    made = frames.runs(sequential.LOOKS[-1], spread=0.03).set_index(["arm", "pair"], drop=False)

    def take(self, turn, progress, looks=""):
        return {**made.loc[turn.arm, max(1, turn.round)].to_dict(), "run_id": turn.name, "looks": looks}

    monkeypatch.setenv("LAMBDIST_RESULTS", str(tmp_path))
    monkeypatch.setattr(
        experiment.targets, "connect", lambda *_, **__: SimpleNamespace(name="local", label="local cloud")
    )
    monkeypatch.setattr(run, "exclusive_use", lambda target: contextlib.nullcontext())
    work = experiment.begin(data="data/words.txt")
    monkeypatch.setattr(Executor, "take", take)
    return work


def test_each_pair_has_every_arm_once(work):
    rows = work.run_pairs(4)

    assert rows.groupby("pair")["arm"].apply(set).tolist() == [set(experiment.BOTH)] * 4
    assert set(rows["looks"]) == {""}


def test_pairs_are_repeated_until_a_planned_look_suffices(work, capsys):
    """The first look at 10 pairs is narrow enough for 20 %, and far from it for 0.1 %."""
    rows = work.run_pairs(1, until=0.2)

    assert rows["pair"].max() == 10
    assert set(rows["looks"]) == {"10 15 20 30 40"}
    assert "10 pairs done, half-width at most 20 % of the ratio" in capsys.readouterr().err


def test_they_end_with_the_last_look_at_the_latest(work, capsys):
    assert work.run_pairs(1, until=0.0001)["pair"].max() == 40
    assert "40 pairs done, 40 pairs, the most that were planned" in capsys.readouterr().err


def test_they_end_when_the_budget_is_spent(work, capsys):
    assert work.run_pairs(1, until=0.0001, budget_s=0.0)["pair"].max() == 1
    assert "the budget of 0 s is spent" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [{"pairs": 0}, {"pairs": 1, "until": -0.1}, {"pairs": 1, "until": 5}])
def test_wishes_that_are_none_are_refused_before_anything_runs(work, wrong):
    with pytest.raises(UsageError, match=r"write 1 or more pairs, and 0\.05 for until 5 %"):
        work.run_pairs(**wrong)
    assert work.runs.empty


def test_a_run_that_is_taken_again_stays_one_row(work):
    """A cell that is run again goes on where it stopped, so it meets what it has done already."""
    work.run_pairs(2)
    work.run_pairs(3)

    assert work.runs["run_id"].is_unique
    assert sorted(work.runs["pair"]) == [1, 1, 2, 2, 3, 3]


@pytest.fixture
def stop_at(monkeypatch):
    """`stop_at("warm-d2")`: the stop button of a notebook, pressed once in that run."""
    taken = Executor.take

    def make(name):
        def take(self, turn, progress, **facts):
            if turn.name == name and not pressed:
                pressed.append(name)
                raise KeyboardInterrupt
            return taken(self, turn, progress, **facts)

        pressed = []
        monkeypatch.setattr(Executor, "take", take)
        monkeypatch.setattr(executor, "in_notebook", lambda: True)

    return make


def test_a_stopped_cell_says_what_is_kept_and_how_to_go_on(work, stop_at):
    """What a notebook shows is that sentence, and no traceback."""
    stop_at("warm-d2")

    with pytest.raises(KeyboardInterrupt) as stopped:
        work.run_pairs(3)

    [shown] = stopped.value._render_traceback_()
    assert "Stopped at pair 2 of 3, distributed; what was measured is kept. Run this cell again" in shown
    assert f"set experiment_id to {work.id!r}" in " ".join(shown.split())


def test_the_next_cell_explains_until_the_stopped_one_is_run_again(work, stop_at):
    """Also after another phase has ended: what is missing is still missing."""
    stop_at("cold-d0")
    with pytest.raises(KeyboardInterrupt):
        work.run_cold()
    work.run_pairs(1)

    for cell in (work.ledger, work.records):
        with pytest.raises(UnfinishedError, match="cold runs: stopped at distributed, with 2 runs whole"):
            cell()
    work.run_cold()

    with pytest.raises(RunError, match=r"has no records\.csv"):  # nothing else is wrong with these runs
        work.records()


def test_who_insists_goes_on_with_what_is_there(work, stop_at):
    stop_at("warm-d2")
    with pytest.raises(KeyboardInterrupt):
        work.run_pairs(3)

    with pytest.raises(RunError, match=r"has no records\.csv"):
        work.ledger(insist=True)


def test_nothing_is_deployed_without_being_asked_for(work, monkeypatch):
    """On AWS `deploy` is where a person hears what it costs."""
    monkeypatch.undo()
    monkeypatch.setattr(run, "exclusive_use", lambda target: contextlib.nullcontext())
    for phase in (work.run_cold, lambda: work.run_pairs(1), lambda: work.run_levels("chunks", [1], 1)):
        with pytest.raises(DeployError, match=r"not deployed yet; call deploy\(\) first"):
            phase()
