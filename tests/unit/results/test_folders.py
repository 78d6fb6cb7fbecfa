"""Folders under results/: ids that fit everywhere, facts that are whole, runs that are found."""

import json
import re

import pytest

from lambdist_lib.errors import NotFoundError, RunError, UsageError
from lambdist_lib.protocol.contract import RUN_ID
from lambdist_lib.results import files, folders


def made(results, experiment_id, *runs, state="collected"):
    for run in runs:
        folder = results / experiment_id / "runs" / run
        folder.mkdir(parents=True)
        files.write_json(folder / "run.json", {"run_id": run, "arm": "distributed", "state": state})
        if state == "collected":
            (folder / "outputs.jsonl").touch()


@pytest.mark.parametrize("data", ["data/words.txt", "Ünï cödé.TXT", "-", "a" * 200 + ".csv.gz", "..", "日本"])
def test_an_id_is_made_of_any_file_name(data):
    """It is an experiment's id, and leaves room for what a run adds to it."""
    made_id = folders.new_id(data)

    assert folders.checked_id(made_id) == made_id
    assert RUN_ID.fullmatch(f"{made_id}-{'x' * 11}")
    assert re.search(r"-\d{8}-\d{6}$", made_id)


@pytest.mark.parametrize("wrong", ["", "Words", "a b", "a/b", "../a", "x" * 29, "a_b", "é", "a\n"])
def test_an_id_that_no_run_could_have_is_refused(wrong):
    """It becomes a folder's name and a part of keys: no slash, no dots, no end of line."""
    with pytest.raises(UsageError, match="invalid experiment id"):
        folders.checked_id(wrong)


def test_facts_are_written_whole_or_not_at_all(tmp_path):
    """What cannot be written leaves the file as it was."""
    path = tmp_path / "run.json"
    files.write_json(path, {"run_id": "r", "arm": "distributed", "state": "settling"})

    with pytest.raises(TypeError):
        files.write_json(path, {("no", "key"): 1})

    assert folders.read_facts(tmp_path)["state"] == "settling"


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"run_id": "r"}', ""])
def test_damaged_facts_are_said_to_be(tmp_path, content):
    """A truncated file, or one of another program, is refused."""
    (tmp_path / "run.json").write_text(content)

    with pytest.raises(RunError, match=r"run\.json is damaged: remove the folder and run again"):
        folders.read_facts(tmp_path)


def test_a_folder_without_facts_is_no_runs(tmp_path):
    """The message says what is missing."""
    with pytest.raises(RunError, match=r"is not a run's folder: it has no run\.json"):
        folders.read_facts(tmp_path)


def test_runs_are_found_by_id_by_path_and_by_experiment(results):
    """An experiment stands for all its runs."""
    made(results, "one", "one-d", "one-sn")
    made(results, "two", "two-d")
    path = results / "one" / "runs" / "one-d"

    assert folders.find("one-d") == [path]
    assert folders.find(str(path)) == [path]
    assert folders.find("one") == [path, results / "one" / "runs" / "one-sn"]
    assert folders.find(str(results / "two")) == [results / "two" / "runs" / "two-d"]


def test_a_run_that_is_not_there_is_an_error_with_a_hint(results):
    """The hint names an experiment that exists, if one does."""
    with pytest.raises(RunError, match=r"there is no run or experiment one under .*results/$"):
        folders.find("one")

    made(results, "two", "two-d")
    with pytest.raises(RunError, match="the latest experiment is two"):
        folders.find("one")


def test_an_experiment_without_a_complete_run_is_not_suggested_for_itself(results):
    """It was interrupted before its first run was kept; the command that began it goes on."""
    (results / "one").mkdir(parents=True)
    (results / "one" / "experiment.json").write_text("{}")

    with pytest.raises(RunError, match=r"no complete run yet: .* goes on with the same --id"):
        folders.find("one")


def test_only_collected_runs_count_as_collected(results):
    """Destroy holds back for the others."""
    made(results, "one", "one-d")
    made(results, "two", "two-d", state="settling")

    assert folders.collected_ids() == {"one-d"}
    assert json.loads((results / "two/runs/two-d/run.json").read_text())["state"] == "settling"


def test_a_key_begins_with_the_run_and_ends_unguessably():
    """It is an id that the Lambdas take, and no two are alike."""
    keys = {folders.new_key(run_id) for run_id in ("a", "x" * 40) for _ in range(500)}

    assert len(keys) == 1000
    assert all(RUN_ID.fullmatch(key) for key in keys)


def test_a_run_is_found_by_its_key(tmp_path, monkeypatch):
    """A mail of the stack names the key, and `lambdist dead` takes it."""
    monkeypatch.setenv("LAMBDIST_RESULTS", str(tmp_path))
    run_id = "a" * 28 + "-distributed"
    folder, key = tmp_path / "mine" / "runs" / run_id, folders.new_key(run_id)
    folder.mkdir(parents=True)
    files.write_json(folder / "run.json", {"run_id": run_id, "key": key, "arm": "x", "state": "collected"})
    (folder / "outputs.jsonl").touch()

    assert folders.find(key) == [folder]
    assert {run_id, key} <= folders.collected_ids()
    with pytest.raises(NotFoundError):
        folders.find(key[:-1] + ("a" if key[-1] != "a" else "b"))


@pytest.mark.parametrize("name", ["*", "?", "[a-z]*", "x*", "**", ""])
def test_a_pattern_is_not_a_run(results, name):
    """`lambdist fetch '*'` does not print the answers of whichever run comes first."""
    made(results, "x", "x-d")

    with pytest.raises(NotFoundError):
        folders.find(name)
