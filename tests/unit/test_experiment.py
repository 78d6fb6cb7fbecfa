"""An experiment repeats its pairs; without a cloud, a run is a row of a synthetic table."""

import contextlib
from types import SimpleNamespace

import pytest
from support import tables as frames

from lambdist_lib.cloud import locks, targets
from lambdist_lib.errors import DeployError, RunError, UnfinishedError, UsageError
from lambdist_lib.experiment import BOTH, Experiment
from lambdist_lib.measures.pairs import paired_ratios
from lambdist_lib.protocol.arms import arm_abbreviation
from lambdist_lib.runs import executor
from lambdist_lib.runs.executor import Executor


@pytest.fixture
def experiment(monkeypatch, tmp_path):
    """An experiment whose runs are rows of a table with a spread of 3 %."""
    table = frames.runs(42, spread=0.03).set_index(["arm", "pair"], drop=False)

    def execute_run(self, scheduled, progress, looks="", encoding="text"):
        row = table.loc[scheduled.arm, max(1, scheduled.round)].to_dict()
        return {**row, "run_id": scheduled.name, "looks": looks}

    local = SimpleNamespace(name="local", label="local cloud")
    monkeypatch.setattr(targets, "connect", lambda *_, **__: local)
    monkeypatch.setattr(locks, "stacks", lambda *_, **__: contextlib.nullcontext())
    experiment = Experiment(data="data/words.txt", results_dir=tmp_path)
    monkeypatch.setattr(Executor, "execute_run", execute_run)
    return experiment


def test_each_pair_has_every_arm_once(experiment):
    rows = experiment.run_pairs(4)

    assert rows.groupby("pair")["arm"].apply(set).tolist() == [set(BOTH)] * 4
    assert set(rows["looks"]) == {""}


def test_pairs_end_at_the_first_planned_look_that_suffices(experiment, capsys):
    """Six pairs with a spread of 3 % are precise to 20 %."""
    rows = experiment.run_pairs(target_precision=0.2)

    assert rows["pair"].max() == 6
    assert set(rows["looks"]) == {"6 8 10"}
    assert "6 pairs done, half-width at most 20 % of the ratio" in capsys.readouterr().err


def test_pairs_end_with_the_last_look_at_the_latest(experiment, capsys):
    assert experiment.run_pairs(12, target_precision=0.0001)["pair"].max() == 12
    assert "12 pairs done, the planned maximum" in capsys.readouterr().err


def test_the_default_is_at_most_ten_pairs_and_a_precision_of_ten_percent(experiment):
    assert experiment.run_pairs()["pair"].max() in (6, 8, 10)


def test_without_a_precision_the_number_of_pairs_is_fixed(experiment):
    rows = experiment.run_pairs(7, target_precision=0)

    assert rows["pair"].max() == 7
    assert set(rows["looks"]) == {""}


def test_pairs_end_when_the_time_limit_is_over(experiment, capsys):
    assert experiment.run_pairs(target_precision=0.0001, time_limit_s=0.0)["pair"].max() == 1
    assert "the time limit of 0 s is reached" in capsys.readouterr().err


def test_a_time_limit_ends_pairs_that_are_too_few_for_an_interval(experiment, capsys):
    """Three pairs have no look, and the limit holds nevertheless; exactly three are run where asked for."""
    assert experiment.run_pairs(3, time_limit_s=0.0)["pair"].max() == 1
    assert "the time limit of 0 s is reached" in capsys.readouterr().err
    assert experiment.run_pairs(3, time_limit_s=0.0, target_precision=0)["pair"].max() == 3


@pytest.mark.parametrize(
    "wrong", [{"pairs": 0}, {"pairs": 1, "target_precision": -0.1}, {"pairs": 1, "target_precision": 5}]
)
def test_invalid_pairs_and_precisions_are_refused_before_a_run(experiment, wrong):
    with pytest.raises(UsageError, match=rf"{list(wrong)[-1]} is .*; write a (whole )?number"):
        experiment.run_pairs(**wrong)
    assert experiment.runs.empty


def test_a_run_that_is_executed_again_stays_one_row(experiment):
    """A cell that is run again goes on where it stopped, so it meets what it has done already."""
    experiment.run_pairs(2)
    experiment.run_pairs(3)

    assert experiment.runs["run_id"].is_unique
    assert sorted(experiment.runs["pair"]) == [1, 1, 2, 2, 3, 3]


def test_results_have_the_runs_in_the_order_of_their_folders(experiment):
    """A summary is the same from memory and from the folder, whichever arm of a pair began."""
    experiment.run_pairs(11)

    names = [folder.name for folder in experiment.results.run_folders]

    assert names == sorted(experiment.runs["run_id"]) != experiment.runs["run_id"].tolist()


@pytest.fixture
def stop_at(monkeypatch):
    """`stop_at("warm-d2")`: the stop button of a notebook, pressed once in that run."""
    uninterrupted = Executor.execute_run

    def make(name):
        def execute_run(self, scheduled, progress, **facts):
            if scheduled.name == name and not pressed:
                pressed.append(name)
                raise KeyboardInterrupt
            return uninterrupted(self, scheduled, progress, **facts)

        pressed = []
        monkeypatch.setattr(Executor, "execute_run", execute_run)
        monkeypatch.setattr(executor, "in_notebook", lambda: True)

    return make


def test_a_stopped_cell_says_what_is_kept_and_how_to_go_on(experiment, stop_at):
    """What a notebook shows is that sentence, and no traceback."""
    stop_at("warm-d2")

    with pytest.raises(KeyboardInterrupt) as stopped:
        experiment.run_pairs(3)

    [shown] = stopped.value._render_traceback_()
    assert "Stopped at pair 2 of 3, distributed; what was measured is kept. Run this cell again" in shown
    assert f"set experiment_id to {experiment.id!r}" in " ".join(shown.split())


def test_the_next_cell_explains_until_the_stopped_one_is_run_again(experiment, stop_at):
    """Also after another phase has ended: what is missing is still missing."""
    stop_at("cold-d0")
    with pytest.raises(KeyboardInterrupt):
        experiment.run_cold()
    experiment.run_pairs(1)

    for cell in (experiment.ledger, lambda: experiment.results):
        with pytest.raises(UnfinishedError, match="cold runs: stopped at distributed, with 2 runs complete"):
            cell()
    experiment.run_cold()

    with pytest.raises(RunError, match=r"has no records\.csv"):  # nothing else is wrong with these runs
        experiment.results.records  # noqa: B018


@pytest.fixture
def resumed(monkeypatch):
    """`resumed("warm-d2")`: that run had been interrupted, and is resumed."""
    uninterrupted = Executor.execute_run

    def make(*names):
        def execute_run(self, scheduled, progress, **facts):
            row = uninterrupted(self, scheduled, progress, **facts)
            return {**row, "pair": scheduled.round, "resumed": scheduled.name in names}

        monkeypatch.setattr(Executor, "execute_run", execute_run)

    return make


def test_an_interrupted_pair_is_run_again_before_the_cell_ends(experiment, resumed):
    """One press of the stop button leaves as many complete pairs as were asked for."""
    resumed("warm-d2")

    experiment.run_pairs(6, target_precision=0)

    assert sorted(set(experiment.runs["pair"])) == [1, 2, 3, 4, 5, 6, 7]
    assert len(paired_ratios(experiment.runs)) == 6


def test_a_replacement_that_was_interrupted_is_replaced_too(experiment, resumed):
    resumed("warm-d2", "warm-d7", f"warm-{arm_abbreviation('single_node')}4")

    experiment.run_pairs(6, target_precision=0)

    assert len(paired_ratios(experiment.runs)) == 6
    assert experiment.runs["pair"].max() == 9


def test_planned_looks_count_complete_pairs(experiment, resumed):
    resumed("warm-d2")

    assert experiment.run_pairs(8, target_precision=0.0001)["pair"].max() == 9


def test_an_incomplete_ledger_may_be_allowed(experiment, stop_at):
    stop_at("warm-d2")
    with pytest.raises(KeyboardInterrupt):
        experiment.run_pairs(3)

    with pytest.raises(RunError, match=r"has no records\.csv"):
        experiment.ledger(allow_incomplete=True)


def test_nothing_is_deployed_without_being_asked_for(experiment, monkeypatch):
    """On AWS `deploy` is where a person hears what it costs."""
    monkeypatch.undo()
    monkeypatch.setattr(locks, "stacks", lambda *_, **__: contextlib.nullcontext())
    for phase in (
        experiment.run_cold,
        lambda: experiment.run_pairs(1),
        lambda: experiment.run_sweep("chunks", [1], 1),
    ):
        with pytest.raises(DeployError, match=r"not deployed: call deploy\(\) first"):
            phase()
