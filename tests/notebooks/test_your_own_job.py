"""The notebook for a user's own job, with both example jobs: packages in the zips, answers checked."""

import math
import re

import pytest
from support.executed import given, has_finding, outputs, plain, read, require_clean

from lambdist_lib import paths
from lambdist_lib.analysis import load_results
from lambdist_lib.deployment import dependencies
from lambdist_lib.errors import DeployError

JOBS = paths.root() / "examples"
PHASES = ["deploy", "warm pairs", "destroy"]
SMALLEST = {"pairs": 1, "chunks": 2}


@pytest.fixture
def packages():
    """Install the packages of the example that fetches, or skip without a package index."""
    try:
        return dependencies.installed(JOBS / "pages")
    except DeployError as error:
        if "is there a network" not in str(error):
            raise
        pytest.skip(f"no package index: {error}")


def run_job(run, tmp_path, name, **parameters):
    """Run the notebook; return its results and all its text."""
    out = tmp_path / "out.ipynb"
    chosen = given(experiment_id=name, **SMALLEST, **parameters)

    done = run("papermill", paths.notebooks() / "your_own_job.ipynb", out, *chosen)

    assert done.returncode == 0, done.stderr
    require_clean(read(out), phases=PHASES, figures=1)
    results = load_results(paths.results() / name)
    text = "\n".join(map(plain, outputs(read(out))))
    assert has_finding(text, results.folder)
    assert (results.folder / "speedup.png").exists()
    return list(results.outputs()), text


def test_a_job_that_computes_runs_to_its_answers(run, tmp_path):
    """The factors of each number multiply to it, and a plan for AWS stands beside the verdict."""
    data = tmp_path / "numbers.txt"
    data.write_text("15\n1001\n97\n")

    answers, text = run_job(run, tmp_path, "own-factor", data=data)

    assert [math.prod(answer["result"]) for answer in answers] == [15, 1001, 97]
    assert "AWS" in text


def test_a_job_that_fetches_runs_to_its_answers(run, tmp_path, packages):
    """Pages in S3 become offers, with the prices and stocks that the pages have."""
    data = tmp_path / "pages.txt"
    data.write_text("".join((paths.data() / "pages.txt").read_text().splitlines(keepends=True)[:3]))
    job = {"processing": "examples/pages", "data": data, "waits": True}

    answers, text = run_job(run, tmp_path, "own-pages", **job)

    assert "pages are in the local cloud's bucket lambdist-pages" in text
    html = "".join((paths.data() / "pages" / f"00{n}.html").read_text() for n in range(3))
    prices = sum(map(float, re.findall(r'itemprop="price">([\d.]+)<', html)))
    assert sum(answer["result"]["price_eur"] for answer in answers) == pytest.approx(prices)
    assert sum(answer["result"]["in_stock"] for answer in answers) == html.count(">in stock<")
