"""The run that a figure of one run shows."""

from support import tables as frames

from lambdist_lib.figures.inputs import FigureInputs, select_run


def test_the_first_warm_distributed_run_is_shown():
    runs = frames.runs(3, cold_pairs=1)
    warm = runs[(runs["arm"] == "distributed") & (runs["temperature"] == "warm")]

    assert select_run(runs) == warm.sort_values("started_at")["run_id"].iloc[0]


def test_the_nearest_run_is_shown_where_none_is_warm_and_distributed():
    """Cold before another arm; without runs the name is empty."""
    cold = frames.runs(0, cold_pairs=2)
    single = frames.runs(2)[lambda runs: runs["arm"] == "single_node"]

    assert select_run(cold) == cold.loc[cold["arm"] == "distributed", "run_id"].iloc[0]
    assert select_run(single) == single.sort_values("started_at")["run_id"].iloc[0]
    assert select_run(cold.iloc[:0]) == ""


def test_of_a_sweep_the_last_run_at_the_highest_level_is_shown():
    runs = frames.sweep(lambda n, size: 2 + 20 / n, levels=(1, 5, 20), sizes=(40,), repetitions=2)
    highest = runs[runs["chunks"] == 20].sort_values("pair")

    assert select_run(runs, factor="chunks") == highest["run_id"].iloc[-1]


def test_inputs_know_what_was_varied():
    empty = frames.records(0)
    sweep = frames.sweep(lambda n, size: 2 + 20 / n, levels=(1, 5), sizes=(40,), repetitions=1)
    both = FigureInputs(
        runs=sweep, records=empty, invocations=empty, costs=frames.records, target_label="local cloud"
    )

    assert both.factor == "chunks"
    assert not both.has_cold_and_warm_levels
