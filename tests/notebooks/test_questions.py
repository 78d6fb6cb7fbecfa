"""The notebooks of one question each, run headless with the smallest parameters."""

import pytest
from support.executed import code_cells, given, has_finding, outputs, plain, read, require_clean

from lambdist_lib import paths
from lambdist_lib.results import tables

BY_SENDERS = ["arm", "temperature", "chunks"]
SMALLEST = {  # parameters, phases, figures by file, what was varied in which runs
    "cold_starts": (
        {"levels": "1 2", "repetitions": 1},
        ["deploy", "sweep over chunks", "destroy"],
        {"cold_shares.png", "cold_starts.png", "handlers.png", "latency.png", "environments.png"},
        BY_SENDERS,
        {("distributed", "cold", 1), ("distributed", "warm", 1), ("distributed", "cold", 2),
         ("distributed", "warm", 2), ("single_node", "cold", 1), ("single_node", "warm", 1)},
    ),
    "dead_letters": (  # other draws in each run, so that other datapoints die
        {"fault_plans": "raise:0.5", "batches": "1 2", "plans_without_partial_responses": "raise:0.3",
         "repetitions": 1},
        ["deploy", "matrix", "destroy"],
        {"dead_letters.png", "theory.png", "receives.png"},
        ["fault", "queue_batch", "partial_responses"],
        {("raise:0.5,seed:0", 1, True), ("raise:0.5,seed:1", 2, True), ("raise:0.3,seed:2", 2, False)},
    ),
    "plan": (  # ten datapoints are too few to calibrate from, so no run is held out
        {"calibration_repetitions": 3, "sizes": "1e2 1e6 1e9"},
        ["deploy", "warm pairs", "destroy"],
        {"front.png", "over_time.png", "over_time_largest.png", "sizes.png", "validation.png"},
        BY_SENDERS,
        {("distributed", "warm", 10)}  # no more senders than datapoints,
    ),
    "speedup": (
        {"levels": "1 2 3", "repetitions": 1, "work": "none"},
        ["deploy", "sweep over chunks", "destroy"],
        {"speedup_by_level.png", "scaling.png", "residuals.png", "concurrency.png"},
        BY_SENDERS,
        {("distributed", "warm", 1), ("distributed", "warm", 2), ("distributed", "warm", 3),
         ("single_node", "warm", 1)},
    ),
    "which_fan_out": (
        {"arms": "distributed invoke", "chunks": 4, "pairs": 1, "work": "none", "fault": "raise:0.3"},
        ["deploy", "cold runs", "warm pairs", "deploy", "warm pairs", "destroy"],
        {"outlook.png", "ways.png", "arm_map.png"},
        BY_SENDERS,
        {("distributed", "cold", 4), ("invoke", "cold", 4), ("distributed", "warm", 4),
         ("invoke", "warm", 4)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALLEST)
def test_a_notebook_runs_to_its_finding(run, tmp_path, ten_words, name):
    """papermill in the checkout ends with status 0: figures beside the runs, the finding in the summary."""
    parameters, phases, figures, varied, ran = SMALLEST[name]
    out, results = tmp_path / "out.ipynb", paths.results() / f"smallest-{name.replace('_', '-')}"
    chosen = given(experiment_id=results.name, data=ten_words, **parameters)

    done = run("papermill", f"notebooks/{name}.ipynb", out, *chosen)

    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    require_clean(read(out), phases=phases, figures=len(figures))
    assert {path.name for path in results.glob("*.png")} == figures
    runs = tables.load(results, "runs")
    assert set(runs[varied].itertuples(index=False, name=None)) == ran
    assert (runs["stored"] + runs["dead"] == 10).all()
    assert has_finding(plain(outputs(read(out))[0]), results)


@pytest.mark.parametrize("path", sorted(paths.notebooks().glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_notebook_checks_its_parameters_first(path):
    """papermill accepts any parameter, so the first cell after the parameters checks them."""
    _, second, *_ = code_cells(read(path))

    assert "finding = session.begin(globals())" in second["source"]
