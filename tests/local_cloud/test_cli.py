"""The command line in processes of its own: exit statuses, JSON, one line per error, help that fits."""

import json
import re

import pytest

from lambdist_lib import paths
from lambdist_lib.cli import main
from lambdist_lib.cli.parser import COMMANDS
from lambdist_lib.cloud import emulator_state as cloud_state
from lambdist_lib.cloud import local_cloud


@pytest.fixture
def state(tmp_path):
    """The state folder of a local cloud of this test."""
    yield tmp_path / "state"
    local_cloud.stop(tmp_path / "state")


def error_told(err):
    """The one line that an error is told in."""
    assert "Traceback" not in err
    [line] = [line for line in err.splitlines() if line.startswith("lambdist: ")]
    assert err.splitlines()[-1] == line
    return line.removeprefix("lambdist: ")


def test_a_tour_from_nothing_to_nothing(lambdist, command, state, data_file):
    """Deploy, submit, fetch, destroy, stop: each with status 0 and JSON that parses, and nothing is left."""
    data = data_file(12)

    deployed = lambdist("deploy", "--json", state=state)
    facts = json.loads(deployed.stdout)
    assert deployed.returncode == 0, deployed.stderr
    assert facts["endpoint_url"].startswith("http://127.0.0.1:")
    assert facts["distributed"]["ExperimentControls"] == "on"
    assert set(facts["single_node"]) >= {"ApiUrl", "ApiKeyId", "TableName"}
    assert "up to date" not in deployed.stderr

    key = lambdist("api", "--arm", "single_node", "--key-only", state=state).stdout.strip()
    api = lambdist("api", "--arm", "single_node", state=state).stdout
    assert facts["single_node"]["api_url"] in api and "curl -sS" in api
    assert len(key) >= 20 and key not in api
    assert max(map(len, api.splitlines())) <= 80

    status = json.loads(lambdist("cloud", "status", "--json", state=state).stdout)
    assert (status["kept"], status["holders"]) == (True, [])

    submit = lambdist("submit", data, "--id", "tour", "--chunks", "4", "--json", state=state)
    assert submit.returncode == 0, submit.stderr
    row = json.loads(submit.stdout)
    assert (row["submitted"], row["stored"]) == (12, 12)
    assert row["makespan_s"] > 0
    assert row["folder"].endswith("tour-d")
    assert re.fullmatch(r"tour-d-\w+", row["key"])  # of its items in the table
    assert not [name for name in row if "key" in name.lower() and name != "key"]  # never the API's key

    fetch = command("fetch", "tour", state=state)
    answers = [json.loads(line) for line in fetch.stdout.splitlines()]
    assert answers == [{"n": n, "data": f"word-{n}", "result": f"word-{n}_processed"} for n in range(12)]

    destroyed = lambdist("destroy", "--json", state=state)
    assert (destroyed.returncode, json.loads(destroyed.stdout)) == (0, {"left": []})
    record = cloud_state.read(state)
    stopped = lambdist("cloud", "stop", "--json", state=state)
    assert (stopped.returncode, json.loads(stopped.stdout)) == (0, {"stopped": True})
    assert record.processes() == set()
    assert lambdist("cloud", "status", "--json", state=state).stdout == "null\n"


def test_a_whole_experiment_in_one_command(lambdist, state, data_file):
    """`lambdist run` starts what it needs, prints ledger and measures, and takes the stacks away."""
    data = data_file(8)

    done = lambdist("run", data, "--repetitions", 1, "--chunks", 3, "--id", "whole", "--json", state=state)

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert len(summary["ledger"]) == 4
    assert all(row["stored"] == 8 for row in summary["ledger"])
    assert "local cloud" in summary["finding"]
    assert summary == json.loads((paths.results() / "whole/summary.json").read_text())
    after = lambdist("submit", data, state=state)
    assert (after.returncode, "lambdist deploy" in error_told(after.stderr)) == (8, True)


def test_dead_datapoints_are_no_failure_of_the_command(both, command, data_file):
    """A ledger that balances is status 0, with dead datapoints too: they have their answer."""
    done = command("submit", data_file(5), "--fault", "raise:1@2", "--id", "with-dead", "--json")

    assert (done.returncode, json.loads(done.stdout)["dead"]) == (0, 1)
    answers = [json.loads(line) for line in command("fetch", "with-dead-d").stdout.splitlines()]
    assert [answer["n"] for answer in answers if "error" in answer] == [2]


def test_a_spent_quota_is_unfinished(both, command, data_file):
    """Status 3 and the command that goes on; after the quota was raised it does."""
    deployed = both["distributed"]
    gateway, plan_id = deployed.client("apigateway"), deployed["UsagePlanId"]
    quota = gateway.get_usage_plan(usagePlanId=plan_id)["quota"]["limit"]

    def limit(value):
        operation = {"op": "replace", "path": "/quota/limit", "value": str(value)}
        gateway.update_usage_plan(usagePlanId=plan_id, patchOperations=[operation])

    data = data_file(9)
    limit(1)
    done = command("submit", data, "--id", "quota", "--chunks", "1")
    limit(quota)

    assert done.returncode == 3
    assert re.search(
        "quota-d: [89] datapoints were not sent .*`lambdist resume quota-d`", error_told(done.stderr)
    )
    resumed = command("resume", "quota-d", "--data", data, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert [row["stored"] for row in json.loads(resumed.stdout)] == [9]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ("submit data/words.txt", 8, r"is not deployed on local cloud: run `lambdist deploy"),
        ("run data/wrds.txt", 2, r"no data file data/wrds\.txt; did you mean data/words\.txt"),
        ("fetch no-such-run", 8, r"there is no run or experiment no-such-run under"),
        ("notebook nowhere.ipynb", 2, r"no notebook nowhere\.ipynb: name one of those in notebooks/"),
    ],
)
def test_an_error_is_one_line_with_a_next_step(command, state, arguments, status, message):
    """What a person can get wrong ends without a traceback, in the status that says whose turn it is."""
    done = command(*arguments.split(), state=state)

    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert re.search(message, error_told(done.stderr))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run data/words.txt --work io:fast", r"invalid work 'io:fast': write none, io:100ms"),
        ("run data/words.txt --fault raise", r"'' is not a probability: write raise:0\.1"),
        ("run data/words.txt --fault crush:1", r"invalid fault 'crush:1': write none, or kinds"),
        ("run data/words.txt --target azure", r"--target is 'azure'; write one of local, aws"),
        ("run data/words.txt --id Big_Id", r"invalid experiment id 'Big_Id': use 1 to 28 of a-z, 0-9 and -"),
        ("run data/words.txt --arms cluster", r"unknown arm 'cluster': use one of distributed"),
        ("submit data/words.txt --arm cluster", r"--arm is 'cluster'; write one of distributed"),
        ("submit data/words.txt --chunks 0", r"--chunks is 0; write a whole number from 1 on"),
        (
            "submit data/words.txt --request-batch 101",
            r"--request-batch is 101; write a whole number from 1 to 100",
        ),
        ("deploy --set memory_mb", r"write NAME=VALUE, such as memory_mb=256"),
        ("deploy --set memry_mb=256", r"did you mean memory_mb\?"),
        ("try data/words.text", r"no data file data/words\.text; did you mean data/words\.txt"),
    ],
)
def test_wrong_words_are_status_2(both, capsys, arguments, message):
    """Nothing is sent or deployed; the line says what to write instead."""
    status = main.main(arguments.split())

    told = capsys.readouterr()
    assert (status, told.out) == (2, "")
    assert re.search(message, error_told(told.err))


def test_a_local_cloud_that_cannot_start_is_one_line(command, tmp_path):
    """A state folder that cannot be made, for example: no traceback."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")

    done = command("cloud", "start", state=blocked / "state")

    assert done.returncode == 1
    assert re.search(r"Not a directory in .*blocked/state: .*LAMBDIST_STATE", error_told(done.stderr))


def test_without_a_cloud_nothing_is_claimed(command, state):
    """Status and stop say that none runs; that is no error."""
    status, stop = command("cloud", "status", state=state), command("cloud", "stop", state=state)

    assert (status.returncode, status.stdout) == (
        0,
        "no local cloud runs; `lambdist cloud start` starts one\n",
    )
    assert (stop.returncode, stop.stdout) == (0, "no local cloud runs\n")


def test_try_runs_process_here(command, state):
    """The first answers as JSON lines, without any cloud."""
    done = command("try", "data/nasty.txt", "-n", "4", state=state)

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, len(answers)) == (0, 4)
    assert answers[0] == {"n": 0, "data": 'she said "no"', "result": 'she said "no"_processed'}
    assert not state.exists()


def test_a_wrong_usage_is_one_line(lambdist):
    """Status 2, and the command that explains the usage."""
    done = lambdist("submit")

    assert done.returncode == 2
    assert error_told(done.stderr).endswith("see `lambdist submit --help`")


@pytest.mark.parametrize("command", ["", *(command.name for command in COMMANDS)])
def test_help_fits_a_terminal(capsys, monkeypatch, command):
    """Every command explains itself within 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    with pytest.raises(SystemExit) as ended:
        main.main([command, "--help"] if command else ["--help"])

    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert max(map(len, told.splitlines())) <= 80
    if command:
        assert command in told.splitlines()[0]
        assert re.search(r"^[A-Z].*\.$", told, re.MULTILINE)  # a sentence that says what it does


def test_too_many_dead_datapoints_end_a_run_early(both, command, data_file):
    """Status 6, a ledger that balances, and a resume that sends the rest."""
    done = command(
        "submit", data_file(1_000), "--id", "dying", "--fault", "permanent:1@0-40", "--stop-if-dead", "1%",
        "--rate", "100", "--request-batch", "5", "--json",
    )  # fmt: skip

    row = json.loads(done.stdout)
    assert done.returncode == 6, done.stderr
    assert row["dead"] > 10
    assert 0 < row["unsent"] < 1_000
    assert row["stored"] + row["dead"] + row["unsent"] == 1_000
    assert "--stop-if-dead 1%" in error_told(done.stderr)
    assert "`lambdist resume dying-d` sends the rest" in error_told(done.stderr)
