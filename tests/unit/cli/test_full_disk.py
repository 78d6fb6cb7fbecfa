"""A full disk ends a command in one line that names the folder."""

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from lambdist_lib.cli import main
from lambdist_lib.cloud import local_cloud, targets


@pytest.mark.parametrize("folder", ["RESULTS", "STATE"])
def test_a_full_disk_is_named_by_its_folder(folder, tmp_path, monkeypatch, capsys):
    """A write that fails does not say where; the folder without room is the one."""
    others = {name: tmp_path / name for name in ("RESULTS", "STATE")}
    for name, path in others.items():
        path.mkdir()
        monkeypatch.setenv(f"LAMBDIST_{name}", str(path))

    def fail():
        raise OSError(errno.ENOSPC, "No space left on device")

    def usage(path):
        return SimpleNamespace(free=0 if path == others[folder] else 2**40)

    monkeypatch.setattr(local_cloud, "find", fail)
    monkeypatch.setattr(shutil, "disk_usage", usage)

    status = main.main(["leaks"])

    [line] = capsys.readouterr().err.splitlines()
    assert status == 1
    assert "No space left on device" in line
    assert [name for name, path in others.items() if path.name in line] == [folder]


@pytest.mark.parametrize("place", ["a file", "no such folder", "a name that is too long"])
def test_a_results_folder_that_cannot_be_is_named_in_one_line(place, tmp_path, monkeypatch, capsys):
    """Nothing is run, and there is no traceback."""
    file = tmp_path / "file"
    file.touch()
    names = {
        "a file": file,
        "no such folder": "/proc/none",
        "a name that is too long": tmp_path / ("x" * 300),
    }
    monkeypatch.setenv("LAMBDIST_RESULTS", str(names[place]))
    monkeypatch.setattr(
        targets, "connect", lambda *_, **__: SimpleNamespace(name="local", label="local cloud")
    )

    status = main.main(["run", "data/words.txt"])

    [line] = capsys.readouterr().err.splitlines()
    assert status == 1
    assert Path(names[place]).name[:40] in line
