"""What is told of the dead, and how they are brought back, on the local cloud."""

import json
import re
import shutil

import pytest

from lambdist_lib import Experiment, paths
from lambdist_lib.data import datapoints
from lambdist_lib.deployment import local_mail, stacks
from lambdist_lib.measures import ledger, stages
from lambdist_lib.protocol import contract
from lambdist_lib.records import dead_letters, items
from lambdist_lib.results import folders, tables
from lambdist_lib.runs import collect, redrive, run
from lambdist_lib.runs.conditions import Conditions

BUG = """
from lambdist_lib import PermanentError

def process(data):
    raise PermanentError("a bug")
"""
ALARMS = ("DeadDatapoints", "DeadLettersStay", "DatapointsWait", "ApiFails")


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_comes_by_mail(distributed, mails, alarm):
    """Each alarm of the template, once it is raised, tells the topic what is wrong and where to look."""
    cloudwatch = distributed.client("cloudwatch")
    resource = distributed.client("cloudformation").describe_stack_resource(
        StackName=distributed.stack.name, LogicalResourceId=alarm
    )
    name = resource["StackResourceDetail"]["PhysicalResourceId"]

    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")

    [mail] = mails()
    assert mail.subject.startswith("ALARM: ")
    assert distributed.stack.name in json.loads(mail.text)["AlarmDescription"]
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="the test is over")


def test_the_command_line_prints_the_mail(distributed, mails, command):
    """Without a subscriber too; reading it takes nothing away."""
    distributed.client("sns").publish(TopicArn=distributed["TopicArn"], Subject="hello", Message="two\nlines")
    [mail] = mails()

    shown, again = command("cloud", "mail"), command("cloud", "mail", "--json")

    assert (shown.returncode, shown.stderr) == (0, "")
    head = f"Date: {mail.at}\nTo: nobody (deploy with --set notify_email=ADDRESS)\nSubject: hello\n\n"
    assert shown.stdout.endswith(f"{head}two\nlines\n\n")
    assert json.loads(again.stdout)[-1]["text"] == "two\nlines"


def test_mail_goes_to_every_address_and_ends_with_its_stack(deploy, target):
    """Several addresses in one setting; of two stacks' mails the one that is destroyed goes."""
    [kept] = deploy("kept", ["distributed"]).values()
    [going] = deploy("going", ["distributed"], notify_email="a@example.com,b@example.com").values()
    for deployed in (kept, going):
        deployed.client("sns").publish(TopicArn=deployed["TopicArn"], Message=deployed.stack.name)
    to = {mail.text: mail.to for mail in local_mail.read(target)}
    assert (to["kept-distributed"], to["going-distributed"]) == ((), ("a@example.com", "b@example.com"))

    stacks.delete_stacks(target, ["distributed"], name="going")

    left = {mail.text for mail in local_mail.read(target)}
    assert "kept-distributed" in left and "going-distributed" not in left


def ran(deployed, name, count, fault, **conditions):
    """A run of `count` words under a fault; its folder, and its ledger without zeros."""
    folder = paths.results() / "dead" / "runs" / name
    points = datapoints.from_iterable([f"word-{n}" for n in range(count)])
    held = Conditions(fault=fault, retry_delay_s=0, **conditions)
    info = run.new_run(deployed.target, deployed.stack, points, folder, held, arm="distributed")
    run.run_once(deployed.target, deployed.stack, points, folder, info)
    return folder


def key_of(folder):
    return folders.key_of(folders.read_facts(folder))


def ledger_of(folder):
    row = folders.read_facts(folder)
    counted = ledger.count(tables.load(folder)).iloc[0]
    assert [row[name] for name in contract.OUTCOMES] == [counted[name] for name in contract.OUTCOMES]
    return {name: row[name] for name in ("submitted", *contract.OUTCOMES) if row[name]}


def test_many_dead_letters_come_back(distributed, mails):
    """Each is told of, listed, sent again without its fault and stored; what it died of stays on its item."""
    folder = ran(distributed, "many", 45, "raise:1@0-39", chunks=4)
    assert ledger_of(folder) == {"submitted": 45, "stored": 5, "dead": 40}
    [told] = [mail.text for mail in mails() if "application InjectedFault" in mail.text][:1]
    assert f"  lambdist redrive {key_of(folder)}" in told.splitlines()
    assert sum(int(re.match(r"(\d+) datapoint", mail.text)[1]) for mail in mails()) == 40
    letters = dead_letters.list_dead_letters(str(folder), cause="application")
    assert [(letter.n, letter.data) for letter in letters] == [(n, f"word-{n}") for n in range(40)]
    assert dead_letters.list_dead_letters(str(folder), cause="crash") == []

    report = redrive.redrive_run(distributed.target, distributed.stack, folder)

    assert (report.letters, report.recovered, report.died_again, report.duplicates) == (40, 40, 0, 0)
    assert report.drain_s > 0
    assert ledger_of(folder) == {"submitted": 45, "stored": 45}
    answers = list(collect.fetch(str(folder)))
    assert answers == [{"n": n, "data": f"word-{n}", "result": f"word-{n}_processed"} for n in range(45)]
    item = items.items(distributed.target, distributed.stack, key_of(folder))[0]
    assert (item["outcome"], item["receives"], len(item["attempts"])) == ("stored", 1, 5)
    [death] = item["redrives"]
    assert (death["class"], death["receives"]) == ("application", 5)
    assert item["first_at"] < item["dead_at"] < death["at"] < item["put_at"]
    stages.check(stages.per_datapoint(tables.load(folder)))
    assert folders.read_facts(folder)["resumed"] is True
    assert redrive.redrive_run(distributed.target, distributed.stack, folder).letters == 0


def test_a_redrive_in_which_some_die_again(distributed, command):
    """The command says how many; only those of one cause go; the second death is told from the first."""
    folder = ran(distributed, "again", 12, "raise:1@0-5,poison:1@6-7")
    assert ledger_of(folder) == {"submitted": 12, "stored": 4, "dead": 8}

    listed = command("dead", folder, "--json")
    unsent = command("redrive", folder, "--cause", "crash", "--json")
    some = command("redrive", folder, "--cause", "application", "--fault", "raise:1@0", "--json")
    rest = command("redrive", folder)

    assert [one["cause_class"] for one in json.loads(listed.stdout)] == ["application"] * 6 + ["poison"] * 2
    assert json.loads(unsent.stdout)[0]["letters"] == 0
    [report] = json.loads(some.stdout)
    assert (some.returncode, report["letters"], report["recovered"], report["died_again"]) == (0, 6, 5, 1)
    assert rest.returncode == 0
    assert rest.stdout.startswith("again: 3 dead letters: 3 recovered; ")
    assert ledger_of(folder) == {"submitted": 12, "stored": 12}
    item = items.items(distributed.target, distributed.stack, key_of(folder))[0]
    assert (len(item["attempts"]), len(item["redrives"])) == (10, 2)
    assert tables.load(folder)["redrives"].tolist() == [2, *[1] * 7, *[0] * 4]


def test_an_experiment_redrives_its_runs(target, data_file):
    """A row per run; the experiment's table knows it: all stored, and no timing any more."""
    work = Experiment(
        data=str(data_file(6)), failing_datapoints=2, processors=4, arms=("distributed",), chunks=2,
        retry_delay_s=0, experiment_id="mending",
    )  # fmt: skip
    work.deploy()
    work.run_pairs(1)
    assert work.runs["dead"].tolist() == [2]

    reports = work.redrive()

    assert reports[["letters", "recovered"]].to_numpy().tolist() == [[2, 2]]
    assert work.runs[["stored", "dead", "resumed"]].to_numpy().tolist() == [[8, 0, True]]
    assert work.ledger()["stored"].tolist() == [8]


def test_dead_letters_of_old_clients_come_back_under_new_code(deploy, tmp_path):
    """Without a run there is no folder: the items have all that is needed, once the bug is gone."""
    lambdas = shutil.copytree(paths.lambdas(), tmp_path / "lambdas")
    (lambdas / "processing.py").write_text(BUG)
    [deployed] = deploy("mended", ["distributed"], processing=lambdas).values()
    run_id = deployed.post({"data": "old"}).json()["run_id"]
    deployed.settled(run_id, 1)

    [letter] = dead_letters.from_table(deployed.target, deployed.stack, run_id)
    assert (letter.data, letter.cause) == ("old", "PermanentError: a bug")
    [mended] = deploy("mended", ["distributed"]).values()
    report = redrive.redrive_adhoc(mended.target, mended.stack, run_id)

    assert (report.letters, report.recovered) == (1, 1)
    [item] = mended.settled(run_id, 1).values()
    assert json.loads(item["result"]) == "old_processed"
    assert dead_letters.from_table(mended.target, mended.stack, run_id) == []
