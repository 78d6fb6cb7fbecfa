"""Runs and experiments on the local cloud: whole, interrupted, resumed, continued, torn down."""

import itertools
import json
import random
import signal
import time

import pandas as pd
import pytest
from support import emulator
from support.waiting import eventually

from lambdist_lib import Experiment, load_results, paths
from lambdist_lib.cloud import local_cloud, targets
from lambdist_lib.cloud.api import describe_api
from lambdist_lib.costs import assumptions, bill, metering
from lambdist_lib.data import datapoints
from lambdist_lib.data import files as data_files
from lambdist_lib.deployment import lifecycle, stacks
from lambdist_lib.errors import RunError, TargetError, UncollectedError, UsageError
from lambdist_lib.measures import ledger, stages
from lambdist_lib.protocol import contract
from lambdist_lib.records import lambda_reports
from lambdist_lib.results import closing, files, folders, schema, tables
from lambdist_lib.runs import collect, resume
from lambdist_lib.runs import run as runs_run
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.submission import client
from lambdist_lib.submission.receipts import SendOptions

FILES = {
    "run.json",
    "truth.csv",
    "journal",
    "receipts.csv",
    "records.csv",
    "invocations.csv",
    "outputs.jsonl",
}
numbers = itertools.count()


@pytest.fixture
def folder():
    """Where a run of its own is kept; its name is the run's id."""
    return paths.results() / "runs" / "runs" / f"run-{next(numbers)}"


def start(deployed, folder, points, *, arm="distributed", watch=None, **conditions):
    of_run = Conditions(retry_delay_s=0, **conditions)
    info = runs_run.new_run(deployed.target, deployed.stack, points, folder, of_run, arm=arm)
    return runs_run.run_once(deployed.target, deployed.stack, points, folder, info, watch=watch)


def words(count):
    return datapoints.from_iterable([f"word-{n}" for n in range(count)])


def require_whole(folder, row, count, duplicates=0):
    """All stored, each once, at most so many more were refused, and every table tells the same."""
    assert (row["submitted"], row["stored"]) == (count, count)
    table = tables.load(folder)
    ledger.require_balanced(ledger.count(table))
    assert list(table["n"]) == list(range(count))
    assert table["duplicates"].sum() <= duplicates
    answers = list(collect.fetch(str(folder)))
    assert [answer["result"] for answer in answers] == [f"word-{n}_processed" for n in range(count)]
    assert json.loads((folder / "run.json").read_text())["state"] == "collected"


def test_a_run_leaves_all_that_is_known_of_it(distributed, folder):
    """Its folder has every file, the tables have the columns of the schema, the times add up."""
    points = datapoints.with_more(words(40), ["bad\x00line", "fails"])

    row = start(distributed, folder, points, fault="raise:1@41", chunks=8)

    assert {path.name for path in folder.iterdir()} == FILES
    table, invocations = tables.load(folder), tables.load(folder, "invocations")
    assert list(table.columns) == list(schema.RECORDS)
    assert list(invocations.columns) == list(schema.INVOCATIONS)
    counts = {name: row[name] for name in contract.OUTCOMES}
    assert counts == {"stored": 40, "dead": 1, "rejected": 1, "unsent": 0, "in_flight": 0, "lost": 0}
    assert row["submitted"] == sum(counts.values())
    assert table["outcome"].value_counts().to_dict() == {"stored": 40, "dead": 1, "rejected": 1}
    ledger.require_balanced(ledger.count(table))
    stages.check(stages.per_datapoint(table))
    assert set(invocations["function"]) == {"collector", "processor", "dead_letter"}
    of_processor = invocations[invocations["function"] == "processor"]
    assert (of_processor["received"].sum(), of_processor["stored"].sum()) == (40 + 5, 40)
    assert len(tables.load(folder, "receipts")) == 42
    assert 0 < row["enqueued_s"] <= row["seen_s"]
    assert 0 < row["makespan_s"] <= row["seen_s"]
    assert row["resumed"] is False
    closing.require_finished(row)


def test_a_run_uses_what_was_predicted_of_it(distributed, folder):
    """Requests, sends, releases, deletes and writes are those that its conditions lead to."""
    start(distributed, folder, datapoints.with_more(words(38), ["fails", "fails too"]),
          fault="raise:1@38-39", request_batch=8, chunks=2)  # fmt: skip
    prices = assumptions.load()

    results = load_results(folder)
    [run] = metering.meter_runs(results.runs, results.records, results.invocations, prices)

    used, expected = bill.total(run.used), bill.total(run.expected)
    counted = ("api_requests", "lambda_requests", "sqs_sends", "sqs_visibility_changes", "sqs_deletes")
    for amount in (*counted, "table_writes", "sns_publishes"):
        # each of the two dead may come alone to their Lambda: one invocation, delete and digest more
        assert getattr(used, amount) == pytest.approx(getattr(expected, amount), abs=1), amount
    assert (used.api_requests, used.sqs_sends) == (5, 5)
    assert run.used[bill.RETRIES].sqs_receives == pytest.approx(8)
    assert used.handler_gb_s > 0 and used.init_gb_s >= 0


def test_a_run_is_never_written_over(distributed, folder):
    """A second run under the same id is refused, and says how the first is finished."""
    start(distributed, folder, words(3))

    with pytest.raises(RunError, match=f"{folder.name} exists already; .*`lambdist resume"):
        start(distributed, folder, words(3))


def test_a_run_that_could_not_begin_leaves_its_id_free(distributed, folder):
    """After a mistake in the conditions the same command without the mistake works."""
    with pytest.raises(UsageError, match="chunks is 0"):
        start(distributed, folder, words(3), chunks=0)

    require_whole(folder, start(distributed, folder, words(3)), 3)


@pytest.mark.parametrize("phase", ["sending", "waiting for the queue"])
def test_an_interrupted_run_is_resumed(distributed, folder, phase):
    """Ctrl-C while sending or while waiting: what was accepted is not sent again, and nothing is missing."""
    points = words(60)

    def interrupt(counts):
        if counts.phase == phase and counts.answered:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(distributed, folder, points, watch=interrupt, work="io:40ms", chunks=4)
    row = resume.resume(distributed.target, distributed.stack, points, folder)

    assert row["resumed"] is True
    require_whole(folder, row, 60)
    assert (
        resume.resume(distributed.target, distributed.stack, points, folder) == row
    )  # a finished one is left


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[pytest.mark.chaos] if seed >= 8 else []) for seed in range(20)]
)
def test_a_killed_run_is_resumed(distributed, nursery, data_file, seed):
    """kill -9 at a random moment from the first request on: the table says what is done, the rest is sent.

    What a dead client had sent may be accepted after the resume has looked: it then comes
    twice, and the second result is refused.
    """
    moment, run_id = random.Random(seed), f"killed-{next(numbers)}"
    folder, data = paths.results() / run_id / "runs" / f"{run_id}-d", data_file(40)
    command = ["submit", data, "--id", run_id, "--work", "io:20ms", "--chunks", 4]

    pid = nursery.begin(paths.results(), command)
    assert eventually(lambda: (folder / "journal").exists())
    time.sleep(moment.uniform(0, 0.5))
    status = nursery.kill(pid)
    [row] = resume.resume_all(folder.name, data=str(data), connect=lambda target_label: distributed.target)

    assert status in (-signal.SIGKILL, 0)  # 0: a machine so fast that it was over
    assert row["resumed"] is (status != 0)
    require_whole(folder, row, 40, duplicates=4)


@pytest.mark.parametrize("how", ["the stack", "the local cloud"])
def test_a_run_whose_stack_is_gone_says_so(distributed, folder, how, monkeypatch):
    """Nothing is started for it: what was not collected is lost, and a fresh start is offered."""

    def interrupt(counts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=f"`lambdist resume {folder.name}`"):
        start(distributed, folder, data_files.read("data/words.txt"), watch=interrupt, chunks=2)
    distributed.drain()
    if how == "the stack":
        facts = folders.read_facts(folder)
        files.write_json(folder / "run.json", {**facts, "stack": "others-distributed"})
    else:
        monkeypatch.setattr(local_cloud, "find", lambda: None)

    with pytest.raises(TargetError, match=f"{folder.name} cannot go on: {how} .*is gone.*`lambdist deploy`"):
        resume.resume_all(folder.name, connect=lambda target_label: distributed.target)


def test_a_run_resumes_only_with_its_own_data(distributed, folder):
    """Another file under the run's id would mix two answers: refused."""

    def interrupt(counts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(distributed, folder, words(30), watch=interrupt, chunks=2)

    with pytest.raises(RunError, match=r"has changed since .* began"):
        resume.resume(distributed.target, distributed.stack, words(31), folder)
    distributed.drain()


def begin(data, **options):
    options = {"experiment_id": f"experiment-{next(numbers)}", "chunks": 4, "retry_delay_s": 0, **options}
    return Experiment(data=str(data), **options)


def test_an_experiment_of_one_pair_balances_and_leaves_nothing(empty, data_file):
    """Cold runs, one warm pair, measures, teardown; one pair gives a ratio without an interval."""
    work = begin(data_file(12), failing_datapoints=1, processors=2)

    work.deploy()
    cold, warm = work.run_cold(), work.run_pairs(1)
    summary = work.results.summarise()
    done = work.destroy()

    assert list(cold["arm"]) == ["distributed", "single_node"]
    assert set(warm["arm"]) == {"distributed", "single_node"}
    assert set(work.runs["stored"]) == {12}
    assert set(work.runs["dead"]) == {1}
    assert set(tables.load(work.folder, "runs")["run_id"]) == set(work.runs["run_id"])
    first = work.results.invocations.query("run_id == @cold.run_id.iloc[0]")
    assert first.groupby("environment_id")["cold"].sum().eq(1).all()
    assert json.loads((work.folder / "summary.json").read_text()) == summary
    assert len(list(work.results.outputs())) == 13
    assert done == "Both stacks and the artifact bucket are deleted from local cloud."
    with pytest.raises(TargetError, match="not deployed"):
        stacks.describe(empty, "distributed")


def test_a_condition_is_given_where_the_experiment_begins(empty, data_file):
    """As a setting of the deploy it would make other stacks than those that the runs write down."""
    work = begin(data_file(4))

    with pytest.raises(UsageError, match="memory_mb: a condition of the experiment"):
        work.deploy(memory_mb=256)

    with pytest.raises(TargetError, match="not deployed"):
        stacks.describe(empty, "distributed")


def test_an_experiment_goes_on_under_its_id(empty, data_file):
    """A second sitting repeats no run that has ended, adds the others, and takes no other conditions."""
    data = data_file(8)
    first = begin(data, processors=2)
    first.deploy()
    cold = first.run_cold()

    second = begin(data, experiment_id=first.id, processors=2)
    second.deploy()
    again = second.run_cold()
    second.run_pairs(1)

    assert again["started_at"].tolist() == cold["started_at"].tolist()
    assert len(second.runs) == 4
    second.ledger()
    with pytest.raises(RunError, match=f"the experiment {first.id} exists with other chunks"):
        begin(data, experiment_id=first.id, chunks=5)
    second.destroy()


def test_a_run_that_was_cut_short_is_finished_by_the_next_sitting(empty, data_file):
    """As after a killed kernel: half a journal, and a folder that says it was still sending."""
    data = data_file(8)
    first = begin(data, processors=2)
    first.deploy()
    home = first.folder / "runs" / first.run_cold()["run_id"].iloc[0]
    kept = (home / "journal").read_bytes()
    (home / "journal").write_bytes(kept[: len(kept) // 2])
    files.write_json(home / "run.json", {**folders.read_facts(home), "state": "submitting"})

    second = begin(data, experiment_id=first.id, processors=2)
    second.deploy()
    rows = second.run_cold()

    assert rows["resumed"].tolist() == [True, False, False]  # the last one replaces the resumed one's time
    assert second.ledger()["stored"].tolist() == [8, 8, 8]
    assert pd.to_numeric(second.results.records["duplicates"]).sum() == 0
    second.destroy()


def test_destroy_holds_back_while_results_are_uncollected(empty, data_file):
    """What were not fetched is named with the command that fetches it; forced, it goes."""
    deployed = stacks.apply_stacks(empty, settings={"experiment_controls": True})["distributed"]
    api = describe_api(empty, deployed.outputs)
    client.submit(words(3), api, SendOptions(chunks=1), run_id="left-alone", keep=lambda receipts: None)
    row = runs_run.submit(empty, "distributed", data=str(data_file(3)), experiment_id="fetched")
    assert row["stored"] == 3

    with pytest.raises(
        UncollectedError, match=r"were not fetched \(left-alone\): run `lambdist fetch left-alone`"
    ):
        lifecycle.destroy(empty)
    assert stacks.describe(empty, "distributed")  # still there

    lifecycle.destroy(empty, force=True)
    with pytest.raises(TargetError):
        stacks.describe(empty, "distributed")


def test_destroy_holds_back_while_messages_are_queued(empty):
    """An accepted datapoint that still waits is a result to come."""
    deployed = stacks.apply_stacks(empty, settings={"experiment_controls": True})["distributed"]
    plan = SendOptions(chunks=1, work="io:4s")
    client.submit(
        words(1), describe_api(empty, deployed.outputs), plan, run_id="slow", keep=lambda receipts: None
    )

    with pytest.raises(UncollectedError, match="1 message queued"):
        lifecycle.destroy(empty)

    lifecycle.destroy(empty, force=True)


def test_the_same_code_path_serves_another_endpoint(both, monkeypatch):
    """AWS_ENDPOINT_URL with target aws: how the AWS path is tried out without an account."""
    here = both["distributed"].target
    emulator.as_aws(monkeypatch, here.cloud)

    there = targets.connect("aws", region=here.region)

    assert there.label == "AWS us-east-1 at 127.0.0.1"
    assert stacks.describe(there, "distributed") == both["distributed"].stack


def test_reports_are_fetched_and_joined_by_request(both, folder, monkeypatch):
    """Through target aws, against the emulator, which writes REPORT lines without an init."""
    here, distributed = both["distributed"].target, both["distributed"]
    start(distributed, folder, words(6))
    emulator.as_aws(monkeypatch, here.cloud)
    there, invocations = targets.connect("aws", region=here.region), tables.load(folder, "invocations")

    table = lambda_reports.with_reports(there, [distributed.stack], invocations)

    assert table["request_id"].tolist() == invocations["request_id"].tolist()
    assert table["report_s"].notna().all()
    assert (table["report_s"] > table["duration_s"] - 0.002).all()  # the emulator's is in whole milliseconds
    assert (table["memory_size_mb"] == 512).all()
    assert table["init_to_invoke_s"].isna().all()
