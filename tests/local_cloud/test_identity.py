"""An answer belongs to the datapoint and the run that asked for it."""

import json

from lambdist_lib.results import folders


def test_two_files_under_one_id_get_their_own_answers(both, lambdist, tmp_path):
    """A colleague's results folder knows nothing of ours, and the README's id is everybody's."""
    answers = {}
    for name in ("ours", "theirs"):
        data = tmp_path / f"{name}.txt"
        data.write_text("".join(f"{name}-{n}\n" for n in range(5)))
        results = tmp_path / name
        done = lambdist("--results-dir", results, "submit", data, "--id", "mine")
        assert done.returncode == 0, done.stderr
        fetched = lambdist("--results-dir", results, "fetch", "mine")
        answers[name] = [json.loads(line)["result"] for line in fetched.stdout.splitlines()]

    assert answers == {name: [f"{name}-{n}_processed" for n in range(5)] for name in answers}


def test_answers_in_advance_under_a_run_id_are_not_taken(distributed, lambdist, data_file, tmp_path):
    """A holder of the API key knows the run's id, but not its key."""
    forged = {"run_id": "advance-d", "datapoints": [{"n": n, "data": "forged"} for n in range(5)]}
    assert distributed.post(forged).status_code == 200
    distributed.settled("advance-d", 5)

    done = lambdist("submit", data_file(5), "--id", "advance", "--json")

    row = json.loads(done.stdout)
    assert (done.returncode, row["stored"], row["foreign"]) == (0, 5, [])
    assert row["key"] != row["run_id"]
    facts = folders.read_facts(folders.find("advance-d")[0])
    fetched = lambdist("fetch", facts["key"])
    assert [json.loads(line)["result"] for line in fetched.stdout.splitlines()] == [
        f"word-{n}_processed" for n in range(5)
    ]
