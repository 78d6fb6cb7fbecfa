"""Folders are asked when used, and messages spell paths so that they open."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from lambdist_lib import paths


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The library as installed from a wheel: its package lies in a folder that is no checkout."""
    package = tmp_path / "site-packages" / "lambdist_lib"
    (package / "shipped" / "data").mkdir(parents=True)
    (package / "shipped" / "data" / "words.txt").write_text("a\n")
    monkeypatch.setattr(paths, "PACKAGE", package)
    monkeypatch.delenv("LAMBDIST_RESULTS")
    monkeypatch.delenv("LAMBDIST_STATE")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return package


def test_a_checkout_holds_its_own_files(monkeypatch):
    """From any folder: handlers, results and state lie in the checkout."""
    monkeypatch.delenv("LAMBDIST_RESULTS")
    monkeypatch.delenv("LAMBDIST_STATE")
    top = Path(paths.__file__).parents[1]

    assert paths.checkout() == paths.root() == top
    assert paths.lambdas() == top / "lambdas"
    assert (paths.results(), paths.state()) == (top / "results", top / ".lambdist")


def test_an_installed_package_writes_into_the_users_folders(installed, monkeypatch, tmp_path):
    """Shipped files lie in the package, results in the current folder, state in the user's."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)

    assert paths.checkout() is None
    assert paths.data() == installed / "shipped" / "data"
    assert paths.results() == tmp_path / "here" / "results"
    assert paths.state().is_relative_to(tmp_path / "home")


def test_the_environment_names_results_and_state_at_any_time(monkeypatch, tmp_path):
    """The variables are read when a folder is asked for, not at import."""
    for name, function in (("LAMBDIST_RESULTS", paths.results), ("LAMBDIST_STATE", paths.state)):
        monkeypatch.setenv(name, str(tmp_path / name))
        assert function() == tmp_path / name


def test_a_relative_name_is_looked_up_here_and_then_among_the_shipped_files(installed):
    """A file of the user's hides the shipped one of the same name."""
    assert paths.find("data/words.txt") == installed / "shipped" / "data" / "words.txt"
    Path("data").mkdir()
    Path("data/words.txt").write_text("b\n")
    assert paths.find("data/words.txt") == Path("data/words.txt")
    assert paths.find("data/none.txt") == Path("data/none.txt")


def test_shown_paths_open_from_the_current_folder(monkeypatch, tmp_path):
    """Below it, beside it, and far from it."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a")

    for path in (tmp_path / "a" / "b", tmp_path / "c", Path("/etc"), tmp_path / "a"):
        assert (Path.cwd() / paths.shown(path)).resolve() == path
    assert paths.shown(tmp_path / "a" / "b") == "b"
    assert paths.shown(tmp_path / "c") == str(Path("..", "c"))


def test_shown_paths_name_no_home_folder(monkeypatch, tmp_path):
    """From outside it is ~, which a shell and this library expand; inside it the path is relative."""
    home = tmp_path / "home" / "somebody"
    (home / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))

    for here in (tmp_path, home, home / "work"):
        monkeypatch.chdir(here)
        text = paths.shown(home / "results")
        assert "somebody" not in text
        assert (Path.cwd() / Path(text).expanduser()).resolve() == home / "results"


def test_shipped_files_have_their_short_names(installed):
    """The name that every command looks up, wherever the package lies."""
    assert paths.shown(installed / "shipped" / "data" / "words.txt") == str(Path("data", "words.txt"))


def test_full_names_the_folders_whose_disk_is_full(tmp_path, monkeypatch):
    """Also one that does not exist yet; a disk with room is not named."""
    for name in ("RESULTS", "STATE"):
        monkeypatch.setenv(f"LAMBDIST_{name}", str(tmp_path / name.lower()))
    free = {tmp_path: 0}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free.get(Path(path), 2**40)))

    assert paths.full() == [tmp_path / "results", tmp_path / "state"]
