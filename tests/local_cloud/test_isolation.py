"""One bad datapoint harms only itself, and the folder of a job is there, on the local cloud."""

from pathlib import Path

import pytest
from support import faulty, harmful

from lambdist_lib.runs import local_pool_worker, preview

POINTS = 20
PROCESSING = """
import os
from pathlib import Path
import harmful

TABLE = (Path(__file__).parent / "tables" / "a.csv").read_text()
KINDS = {3: "exit", 7: "rude", 11: "deep", 15: "merged"}

def process(data):
    n = int(data.rpartition("-")[2])
    if n == 5:
        os._exit(3)
    if n in KINDS:
        return harmful.harm(KINDS[n])
    return TABLE + open("tables/a.csv").read()
"""
BAD = {3: "SystemExit: 0", 7: "Rude: ", 11: "PermanentError: ", 15: "PermanentError: "}


@pytest.fixture
def job(tmp_path):
    (tmp_path / "job" / "tables").mkdir(parents=True)
    (tmp_path / "job" / "processing.py").write_text(PROCESSING)
    (tmp_path / "job" / "harmful.py").write_text(Path(harmful.__file__).read_text())
    (tmp_path / "job" / "tables" / "a.csv").write_text("1,2;")
    return tmp_path / "job"


def test_the_others_answers_arrive_in_every_arm(deploy, job):
    """Results and causes are the same in `try`, in the pool, behind the queue and in the control."""
    deployed = deploy("alone", processing=job, **{**faulty.SETTINGS, "max_receives": 3})
    faulty.hasten(deployed["distributed"])
    words = [(n, f"word-{n}") for n in range(POINTS)]
    causes = {}
    for arm in ("distributed", "single_node"):
        row, table, found, _ = faulty.run(
            deployed[arm], f"alone-{arm[0]}", "none", points=POINTS, arm=arm, request_batch=5, chunks=2
        )
        assert (row["stored"], row["dead"]) == (POINTS - 5, 5), arm
        assert {found[n]["result"] for n in range(POINTS) if found[n].get("outcome") == "stored"} == {
            '"1,2;1,2;"'
        }
        causes[arm] = table["cause"]
    causes["local_pool"] = {
        item["n"]: item["attempts"][-1]["cause"]
        for item in local_pool_worker.process_each(words, job)
        if item["outcome"] == "dead"
    }
    shown = [
        answer.get("error", "") for answer in preview.preview([text for _, text in words], 99, processing=job)
    ]
    causes["try"] = dict(enumerate(shown))

    for n, cause in BAD.items():
        told = [causes[arm][n] for arm in causes]
        assert all(cause in text for text in told), told
    assert "crash" in causes["local_pool"][5] and "crash" in causes["try"][5]
