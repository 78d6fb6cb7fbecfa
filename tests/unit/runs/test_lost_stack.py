"""A run whose stack or local cloud is gone ends at once, with the commands that start it afresh."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from lambdist_lib.cloud.emulator_state import Identity
from lambdist_lib.errors import LocalCloudError, TargetError
from lambdist_lib.runs import lost_stack, senders
from lambdist_lib.submission.receipts import SendOptions, SubmissionCounts

FACTS = {"run_id": "words-d", "target": "local cloud", "data": "words.txt", "data_path": "/data/my words.txt"}
NOBODY = Identity(pid=2**22 + 1, created=0.0)  # above the greatest pid
ENDED = SimpleNamespace(endpoint_url="http://127.0.0.1:9", log=Path("cloud.log"), emulator=NOBODY)


def test_error_names_the_commands_for_a_fresh_start():
    """They have the file's full path, quoted, and the target."""
    text = str(lost_stack.error(FACTS, "the local cloud has ended"))

    assert "words-d cannot go on: the local cloud has ended" in text
    assert text.endswith("`lambdist deploy`, then `lambdist submit '/data/my words.txt'`")
    on_aws = str(lost_stack.error({**FACTS, "target": "AWS eu-west-1"}, "the stack is gone"))
    assert "`lambdist deploy --target aws`" in on_aws


def test_error_of_an_experiments_run_names_the_experiment():
    """To submit its file would be another measurement."""
    facts = {**FACTS, "temperature": "warm", "experiment_id": "words-1"}

    text = str(lost_stack.error(facts, "the stack is gone"))

    assert "with the experiment id words-1" in text
    assert "lambdist submit" not in text


def test_reason_is_empty_while_the_target_is_there():
    """AWS does not end; a local cloud has ended when its emulator's process has."""
    assert lost_stack.reason(SimpleNamespace(cloud=None)) == ""
    assert lost_stack.reason(SimpleNamespace(cloud=ENDED)) == lost_stack.ENDED


def test_explained_is_for_a_cloud_that_has_ended():
    """Any other error of the local cloud stays as it is."""
    with (
        pytest.raises(TargetError, match=r"words-d cannot go on"),
        lost_stack.explained(SimpleNamespace(cloud=ENDED), FACTS),
    ):
        raise LocalCloudError("nothing answers")
    with (
        pytest.raises(LocalCloudError, match="no space"),
        lost_stack.explained(SimpleNamespace(cloud=None), FACTS),
    ):
        raise LocalCloudError("no space")


def test_the_sending_of_a_warm_up_ends_with_the_cloud(monkeypatch):
    """It would otherwise try for two minutes."""
    given = {}
    watched = senders.Sender(connect=lambda *_: None, submit=lambda *_, **options: given.update(options))
    monkeypatch.setitem(senders.SENDERS, "client", watched)

    senders.warm_up(
        SimpleNamespace(cloud=ENDED), None, "distributed", [], SendOptions(), run_id="x", keep=list
    )

    assert given["should_stop"](SubmissionCounts()) == lost_stack.ENDED
