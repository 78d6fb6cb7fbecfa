"""Datapoints through the deployed stacks, as clients send them: each ends where the ledger says."""

import itertools
import json
import shutil
import subprocess
import sys
import time

import pytest

from lambdist_lib import paths
from lambdist_lib.cloud.api import describe_api
from lambdist_lib.data import datapoints, files
from lambdist_lib.measures import stages
from lambdist_lib.protocol import contract, faults
from lambdist_lib.results import tables
from lambdist_lib.runs import collect, run
from lambdist_lib.runs.conditions import Conditions

ORIGINAL_CLIENT = """
import json, multiprocessing, sys
import requests

url, key, senders, path = sys.argv[1:]

def send(word):
    answer = requests.post(url, data=json.dumps({"data": word}), headers={"x-api-key": key})
    return word, answer.status_code, answer.json()

if __name__ == "__main__":
    words = open(path, encoding="utf-8").read().splitlines()
    with multiprocessing.Pool(int(senders)) as pool:
        print(json.dumps(pool.map(send, words)))
"""
PERMANENT = """
from lambdist_lib import PermanentError

def process(data):
    if data == "bad":
        raise PermanentError("no such word")
    return f"{data}_processed"
"""


def submit(deployed, name, points, arm="distributed", **conditions):
    """One run into its folder; returns its row and its answers."""
    folder = paths.results() / "pipeline" / "runs" / name
    held = Conditions(retry_delay_s=0, **conditions)
    info = run.new_run(deployed.target, deployed.stack, points, folder, held, arm=arm)
    row = run.run_once(deployed.target, deployed.stack, points, folder, info)
    return row, list(collect.fetch(str(folder)))


def ledger(row):
    return {name: row[name] for name in ("submitted", *contract.OUTCOMES) if row[name]}


def test_a_request_beyond_its_size_is_refused_by_both_apis(both):
    """413 with what to do, and nothing of it is queued or stored."""
    points = [{"n": n, "data": "\N{TEST TUBE}" * contract.DATAPOINT_MAX_CHARS} for n in range(100)]
    for deployed in both.values():
        answer = deployed.post({"run_id": "large", "datapoints": points})
        assert (answer.status_code, deployed.settled("large", 0)) == (413, {}), answer.text
        assert answer.json()["message"].endswith("are accepted; send fewer datapoints at once")


def line_logged(deployed, group, request_id):
    """The JSON line of an invocation, which may come a moment after its result."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for event in deployed.client("logs").filter_log_events(logGroupName=deployed[group])["events"]:
            if event["message"].startswith("{") and request_id in event["message"]:
                return json.loads(event["message"])
        time.sleep(0.05)
    raise AssertionError(f"{request_id} is not in {group}")


def test_one_datapoint_is_followed_from_post_to_item(distributed):
    """Answer, item and log lines tell one story: same ids, rising times, one receive."""
    began_at = time.time()
    body = {"run_id": "followed", "datapoints": [{"n": 7, "data": "palavra"}]}

    answer = distributed.post(body).json()
    [item] = distributed.settled("followed", 1).values()

    assert (answer["accepted"], answer["rejected"], answer["retry"]) == ([7], [], [])
    assert (item["run_shard"], item["n"], item["outcome"]) == ("followed#7", 7, "stored")
    assert json.loads(item["result"]) == "palavra_processed"
    assert (item["receives"], item["attempt"], item.get("attempts", [])) == (1, 1, [])
    assert item["collector_request_id"] == answer["invocation"]["request_id"]
    times = ["received_at", "queued_at", "first_received_at", "started_at", "finished_at", "put_at"]
    stamps = [began_at, *[item[name] for name in times], time.time()]
    assert all(later >= earlier - 0.001 for earlier, later in itertools.pairwise(stamps))
    collected = line_logged(distributed, "CollectorLogGroup", item["collector_request_id"])
    processed = line_logged(distributed, "ProcessorLogGroup", item["request_id"])
    assert (collected["event"], collected["accepted"]) == ("request_served", 1)
    assert (processed["event"], processed["received"], processed["stored"]) == ("batch_processed", 1, 1)
    assert processed["environment_id"] == item["environment_id"]


@pytest.mark.parametrize("senders", [20, pytest.param(100, marks=pytest.mark.faults)])
def test_the_originals_client_keeps_working(distributed, command, senders):
    """A process pool with plain POSTs and no retries: all 200, and every word ends in the table."""
    api = describe_api(distributed.target, distributed.stack.outputs)
    words = (paths.data() / "words.txt").read_text().splitlines()

    client = subprocess.run(
        [sys.executable, "-c", ORIGINAL_CLIENT, api.url, api.key.reveal(), str(senders),
         str(paths.data() / "words.txt")],
        capture_output=True, text=True, timeout=150, check=True,
    )  # fmt: skip

    answers = json.loads(client.stdout)
    assert [(word, status) for word, status, _ in answers] == [(word, 200) for word in words]
    assert [answer["message"] for _, _, answer in answers] == [f"Succeeded: {word}" for word in words]
    distributed.drain()
    fetched = {}
    for run_id in {answer["run_id"] for _, _, answer in answers}:  # two, around midnight
        fetch = command("fetch", run_id)
        assert (fetch.returncode, fetch.stderr) == (0, "")
        fetched |= {entry["n"]: entry for entry in map(json.loads, fetch.stdout.splitlines())}
    for word, _, answer in answers:
        assert fetched[answer["n"]] == {"n": answer["n"], "data": word, "result": f"{word}_processed"}


def test_every_kind_of_line_comes_back_as_it_went(distributed):
    """Unicode, quotes, tabs and JSON in lines survive; what is no datapoint is rejected, in its place."""
    points = files.read(paths.data() / "nasty.txt")

    row, answers = submit(distributed, "nasty", points, request_batch=7)

    lines = list(points)
    expected = [
        {"n": line.n, "data": line.data, "error": f"rejected: {line.reason}"}
        if line.reason
        else {"n": line.n, "data": line.data, "result": f"{line.data}_processed"}
        for line in lines
    ]
    assert answers == expected
    rejected = sum(bool(line.reason) for line in lines)
    assert rejected > 5
    assert ledger(row) == {"submitted": len(lines), "stored": len(lines) - rejected, "rejected": rejected}


def test_a_permanent_error_is_dead_at_once_with_its_cause(deploy, tmp_path):
    """`from lambdist_lib import PermanentError` works in the zip: one receive, and the cause on the item."""
    lambdas = shutil.copytree(paths.lambdas(), tmp_path / "lambdas")
    (lambdas / "processing.py").write_text(PERMANENT)
    points = datapoints.from_iterable(["good", "bad", "fine"])

    for kind, deployed in deploy("permanent", processing=lambdas, retry_delay_seconds=900).items():
        row, answers = submit(deployed, f"permanent-{kind.replace('_', '-')}", points, kind)

        assert ledger(row) == {"submitted": 3, "stored": 2, "dead": 1}
        assert answers[1] == {"n": 1, "data": "bad", "error": "dead: PermanentError: no such word"}
        item = deployed.settled(row["key"], 3)[1]
        assert item["receives"] == 1
        assert [one["cause"] for one in item["attempts"]] == ["PermanentError: no such word"]


def test_a_datapoint_that_always_fails_is_dead_after_five_receives(distributed, mails):
    """Five attempts with their causes, the payload as it came, and a digest without the payload."""
    points = datapoints.from_iterable(["one", "two", "three", "secret-word"])

    row, answers = submit(distributed, "fails", points, fault="raise:1@3")

    assert ledger(row) == {"submitted": 4, "stored": 3, "dead": 1}
    causes = [f"InjectedFault: injected by raise:1@3 at attempt {k}" for k in range(1, 6)]
    item = distributed.settled(row["key"], 4)[3]
    assert (item["outcome"], item["receives"]) == ("dead", 5)
    assert [attempt["cause"] for attempt in item["attempts"]] == causes
    assert len({attempt["request_id"] for attempt in item["attempts"]}) == 5
    assert json.loads(item["payload"])["data"] == "secret-word"
    assert answers[3] == {"n": 3, "data": "secret-word", "error": f"dead: {causes[-1]}"}

    [mail] = mails()
    assert mail.subject == "lambdist lambdist-distributed: 1 dead"
    assert "     1  application InjectedFault\n" in mail.text
    assert f"     1  {row['key']}\n" in mail.text
    assert f"lambdist dead {row['key']}\n" in mail.text
    assert "secret-word" not in mail.text


def test_datapoints_in_batches_meet_their_faults_as_planned(deploy):
    """In batches of ten with a third of the attempts failing: each fails as often as its plan says."""
    count, fault = 300, "raise:0.33,seed:4"
    points = datapoints.from_iterable([f"word-{n}" for n in range(count)])
    plan = faults.parse_fault(fault)
    strikes = {n: [plan.strikes("raise", n, attempt) for attempt in range(1, 6)] for n in range(count)}
    failures = {n: struck.index(False) if False in struck else 5 for n, struck in strikes.items()}
    dead = {n for n, times in failures.items() if times == 5}
    assert dead  # or this tests too little
    deployed = deploy("planned", ["distributed"], queue_batch=10)["distributed"]

    row, answers = submit(deployed, "planned", points, fault=fault, request_batch=10, queue_batch=10)

    assert ledger(row) == {"submitted": count, "stored": count - len(dead), "dead": len(dead)}
    table = tables.load(paths.results() / "pipeline" / "runs" / "planned")
    assert dict(zip(table["n"], table["failures"], strict=True)) == failures
    assert table["duplicates"].sum() == 0
    assert {answer["n"] for answer in answers if "error" in answer} == dead
    stages.check(stages.per_datapoint(table))
    assert table["request"].nunique() == count / 10


@pytest.mark.parametrize("arm", ["single_node", "single_node_parallel"])
def test_the_control_stores_and_buries_like_the_queue(single_node, arm):
    """Without a queue the client tries again; after five tries a datapoint is dead, with its cause."""
    points = datapoints.from_iterable([f"word-{n}" for n in range(30)])
    name = f"control-{arm.count('_')}"

    row, answers = submit(single_node, name, points, arm, fault="raise:1@4", chunks=5)

    assert ledger(row) == {"submitted": 30, "stored": 29, "dead": 1}
    cause = "InjectedFault: injected by raise:1@4 at attempt 5"
    assert answers[4]["error"] == f"dead: client: gave up after 5 tries: {cause}"
    assert answers[5] == {"n": 5, "data": "word-5", "result": "word-5_processed"}
    table = tables.load(paths.results() / "pipeline" / "runs" / name)
    spans = table[table["n"] != 4].sort_values("sent_at")
    overlaps = (spans["sent_at"].shift(-1) < spans["answered_at"]).any()
    assert overlaps == (arm == "single_node_parallel")
    stages.check(stages.per_datapoint(table))


def test_a_message_delivered_twice_is_stored_once(distributed):
    """SQS delivers at least once: the first result stays, the second is counted as a duplicate."""
    point = contract.Datapoint(run_id="twice", n=5, data="again", received_at=time.time())
    message = {
        "MessageBody": contract.message_body(point, collector={"request_id": "first"}),
        "MessageAttributes": contract.message_attributes(point),
    }
    sqs = distributed.client("sqs")
    sqs.send_message(QueueUrl=distributed["QueueUrl"], **message)
    first = distributed.settled("twice", 1)[5]

    sqs.send_message(QueueUrl=distributed["QueueUrl"], **message)
    distributed.drain()

    assert distributed.settled("twice", 1) == {5: {**first, "duplicates": 1}}


def test_a_malformed_message_is_dead_under_its_key(distributed):
    """Poison: the attributes keep the key, so that the item tells which datapoint died and why."""
    point = contract.Datapoint(run_id="poison", n=2, data="x")
    distributed.client("sqs").send_message(
        QueueUrl=distributed["QueueUrl"],
        MessageBody="{not json",
        MessageAttributes=contract.message_attributes(point),
    )

    item = distributed.settled("poison", 1)[2]

    assert (item["outcome"], item["receives"], item["payload"]) == ("dead", 1, "{not json")
    assert item["cause"].startswith("poison: JSONDecodeError")
