"""Every argument of what runs, at its edges: refused before a deployment and a folder, or taken."""

import contextlib
import math
from types import SimpleNamespace

import numpy as np
import pytest
from support import tables as frames

from lambdist_lib import fanout
from lambdist_lib.cloud import locks, targets
from lambdist_lib.deployment import lifecycle, stacks
from lambdist_lib.errors import DataFileError, LambdistError, RunError, UsageError
from lambdist_lib.experiment import Experiment
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.executor import Executor

WHOLE = ["1", 1.5, True, None]  # values of another type than int
NUMBERS = ["1", True, None, math.nan, math.inf]  # and than float
WORDS = [5, None, True]
CONDITIONS = {  # values that are taken, values that are refused
    "chunks": ([1, 5, np.int64(2)], [0, -1, *WHOLE]),
    "processors": ([0, 2, 1000], [1, 1001, -1, *WHOLE]),
    "rate": ([0, 0.5, 1000], [-1, *NUMBERS]),
    "request_batch": ([1, 100], [0, 101, *WHOLE]),
    "queue_batch": ([1, 10], [0, 11, *WHOLE]),
    "partial_responses": ([True, False], [0, 1, "on", None]),
    "memory_mb": ([128, 10_240], [127, 10_241, *WHOLE]),
    "work": (["", "none", "io:20ms"], ["io", "io:20", *WORDS]),
    "fault": (["", "none", "raise:1", "crash:0.1"], ["raise", "raise:2", "memory:0.1", *WORDS]),
    "first_datapoints": ([0, 1, 100], [-1, *WHOLE]),
    "failing_datapoints": ([0, 1, 100], [-1, *WHOLE]),
    "retry_delay_s": ([0, 900], [-1, 901, *WHOLE]),
    "max_chars": ([1, 65_536], [0, 65_537, *WHOLE]),
    "pattern": (["", "[a-z]+"], ["[a", *WORDS]),
    "stop_if_dead": (["", "5%", "8"], ["9", "20", "x", "-1", "200%", *WORDS]),  # of nine datapoints
}
ARGUMENTS = {
    **CONDITIONS,
    "data": (["words.txt", ["a", "b"], ("a",)], ["", "no-file.txt", [], "a b"]),
    "target": (["local"], ["", "LOCAL", "azure", None, 5]),
    "seed": ([0, 1, 10**18 - 1], [-1, 10**18, *WHOLE]),
    "experiment_id": (["", "a", "a" * 28], ["a" * 29, "../a", "a/b", "A", " ", "ä"]),
    "arms": (
        [["distributed"], ("single_node", "distributed"), ["local_pool"], ["distributed", "invoke"]],
        [[], "distributed", ["nothing"], ["distributed", "distributed"], None, [5]],
    ),
    "processing": (["", "examples/factor"], ["no-folder"]),
    "keep_stacks": ([True, False], ["yes", 1, None]),
    "columns": ([()], ["url", ["url"]]),
    "format": (["", "lines"], ["xml"]),
}
PHASES = {  # a phase with each argument at an edge, beside possible ones
    "run_pairs": (
        {"pairs": 1, "target_precision": 0.1, "time_limit_s": 600.0},
        {
            "pairs": ([1, 2, np.int64(3)], [0, -1, *WHOLE]),
            "target_precision": ([0, 0.01, 0.99], [1, -0.1, *NUMBERS]),
            "time_limit_s": ([0, 0.5, 600], [-1, *NUMBERS]),
        },
    ),
    "run_sweep": (
        {"factor": "chunks", "levels": [1, 2], "repetitions": 1, "temperatures": ("warm",)},
        {
            "factor": (["chunks", "request_batch", "queue_batch"], ["", "chunk", "seed", "target", None]),
            "levels": (
                [[1], 2, [2, 1], (1, 5), range(1, 4), np.array([1, 2])],
                [[], "12", [0], [1, 1], ["a"], [1.5], [True], None],
            ),
            "repetitions": ([1, 2], [0, *WHOLE]),
            "temperatures": (
                [("warm",), ("cold",), ("cold", "warm")],
                [(), "warm", ("hot",), ("warm", "warm"), None],
            ),
        },
    ),
    "run_matrix": (
        {"cells": [{"fault": "raise:0.1"}], "repetitions": 1},
        {
            "cells": (
                [[{}], [{"queue_batch": 2}], [{"queue_batch": 1}, {"queue_batch": 10}]],
                [[], {}, "x", [5], [{"queue": 2}], [{"queue_batch": 11}], [{"fault": "memory:1"}], None],
            ),
            "repetitions": ([1, 2], [0, *WHOLE]),
        },
    ),
}


def rows(table, taken):
    return [(name, value) for name, edges in table.items() for value in edges[0 if taken else 1]]


def phase_rows(taken):
    return [
        (phase, {**possible, name: value})
        for phase, (possible, table) in PHASES.items()
        for name, value in rows(table, taken)
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Results go to a folder of their own; the local cloud is a label, and nothing can be deployed."""

    def deployed(*_, **__):
        raise AssertionError("deployed")

    local = SimpleNamespace(name="local", label="local cloud", cloud=None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("".join(f"word-{n}\n" for n in range(9)))
    monkeypatch.setattr(targets, "connect", lambda *_, **__: local)
    monkeypatch.setattr(locks, "stacks", lambda *_, **__: contextlib.nullcontext())
    for module in (lifecycle, stacks):
        monkeypatch.setattr(module, "deploy" if module is lifecycle else "apply_stacks", deployed)
    monkeypatch.setenv("LAMBDIST_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


@pytest.fixture
def experiment(folder, monkeypatch):
    """An experiment whose runs are rows of a table; `ran` has their names."""
    table = frames.runs(9).set_index("arm", drop=False)
    ran = []

    def execute_run(self, scheduled, progress, **facts):
        ran.append(scheduled.name)
        return {**table.loc[scheduled.arm].iloc[0].to_dict(), "run_id": scheduled.name, **facts}

    monkeypatch.setattr(Executor, "execute_run", execute_run)
    made = Experiment(data="words.txt", chunks=4)
    made.ran = ran
    return made


def test_every_condition_has_its_edges_in_the_table():
    assert set(CONDITIONS) == set(Conditions.__dataclass_fields__)


@pytest.mark.parametrize(("name", "value"), rows(ARGUMENTS, taken=True))
def test_a_possible_argument_is_taken(folder, name, value):
    process = {"process": str.upper} if isinstance(value, tuple) and name == "data" else {}
    experiment = Experiment(**{"data": "words.txt", "experiment_id": "a", name: value}, **process)

    assert (experiment.folder / "experiment.json").exists()


@pytest.mark.parametrize(("name", "value"), rows(ARGUMENTS, taken=False))
def test_an_impossible_argument_leaves_nothing(folder, name, value):
    """The message is one line, and no folder is left."""
    with pytest.raises((UsageError, DataFileError)) as refusal:
        Experiment(**{"data": "words.txt", "experiment_id": "a", name: value})

    assert len(str(refusal.value).splitlines()) == 1
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.parametrize(("name", "value"), rows(CONDITIONS, taken=False))
def test_a_refused_condition_is_named(folder, name, value):
    with pytest.raises(UsageError, match=name.removesuffix("_ms")):
        Experiment(data="words.txt", **{name: value})


@pytest.mark.parametrize(("phase", "arguments"), phase_rows(taken=True))
def test_a_possible_phase_runs(experiment, phase, arguments):
    getattr(experiment, phase)(**arguments)

    assert experiment.ran


@pytest.mark.parametrize(("phase", "arguments"), phase_rows(taken=False))
def test_an_impossible_phase_is_refused_before_its_first_run(experiment, phase, arguments):
    with pytest.raises(UsageError) as refusal:
        getattr(experiment, phase)(**arguments)

    assert len(str(refusal.value).splitlines()) == 1
    assert experiment.ran == []


@pytest.mark.parametrize(
    "wrong",
    [{"runs": 0}, {"runs": True}, {"budget_usd": -1}, {"budget_usd": "5"}, {"memory_mb": 256},
     {"max_receives": 0}, {"max_receive": 5}, {"processor_timeout_seconds": 900}],
)  # fmt: skip
def test_an_impossible_deploy_is_refused_before_anything_is_deployed(experiment, wrong):
    with pytest.raises(UsageError):
        experiment.deploy(**wrong)

    assert not (experiment.folder / "stacks.json").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"chunks": 0}, {"chunks": "5"}, {"errors": "ignore"}, {"experiment_id": "../x"}, {"function": None},
        {"items": [object()]}, {"items": "text"}, {"items": None}, {"settings": {"max_receive": 5}},
        {"settings": {"max_receives": 0}}, {"memory_mb": 64}, {"unknown": 5}, {"budget_usd": "5"},
    ],
)  # fmt: skip
def test_an_impossible_fan_out_leaves_nothing(folder, wrong):
    with pytest.raises(LambdistError) as refusal:
        fanout.fan_out(**{"function": str.upper, "items": ["a"], **wrong})

    assert isinstance(refusal.value, UsageError)
    assert not folder.exists() or list(folder.iterdir()) == []


def test_more_senders_than_datapoints_are_reported_and_reduced(folder, capsys):
    """Requests of several datapoints need still fewer senders; what can be busy stays."""
    senders = [
        Experiment(
            data="words.txt", chunks=chunks, request_batch=batch, experiment_id=f"a{k}"
        ).conditions.chunks
        for k, (chunks, batch) in enumerate([(5000, 1), (9, 1), (4, 5)])
    ]

    assert senders == [9, 9, 2]
    notes = capsys.readouterr().err.splitlines()
    assert [note.split(",")[0] for note in notes] == ["chunks is 5", "chunks is 4"]


def test_levels_beyond_the_datapoints_become_one(experiment, capsys):
    rows = experiment.run_sweep("chunks", [1, 20, 5, 100], 1)

    assert len(rows.query("arm == 'distributed'")) == 3
    assert "chunks of 20, 100: the file keeps at most 9 senders busy" in capsys.readouterr().err


def test_a_refused_id_keeps_the_data_of_the_experiment_that_is_there(folder):
    Experiment(data=["a"], experiment_id="mine", process=str.upper)
    before = (folder / "mine" / "items.jsonl").read_bytes()

    with pytest.raises(RunError):
        Experiment(data=["b"], experiment_id="mine", process=str.upper)

    assert (folder / "mine" / "items.jsonl").read_bytes() == before
