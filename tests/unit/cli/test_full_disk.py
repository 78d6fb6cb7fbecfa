"""A full disk ends a command in one line that names the folder."""

import errno
import shutil
from types import SimpleNamespace

import pytest

from lambdist_lib.cli import main
from lambdist_lib.cloud import local_cloud


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
