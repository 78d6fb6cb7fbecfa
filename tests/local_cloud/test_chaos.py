"""Strikes at random moments of a run, on demand: `make test-chaos`. Its table is beside this file."""

import pytest
from support import chaos, faulty

from lambdist_lib import paths
from lambdist_lib.cloud import local_cloud

pytestmark = pytest.mark.chaos
SEED, TRIALS, MIN_REACHED = 15, 48, 40
BLOCK = 12  # trials of one test: each victim meets each signal once
TABLE = paths.root() / "tests" / "local_cloud" / "chaos.md"
HEAD = """\
# Killed, frozen and ended in the middle of a run

Written by `make test-chaos` on the local cloud (seed {seed}). Each trial sends a file of {words}
datapoints, of which one in ten is to die, and {invalid} lines that are rejected, and strikes one process.
*State* and *receipts* are what the run had on disk just after the strike. *Statuses* are those of `submit`
and of each `resume`; after a client's death every other first `resume` is killed, too. *Afresh*: the cloud
died with all that was on it, and the run was sent again with the commands that the message prints, which
declare no fault. At the end of each trial the ledger is closed and equal to the input, the table, the
receipts and the answers, and those are dead that the fault plan tells.

{reached} of {trials} strikes reached a run.

"""


@pytest.fixture
def struck(nursery, tmp_path, monkeypatch):
    """A local cloud of its own to be struck, and the commands that use it."""
    state, results, scratch = tmp_path / "state", tmp_path / "results", tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("LAMBDIST_STATE", str(state))
    monkeypatch.setenv("LAMBDIST_RESULTS", str(results))
    yield chaos.Chaos(state, results, scratch, nursery)
    local_cloud.stop(state)


@pytest.mark.parametrize("block", range(TRIALS // BLOCK))
def test_every_ledger_closes_whatever_is_struck(struck, block, pytestconfig):
    """SIGKILL, SIGSTOP and SIGTERM of client, emulator, supervisor and workers amid runs lose nothing."""
    trials = chaos.plan(SEED, TRIALS)[BLOCK * block : BLOCK * (block + 1)]

    rows = [struck.run(trial) for trial in trials]

    reached = [row for row in rows if row["reached"]]
    assert len(reached) >= MIN_REACHED / TRIALS * len(trials)
    write_table(rows, pytestconfig.cache)


def write_table(rows, cache):
    """Write the table once each block has run since its last change, in one session or in several."""
    key = f"chaos/{SEED}-{TRIALS}"
    known = {**cache.get(key, {}), **{str(row["trial"]): row for row in rows}}
    cache.set(key, known)
    if len(known) < TRIALS:
        return
    rows = [known[str(number)] for number in range(TRIALS)]
    reached = [row for row in rows if row["reached"]]
    assert len(reached) >= MIN_REACHED
    head = HEAD.format(
        seed=SEED, words=chaos.WORDS, invalid=chaos.INVALID, reached=len(reached), trials=len(rows)
    )
    TABLE.write_text(head + faulty.as_markdown(rows), encoding="utf-8")
