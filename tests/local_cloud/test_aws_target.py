"""The target `aws`, pointed at the local cloud: the code that will meet AWS, from the question to the end."""

import json

import pytest
from support import emulator, strict_cloud

from lambdist_lib import Experiment
from lambdist_lib.cli import main
from lambdist_lib.deployment import local_fixes, polling, stacks
from lambdist_lib.errors import UsageError
from lambdist_lib.runs import completion

ACCOUNT = "000000000000"  # the local cloud's; its last four digits may be shown


@pytest.fixture
def aws(empty, monkeypatch):
    """`aws("deploy", "--yes")`: the command line for somebody whose AWS is the session's local cloud."""
    monkeypatch.setitem(polling.POLL_S, "aws", 0.05)
    monkeypatch.setitem(completion.POLL_S, "aws", 0.05)
    emulator.as_aws(monkeypatch, empty.cloud)

    def run(command, *arguments):
        where = ["--target", "aws", "--region", empty.region]
        return main.main([command, *map(str, arguments), *where])

    return run


def credentials(endpoint_url, key_id, secret):
    return {"AWS_ENDPOINT_URL": endpoint_url, "AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}


def told(capsys):
    """What went to stderr, which names no account."""
    said = capsys.readouterr().err
    assert ACCOUNT not in said
    return said


def test_from_the_question_to_the_end(aws, empty, data_file, capsys, left):
    """Nobody agreed, or too dear: nothing is made. Then deploy, submit, leaks and destroy as on AWS."""
    assert aws("deploy") == 2
    assert "no terminal to ask: add --yes" in told(capsys)
    assert aws("deploy", "--yes", "--budget-usd", 0.0001) == 2
    assert "above the budget of 0.0001 USD, so nothing was created" in told(capsys)
    assert aws("deploy", "--yes", "--expires", "soon") == 2
    assert left(empty) == {}

    capsys.readouterr()
    assert aws("deploy", "--yes", "--budget-usd", 1, "--expires", "8h", "--json") == 0
    answer = capsys.readouterr()
    assert "AWS us-east-1 at 127.0.0.1, account ****0000" in answer.err
    assert set(json.loads(answer.out)) == {"endpoint_url", "distributed", "single_node"}
    for kind in ("distributed", "single_node"):  # what AWS would have done by itself
        stack = stacks.describe(empty, kind)
        local_fixes.close(empty, stack.name, stack.outputs, stack.parameters)
        if kind == "distributed":  # deployed as text, since this target counts as AWS
            local_fixes.set_mapping(empty, stack.outputs, stack.parameters)

    assert aws("deploy") == 0  # nothing new: nobody is asked
    assert aws("submit", data_file(6), "--id", "on-aws", "--json") == 0
    row = json.loads(capsys.readouterr().out.rpartition("\n{\n")[2].join(["{", ""]))
    assert (row["submitted"], row["stored"], row["target"]) == (6, 6, "AWS us-east-1 at 127.0.0.1")
    assert aws("leaks", "--json") == 0
    assert {row["state"] for row in json.loads(capsys.readouterr().out)} == {"live"}
    assert aws("destroy") == 0
    assert "distributed and single_node deleted" in told(capsys)
    assert aws("leaks", "--delete") == 0  # the mailbox, which is the local cloud's own
    assert left(empty) == {}


def test_an_experiment_that_nobody_agreed_to_leaves_other_stacks_alone(aws, empty, data_file, capsys):
    """It is refused before it begins, so it takes nothing away at its end."""
    stacks.apply_stacks(empty, ["single_node"])

    assert aws("run", data_file(4), "--id", "not-agreed", "--repetitions", 1) == 2

    assert "no terminal to ask" in told(capsys)
    assert stacks.describe(empty, "single_node").outputs["TableName"]


def test_a_budget_is_the_consent_of_a_notebook(aws, empty, data_file, capsys, left):
    """Too small a one is refused with the runs' share; another one lets it deploy."""
    where = {"target": "aws", "region": empty.region, "experiment_id": "in-a-notebook"}
    work = Experiment(data=str(data_file(1000)), **where)

    with pytest.raises(
        UsageError, match=r"estimate of .* USD \(.* for the runs and .* above the budget of 0.01 USD"
    ):
        work.deploy(runs=11, budget_usd=0.01)
    with pytest.raises(UsageError, match="in a notebook set budget_usd"):
        work.deploy(runs=11)
    assert left(empty) == {}
    assert set(work.deploy(runs=11, budget_usd=2.0)) == {"distributed", "single_node"}
    assert "account ****0000" in told(capsys)
    work.destroy()


def test_who_may_nothing_is_told_which_permission_is_missing(tmp_path, monkeypatch, capsys):
    """On a local cloud that enforces permissions: one line with the action, and neither account nor user."""
    with strict_cloud.running(tmp_path) as root:
        root.client("iam").create_user(UserName="alice")
        key = root.client("iam").create_access_key(UserName="alice")["AccessKey"]
        given = credentials(root.endpoint_url, key["AccessKeyId"], key["SecretAccessKey"])
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        where = ["--target", "aws", "--region", root.region]

        assert main.main(["deploy", "--yes", *where]) == 1
        said = told(capsys).splitlines()[-1]
        assert "AWS us-east-1 at 127.0.0.1 denies cloudformation:DescribeStacks; have it added" in said
        assert "alice" not in said
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        assert main.main(["deploy", "--yes", *where]) == 1
        assert "AWS rejects the signature (SignatureDoesNotMatch)" in told(capsys)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA" + "X" * 16)
        assert main.main(["leaks", *where]) == 1
        assert "AWS rejects these credentials (UnrecognizedClientException)" in told(capsys)
