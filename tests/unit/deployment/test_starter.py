"""`lambdist init`: a project that works as it is, and that never overwrites a file."""

import io
import zipfile

import pytest

from lambdist_lib import paths
from lambdist_lib.cli import main
from lambdist_lib.deployment import bundles, dependencies, starter
from lambdist_lib.errors import UsageError


def test_init_writes_a_project_whose_code_can_be_bundled(tmp_path):
    """Handler, requirements, data, notebooks and a README, and nothing that needs a package index."""
    written = starter.write(tmp_path / "job")

    names = {path.relative_to(tmp_path / "job").as_posix() for path in written}
    assert {"README.md", "processing.py", "requirements.txt", "data/words.txt"} <= names
    assert {path.name for path in paths.notebooks().glob("*.ipynb")} <= names
    assert dependencies.installed(tmp_path / "job") is None
    built = bundles.build("processor", processing=bundles.folder(tmp_path / "job"))
    own, ours = (
        set(zipfile.ZipFile(io.BytesIO(bundle.content)).namelist())
        for bundle in (built, bundles.build("processor"))
    )
    assert own - ours == {"README.md", "data/words.txt"}
    assert own >= ours


def test_init_refuses_a_folder_with_such_files(tmp_path):
    """A file of the user's stays, and nothing is written beside it."""
    (tmp_path / "processing.py").write_text("mine")

    with pytest.raises(UsageError):
        starter.write(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["processing.py"]
    assert (tmp_path / "processing.py").read_text() == "mine"


def test_init_names_commands_that_work(tmp_path, monkeypatch, capsys):
    """The first of them runs in the new folder."""
    monkeypatch.chdir(tmp_path)
    assert main.main(["init", "my job"]) == 0
    assert "cd 'my job'" in capsys.readouterr().out

    monkeypatch.chdir(tmp_path / "my job")
    [command] = [line for line in starter.NEXT if line.startswith("lambdist try")]
    assert main.main(command.split()[1:]) == 0

    assert len(capsys.readouterr().out.splitlines()) == 5


def test_init_names_no_command_that_runs_other_code(tmp_path):
    """Each `lambdist try` in the files of text runs the folder's own processing.py."""
    starter.write(tmp_path)

    texts = [(tmp_path / name).read_text() for name in ("README.md", "processing.py")]
    commands = [line for text in texts for line in text.splitlines() if "lambdist try " in line]
    assert len(commands) == 2
    assert all("--processing ." in command for command in commands)


def test_init_says_what_cannot_be_written(tmp_path):
    """A file in the way of the folder is an error of usage, not a traceback."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError):
        starter.write(tmp_path / "file" / "job")
