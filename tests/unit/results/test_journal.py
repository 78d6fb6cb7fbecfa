"""The journal on disks that fill up, and after crashes at any byte."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lambdist_lib.errors import RunError
from lambdist_lib.results import journal

FIELDS = ("n", "verdict", "cause")
ROWS = [(0, "accepted", ""), (1, "rejected", 'is "é"\n\u2028'), (2, "retry", "HTTP 503")]


def written(path: Path, rows=ROWS) -> bytes:
    with journal.Journal(path, FIELDS) as kept:
        kept.append(rows)
    return path.read_bytes()


def read(path: Path) -> list[tuple]:
    return [tuple(row.values()) for row in journal.read(path)]


def test_what_is_appended_is_read(tmp_path):
    """In order, with the fields' names, over several sittings."""
    written(tmp_path / "journal")
    written(tmp_path / "journal", [(3, "accepted", "")])

    assert read(tmp_path / "journal") == [*ROWS, (3, "accepted", "")]
    assert next(journal.read(tmp_path / "journal")) == {"n": 0, "verdict": "accepted", "cause": ""}


def test_a_crash_at_any_byte_costs_the_last_line_at_most(tmp_path):
    """Whatever of it reached the disk: whole lines are read, and a next sitting appends after them."""
    path = tmp_path / "journal"
    content = written(path)
    for size in range(len(content) + 1):
        path.write_bytes(content[:size])
        whole = content[:size].count(b"\n") - 1
        assert read(path) == ROWS[: max(0, whole)]
        written(path, [(9, "accepted", "")])
        assert read(path) == [*ROWS[: max(0, whole)], (9, "accepted", "")]


def test_a_long_torn_line_is_dropped(tmp_path):
    """Longer than the block in which its beginning is looked for."""
    path = tmp_path / "journal"
    content = written(path)
    path.write_bytes(content + b"x" * 200_000)

    written(path, [])

    assert path.read_bytes() == content


def test_an_appended_row_outlives_the_process(tmp_path):
    """SIGKILL right after an append loses nothing: the system has it already."""
    program = (
        "import os, pathlib; from lambdist_lib.results import journal\n"
        f"kept = journal.Journal(pathlib.Path({str(tmp_path / 'journal')!r}), ['n'])\n"
        "kept.append([(n,) for n in range(1000)]); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)

    assert len(read(tmp_path / "journal")) == 1_000


def test_it_is_synced_also_while_nothing_comes(tmp_path, monkeypatch):
    """A while after an append, in a thread of its own, and not again when it is closed."""
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(time.perf_counter()), fsync(file)))
    with journal.Journal(tmp_path / "journal", FIELDS) as kept:
        time.sleep(journal.SYNC_EVERY_S + 0.2)
        began_s = time.perf_counter()
        synced.clear()
        kept.append(ROWS)
        while not synced and time.perf_counter() < began_s + 10:
            time.sleep(0.01)
        assert len(synced) == 1

    assert len(synced) == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "journal"]


def test_a_failing_sync_is_told(tmp_path, monkeypatch):
    """A disk that takes the data and then cannot keep them."""

    def fail(file: int) -> None:
        raise OSError(5, "Input/output error")

    kept = journal.Journal(tmp_path / "journal", FIELDS)
    kept.append(ROWS)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RunError, match="Input/output error"):
        kept.close()
    kept.close()


@pytest.mark.parametrize("room", [0, 10, 60, 61, 62, 100, 1_000])
def test_a_full_disk(tmp_path, room):
    """A clear error, and a journal whose every line is whole; with room again it goes on."""
    folder = tmp_path / "my-run"
    folder.mkdir()
    program = (
        "import pathlib, resource, sys\nfrom lambdist_lib import errors\n"
        "from lambdist_lib.results import journal\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
        "try:\n"
        f"    with journal.Journal(pathlib.Path({str(folder / 'journal')!r}), {FIELDS!r}) as kept:\n"
        "        for n in range(100): kept.append([(n, 'accepted', ''), (n, 'retry', '')])\n"
        "except errors.RunError as error: sys.exit(str(error))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.stderr.strip() == (
        "cannot write the journal of my-run (File too large): free disk space, then `lambdist resume my-run`"
    )
    content = (folder / "journal").read_bytes()
    assert content == b"" or content.endswith(b"\n")
    assert len(content) <= room
    before = read(folder / "journal")
    assert read(folder / "journal")[: len(before)] == before
    assert written(folder / "journal").startswith(content)
    assert read(folder / "journal") == [*before, *ROWS]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_really_full_disk(tmp_path):
    """The same on a file system of one page."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", folder], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with (
            pytest.raises(RunError, match="No space left"),
            journal.Journal(folder / "journal", FIELDS) as kept,
        ):
            for n in range(10_000):
                kept.append([(n, "accepted", "")])
        assert [row[0] for row in read(folder / "journal")] == list(range(len(read(folder / "journal"))))
        assert len(read(folder / "journal")) > 50
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_journal_of_another_version(tmp_path):
    """Its rows would be misread: refused before anything is sent."""
    written(tmp_path / "journal")

    with pytest.raises(RunError, match="another version"):
        journal.Journal(tmp_path / "journal", ("n", "other"))


@pytest.mark.parametrize("damage", [b"{}", b"[1]", b"nonsense", b"[1,2,3,4]", b"\xff\xfe"])
def test_a_line_that_is_none(tmp_path, damage):
    """Damage before the last line is an error; only a torn last line is left out."""
    path = tmp_path / "journal"
    path.write_bytes(json.dumps(FIELDS).encode() + b"\n" + damage + b"\n")

    with pytest.raises(RunError, match="line 2 of its journal is damaged"):
        read(path)


def test_no_journal(tmp_path):
    """Nothing of the run was ever sent."""
    with pytest.raises(RunError, match="nothing of this run"):
        read(tmp_path / "journal")


def test_a_folder_that_cannot_be_written(tmp_path):
    """The error names the run, not a traceback."""
    with pytest.raises(RunError, match="cannot write"):
        journal.Journal(tmp_path / "gone" / "journal", FIELDS)
