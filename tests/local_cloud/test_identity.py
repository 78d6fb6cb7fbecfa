"""An answer belongs to the datapoint and the run that asked for it."""

import json

from lambdist_lib.results import files, folders, outputs


def test_two_files_under_one_id_get_their_own_answers(both, command, tmp_path):
    """A colleague's results folder knows nothing of ours, and the README's id is everybody's."""
    answers = {}
    for name in ("ours", "theirs"):
        data = tmp_path / f"{name}.txt"
        data.write_text("".join(f"{name}-{n}\n" for n in range(5)))
        results = tmp_path / name
        done = command("--results-dir", results, "submit", data, "--id", "mine")
        assert done.returncode == 0, done.stderr
        fetched = command("--results-dir", results, "fetch", "mine")
        answers[name] = [json.loads(line)["result"] for line in fetched.stdout.splitlines()]

    assert answers == {name: [f"{name}-{n}_processed" for n in range(5)] for name in answers}


def test_answers_in_advance_under_a_run_id_are_not_taken(distributed, command, data_file, tmp_path):
    """A holder of the API key knows the run's id, but not its key."""
    forged = {"run_id": "advance-d", "datapoints": [{"n": n, "data": "forged"} for n in range(5)]}
    assert distributed.post(forged).status_code == 200
    distributed.settled("advance-d", 5)

    done = command("submit", data_file(5), "--id", "advance", "--json")

    row = json.loads(done.stdout)
    assert (done.returncode, row["stored"], row["foreign"]) == (0, 5, [])
    assert row["key"] != row["run_id"]
    facts = folders.read_facts(folders.find("advance-d")[0])
    fetched = command("fetch", facts["key"])
    assert [json.loads(line)["result"] for line in fetched.stdout.splitlines()] == [
        f"word-{n}_processed" for n in range(5)
    ]


def test_a_resume_replaces_an_answer_to_another_datapoint(distributed, command, data_file):
    """It is refused and named; the command that the message prints gets this datapoint's own answer."""
    done = command("submit", data_file(5), "--id", "replaced", "--json")
    assert done.returncode == 0, done.stderr
    [folder] = folders.find("replaced-d")
    facts = folders.read_facts(folder)
    key = {"run_shard": {"S": f"{facts['key']}#3"}, "n": {"N": "3"}}
    distributed.client("dynamodb").update_item(
        TableName=distributed["TableName"],
        Key=key,
        UpdateExpression="SET #digest = :digest, #result = :result",
        ExpressionAttributeNames={"#digest": "digest", "#result": "result"},
        ExpressionAttributeValues={":digest": {"S": "0" * 16}, ":result": {"S": '"forged"'}},
    )
    files.write_json(folder / "run.json", {**facts, "foreign": [3]})  # as the submit would have found it

    resumed = command("resume", folder.name, "--data", data_file(5), "--json")

    assert resumed.returncode == 0, resumed.stderr
    [row] = json.loads(resumed.stdout)
    assert (row["stored"], row["lost"], row["foreign"]) == (5, 0, [])
    assert [answer["result"] for answer in outputs.outputs(folder)] == [
        f"word-{n}_processed" for n in range(5)
    ]
