"""The notebook with a reader's own function: the answers in order, then the same job measured."""

from support.executed import given, outputs, plain, read, require_clean

from lambdist_lib import paths
from lambdist_lib.analysis import load_results


def test_a_function_of_a_cell_runs_to_its_answers(run, tmp_path):
    """Run from notebooks/: fan_out and the experiment give the same answers, beside a plan for AWS."""
    out = tmp_path / "out.ipynb"
    smallest = given(experiment_id="from-a-cell", numbers=9, chunks=2, pairs=1)

    done = run("papermill", "from_a_cell.ipynb", out, *smallest, cwd=paths.notebooks())

    assert done.returncode == 0, done.stderr
    require_clean(read(out), phases=["walk", "deploy", "warm pairs", "destroy"], figures=1)
    shown = outputs(read(out))
    assert not any("error" in output["output_type"] for output in shown)
    [table] = [text for text in map(plain, shown) if "highest" in text and "number" in text]
    assert table.splitlines()[2].split() == ["9", "19", "52"]
    frame = load_results("from-a-cell").frame()
    assert list(frame["data"]) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert list(frame["steps"]) == [0, 1, 7, 2, 5, 8, 16, 3, 19]
    assert "AWS, predicted" in "\n".join(map(plain, shown))
