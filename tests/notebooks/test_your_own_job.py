"""The notebook of two jobs of one's own, at its smallest: real packages in the zips, real answers."""

import re

import pytest
from support.executed import given, outputs, plain, read, require_clean

from lambdist_lib import paths
from lambdist_lib.deployment import dependencies
from lambdist_lib.errors import DeployError

JOBS = paths.root() / "examples"
PHASES = ["deploy", "warm pairs", "deploy", "warm pairs", "destroy"]


@pytest.fixture
def packages():
    """What the second job needs of an index, here and in the uv cache."""
    try:
        return dependencies.installed(JOBS / "pages")
    except DeployError as error:
        if "is there a network" not in str(error):
            raise
        pytest.skip(f"no package index: {error}")


def test_both_jobs_run_to_their_answers(run, tmp_path, packages):
    """Factors that multiply to their numbers, offers out of pages in S3, and a verdict on each."""
    numbers, pages, out = tmp_path / "numbers.txt", tmp_path / "pages.txt", tmp_path / "out.ipynb"
    numbers.write_text("15\n1001\n97\n")
    pages.write_text("".join((paths.data() / "pages.txt").read_text().splitlines(keepends=True)[:3]))
    small = {"pairs": 1, "chunks": 2, "away": "none", "experiment_id": "own"}

    done = run(
        "papermill", paths.notebooks() / "your_own_job.ipynb", out, *given(data=numbers, pages=pages, **small)
    )

    assert done.returncode == 0, done.stderr
    require_clean(read(out), phases=PHASES, figures=2)
    found = [read(paths.results() / name / "summary.json")["finding"] for name in ("own", "own-pages")]
    shown = "\n".join(map(plain, outputs(read(out))))
    assert all(sentence in shown for sentence in found)
    assert "3 numbers, 0 of them wrong" in shown
    html = "".join((paths.data() / "pages" / f"00{n}.html").read_text() for n in range(3))
    eur, stock = sum(map(float, re.findall(r'itemprop="price">([\d.]+)<', html))), html.count(">in stock<")
    assert f"3 offers for {eur:,.2f} EUR, {stock} in stock" in shown
    assert all((paths.results() / name / "speedup.png").exists() for name in ("own", "own-pages"))
