"""An experiment deletes the stacks that it created or took over, unless they hold results of another run."""

import itertools
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from lambdist_lib.cloud.emulator_state import Identity
from lambdist_lib.deployment import lifecycle, owners, ownership, stacks
from lambdist_lib.errors import AbsentError, UncollectedError

TARGET = SimpleNamespace(name="local", label="local cloud", cloud=None)
BOTH = {"distributed", "single_node"}


@pytest.fixture
def deployed(monkeypatch, tmp_path):
    """`deployed` has the ids of the stacks that exist; `destroyed`, the arguments of `lifecycle.destroy`."""
    numbers = itertools.count()

    class Deployed(dict):
        def add(self, *kinds):
            self.update({kind: f"arn:{kind}/{next(numbers)}" for kind in kinds})

    present = Deployed()

    def describe(target, kind):
        if kind not in present:
            raise AbsentError(kind)

    def destroy(target, **how):
        present.destroyed = how
        for kind in how["kinds"]:
            present.pop(kind, None)

    monkeypatch.setenv("LAMBDIST_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(stacks, "describe", describe)
    monkeypatch.setattr(owners, "_stack_id", lambda target, kind: present.get(kind, ""))
    monkeypatch.setattr(lifecycle, "destroy", destroy)
    return present


@pytest.fixture
def experiment(tmp_path):
    """`experiment("a")` is the folder of an experiment; with `items_of`, of one that has begun this run."""

    def made(name, items_of=""):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        if items_of:
            run = folder / "runs" / f"{name}-warm-d1"
            run.mkdir(parents=True)
            facts = {"run_id": run.name, "arm": "distributed", "state": "settling", "key": items_of}
            (run / "run.json").write_text(json.dumps(facts))
        return folder

    return made


def begin(deployed, folder, *, keep=False):
    """Deploy for an experiment, as `Experiment.deploy` does; return what it is told."""
    notes = []
    ownership.record_missing(TARGET, folder, keep=keep, log=notes.append)
    deployed.add(*(BOTH - deployed.keys()))
    if not keep:
        ownership.record_created(TARGET, folder)
    return " ".join(notes)


def kill():
    """Let the process that created stacks be one that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        identity = Identity(ended.pid, 1.0)
    for path in owners._path(TARGET, "distributed").parent.glob("*.json"):
        fields = json.loads(path.read_text())
        path.write_text(json.dumps({**fields, "process": {"pid": identity.pid, "created": identity.created}}))


def test_only_missing_stacks_become_the_experiments_own(experiment, deployed):
    deployed.add("single_node")
    folder = experiment("a")

    ownership.record_missing(TARGET, folder)

    assert ownership.created(folder) == {"distributed"}
    assert ownership.destroy_created(TARGET, folder).startswith("The stack distributed is deleted")
    assert deployed.keys() == {"single_node"}
    assert ownership.destroy_created(TARGET, folder).startswith("No stack on local cloud is this")


def test_stacks_of_a_killed_experiment_are_named_taken_over_and_deleted(experiment, deployed):
    """What it had not fetched goes with them: nobody else deletes it, and its id measures it again."""
    begin(deployed, experiment("killed", items_of="killed-warm-d1-12345678"))
    kill()

    note = begin(deployed, experiment("next"))
    sentence = ownership.destroy_created(TARGET, experiment("next"))

    assert "killed" in note
    assert not deployed
    assert deployed.destroyed["dropped"] == {"killed-warm-d1-12345678"}
    assert "what killed left" in sentence


def test_stacks_of_an_experiment_that_lives_are_left(experiment, deployed):
    """Another kernel may be between two cells."""
    begin(deployed, experiment("living"))

    note = begin(deployed, experiment("next"))

    assert note == ""
    assert ownership.created(experiment("next")) == set()


def test_results_of_a_killed_experiment_stay_on_aws(experiment, deployed, monkeypatch):
    """They outlive this machine's processes there, and cost nothing worth the loss."""
    aws = SimpleNamespace(name="aws", label="AWS eu-west-1", cloud=None)
    monkeypatch.setattr(sys.modules[__name__], "TARGET", aws)
    begin(deployed, experiment("killed", items_of="killed-warm-d1-12345678"))
    kill()
    begin(deployed, experiment("next"))

    ownership.destroy_created(aws, experiment("next"))

    assert not deployed.destroyed["dropped"]


@pytest.mark.parametrize("by", ["deploy", "another stack", "keep"])
def test_stacks_that_somebody_deployed_to_stay_are_never_taken_over(experiment, deployed, by):
    """Whether over those of the killed experiment, after their end, or by its own keep_stacks."""
    begin(deployed, experiment("killed"))
    kill()
    if by == "deploy":
        owners.forget(TARGET, BOTH)  # as `lambdist deploy` does
    elif by == "keep":
        ownership.keep(TARGET, experiment("killed"))
    else:
        deployed.add(*BOTH)

    assert begin(deployed, experiment("next")) == ""
    assert ownership.created(experiment("next")) == set()
    assert begin(deployed, experiment("killed")) == ""
    assert ownership.created(experiment("killed")) == set()


def test_stacks_that_are_to_stay_survive_a_kill(experiment, deployed, monkeypatch):
    """Before the end, which would have left them; so does the local cloud that holds them."""
    kept = []
    monkeypatch.setattr(ownership.local_cloud, "start", lambda *, keep: kept.append(keep))
    monkeypatch.setattr(TARGET, "cloud", "a local cloud", raising=False)
    begin(deployed, experiment("killed"), keep=True)
    kill()

    note = begin(deployed, experiment("next"))
    ownership.destroy_created(TARGET, experiment("next"))

    assert (note, kept) == ("", [True])
    assert deployed.keys() == BOTH


def test_stacks_of_a_killed_experiment_stay_if_its_successor_keeps_them(experiment, deployed):
    begin(deployed, experiment("killed"))
    kill()

    note = begin(deployed, experiment("keeper"), keep=True)
    ownership.keep(TARGET, experiment("keeper"))
    begin(deployed, experiment("next"))

    assert "killed" in note and "leaves them deployed" in note
    assert ownership.created(experiment("next")) == set()


def test_an_experiment_on_the_stacks_of_another_leaves_their_owner(experiment, deployed):
    """A notebook's second experiment: a kill after it leaves stacks that the next one deletes."""
    begin(deployed, experiment("first"))
    begin(deployed, experiment("second"))
    kill()

    begin(deployed, experiment("next"))

    assert ownership.created(experiment("next")) == BOTH


def test_no_path_of_another_experiment_stands_in_the_results(experiment, deployed, tmp_path):
    """What is published of one names no folder of this machine."""
    begin(deployed, experiment("killed", items_of="killed-warm-d1-12345678"))
    kill()
    begin(deployed, experiment("next"))

    text = (experiment("next") / ownership.FILE).read_text()

    assert "killed-warm-d1-12345678" in text
    assert str(tmp_path) not in text


def test_an_experiment_that_goes_on_keeps_its_stacks(experiment, deployed):
    """Its first process was killed, and the same id runs again."""
    begin(deployed, experiment("a"))
    kill()

    assert begin(deployed, experiment("a")) == ""
    assert ownership.created(experiment("a")) == BOTH


def test_results_of_another_killed_run_keep_the_stacks_and_are_named(experiment, deployed, monkeypatch):
    """The experiment that found them ends well: its own results are complete."""

    def refuse(*_, **__):
        raise UncollectedError("lambdist-distributed holds results that were not fetched (killed-1)")

    folder = experiment("a")
    ownership.record_missing(TARGET, folder)
    monkeypatch.setattr(lifecycle, "destroy", refuse)

    sentence = ownership.destroy_created(TARGET, folder)

    assert sentence.startswith("The stacks stay on local cloud: ")
    assert "killed-1" in sentence
    assert "`lambdist destroy --target local` deletes them" in sentence
    assert ownership.created(folder) == BOTH


@pytest.mark.parametrize("kept", [True, False])
def test_stacks_that_stay_on_a_local_cloud_that_ends_name_what_keeps_it(
    experiment, deployed, monkeypatch, kept
):
    """A cloud that is kept needs nothing."""

    def refuse(*_, **__):
        raise UncollectedError("lambdist-distributed has 3 messages queued")

    target = SimpleNamespace(name="local", label="local cloud", cloud=SimpleNamespace(kept=kept))
    ownership.record_missing(TARGET, experiment("a"))
    monkeypatch.setattr(lifecycle, "destroy", refuse)
    monkeypatch.setattr(ownership.local_cloud, "find", lambda: target.cloud)

    sentence = ownership.destroy_created(target, experiment("a"))

    assert ("`lambdist cloud start` keeps it" in sentence) != kept
