"""Results read from folders: whole, damaged, foreign, and with an open ledger."""

import functools
import gzip
import json
import shutil
from types import SimpleNamespace

import pandas as pd
import pytest
from support import tables as frames

from lambdist_lib.analysis import load_results, result_units
from lambdist_lib.cli import main
from lambdist_lib.cloud import targets
from lambdist_lib.costs import assumptions, metering
from lambdist_lib.errors import RunError, UnfinishedError
from lambdist_lib.experiment import Experiment
from lambdist_lib.planner import calibration
from lambdist_lib.report import source as report_source
from lambdist_lib.results import files, folders, tables

FIRST = "run-1-distributed"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """`original(3)`: the folder that `experiment(3)` copies, written once."""

    @functools.cache
    def written(lost):
        home = tmp_path_factory.mktemp("original") / "experiment"
        runs = frames.runs(2).assign(submitted=40, stored=40, dead=0)
        mine = runs["run_id"] == FIRST
        runs.loc[mine, ["stored", "lost"]] = [40 - lost, lost]
        for run in runs.to_dict("records"):
            folder = home / "runs" / run["run_id"]
            folder.mkdir(parents=True)
            table = frames.records(40, arm=run["arm"], run_id=run["run_id"])
            if run["run_id"] == FIRST:
                table.loc[: lost - 1, "outcome"] = "lost"
            tables.write_table(folder, "records", table)
            tables.write_table(folder, "invocations", frames.invocations(40, run_id=run["run_id"]))
            files.write_json(folder / "run.json", {**run, "state": "collected", "unknown": 0, "stopped": ""})
        tables.write_table(home, "runs", runs)
        return home

    return written


@pytest.fixture
def experiment(tmp_path, original):
    """`experiment(lost=3)`: a folder of two pairs; the first distributed run lost three datapoints."""

    def copied(lost=0):
        return shutil.copytree(original(lost), tmp_path / "experiment")

    return copied


def test_a_whole_folder_is_measured(experiment):
    """And its summary lies beside it."""
    home = experiment()

    summary = load_results(home).summarise()

    assert summary["measures"]["speedup"]["n"] == 2
    assert json.loads((home / "summary.json").read_text())["finding"] == summary["finding"]


def test_a_summary_of_one_run_lies_where_it_was_asked_for(experiment, tmp_path, monkeypatch):
    """Beside the experiment that has this one run, or in the run's own folder."""
    home = experiment()
    for run in sorted((home / "runs").iterdir())[1:]:
        shutil.rmtree(run)
    [run] = (home / "runs").iterdir()
    monkeypatch.setenv("LAMBDIST_RESULTS", str(tmp_path))

    for where in ("experiment", home, f"{home}/."):
        load_results(where).summarise("of the experiment")
    for where in (run.name, run):
        load_results(where).summarise("of the run")

    assert json.loads((home / "summary.json").read_text())["finding"] == "of the experiment"
    assert json.loads((run / "summary.json").read_text())["finding"] == "of the run"
    page = report_source.find("experiment")
    assert report_source.summary(page)["finding"] == "of the experiment"


def test_a_summary_has_the_bill(experiment, capsys):
    """Lines of each arm, a sum, and a table that `lambdist analyse` prints."""
    home = experiment()

    summary = load_results(home).summarise()

    assert {row["arm"] for row in summary["tables"]["cost"]} == {"distributed", "single_node"}
    one = summary["measures"]["cost_per_million_usd"]
    assert (one["n"], one["target"]) == (2, "local cloud") and one["value"] > 0
    assert summary["measures"]["single_node_cost_retries_share"]["value"] == 0
    assert main.main(["analyse", str(home)]) == 0
    assert "USD for a million datapoints at AWS's prices, metered in these runs" in capsys.readouterr().out


def test_the_free_tier_is_an_option(experiment):
    """What is left of so few datapoints is the API and the table's requests."""
    home = experiment()

    paid, free = (load_results(home).costs(free_tier=free).table for free in (False, True))

    assert set(paid.loc[paid["usd_metered"] > 0, "service"]) > {"API Gateway", "DynamoDB", "Lambda", "SQS"}
    assert set(free.loc[free["usd_metered"] > 0, "service"]) == {"API Gateway", "DynamoDB", "all"}


def test_a_bill_is_computed_once(experiment, monkeypatch):
    """Figure, table and summary share it; other prices or the free tier make another one."""
    priced = []
    meter_runs = metering.meter_runs
    monkeypatch.setattr(
        metering, "meter_runs", lambda *runs, **how: priced.append(1) or meter_runs(*runs, **how)
    )
    results = load_results(experiment())

    assert results.costs().table.equals(results.costs().table)
    assert len(priced) == 1
    assert not results.costs(free_tier=True).table.equals(results.costs().table)
    assert len(priced) == 2


def test_large_results_cost_a_write_for_each_kilobyte(experiment):
    """Of 40 answers one has 5,000 characters; what is dead has no result to write."""
    home = experiment() / "runs" / FIRST
    answers = [{"n": n, "data": "word", "result": "x" * (5_000 if n == 7 else 3)} for n in range(39)]
    lines = [*answers, {"n": 39, "data": "word", "error": "dead: application"}]
    (home / "outputs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    assert result_units([home], assumptions.load()) == {FIRST: 38 + 6}


def test_a_finding_of_another_question_takes_the_place_of_the_comparison(experiment):
    assert load_results(experiment()).summarise("it is cold")["finding"] == "it is cold"


def packed(content):
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("records.csv", None, r"run-1-distributed has no records\.csv: the run was not collected"),
        ("records.csv", lambda text: b"", r"records\.csv of run-1-distributed cannot be read"),
        (
            "records.csv",
            lambda text: b"\x00\xff\xfe\n" * 9,
            r"records\.csv of run-1-distributed (cannot|is of)",
        ),
        ("records.csv", lambda text: b"a,b\n1,2\n", "is of another version"),
        ("records.csv", lambda text: text[:-20], r"records\.csv of run-1-distributed is cut off in its last"),
        ("records.csv", lambda text: text[: text.rindex(b"\n", 0, -1) + 1], "has 39 of 40 datapoints"),
        ("records.csv", lambda text: text.replace(FIRST.encode(), b"other"), "has 0 of 40 datapoints"),
        ("records.csv", lambda text: text.replace(b",stored,", b",sorted,"), "40 unaccounted for"),
        ("invocations.csv", None, r"has no invocations\.csv"),
        ("invocations.csv", lambda text: text[:-9], r"invocations\.csv of .* is cut off in its last line"),
        ("run.json", lambda text: text[:-30], r"run\.json is damaged"),
        ("run.json", lambda text: b"[]", r"run\.json is damaged"),
    ],
)
def test_a_file_that_is_missing_cut_off_or_foreign_is_named(experiment, name, change, said):
    home = experiment()
    path = home / "runs" / FIRST / name
    content = path.read_bytes()
    path.unlink()
    if change:
        path.write_bytes(change(content))

    with pytest.raises(RunError, match=said):
        load_results(home).summarise()


def test_a_packed_file_that_is_cut_off_is_named(experiment):
    home = experiment()
    path = home / "runs" / FIRST / "records.csv"
    path.with_suffix(".csv.gz").write_bytes(packed(path.read_bytes())[:-100])
    path.unlink()

    with pytest.raises(RunError, match=r"records\.csv\.gz of run-1-distributed cannot be read"):
        load_results(home).summarise()


def test_lost_datapoints_stop_the_analysis_unless_it_is_allowed(experiment):
    home = experiment(lost=3)
    with pytest.raises(RunError, match="run run-1-distributed: 3 lost of 40 datapoints"):
        load_results(home).summarise()

    summary = load_results(home, allow_incomplete=True).summarise()

    stamp = "local cloud, LEDGER OPEN: 3 lost of 160"
    assert {one["target"] for one in summary["measures"].values()} == {stamp}


@pytest.fixture
def reopened(experiment, monkeypatch, tmp_path):
    """`reopened(lost=3)`: the experiment of that folder, as a notebook has it."""

    def made(lost=0):
        folder = experiment(lost)
        local = SimpleNamespace(name="local", label="local cloud")
        monkeypatch.setattr(targets, "connect", lambda *_, **__: local)
        live = Experiment(experiment_id=folder.name, results_dir=tmp_path)
        live.runs = tables.load(folder, "runs")
        return live

    return made


def test_an_open_ledger_stops_an_experiment_unless_it_is_allowed(reopened):
    """If it is allowed, the label of every figure, the runs' targets and the summary name it."""
    live = reopened(lost=3)
    with pytest.raises(RunError, match="3 lost of 40 datapoints"):
        live.ledger()
    assert live.results.target_label == "local cloud"

    counts, label = live.ledger(allow_incomplete=True), "local cloud, LEDGER OPEN: 3 lost of 160"

    assert counts["lost"].sum() == 3
    assert live.results.target_label == label
    assert set(live.results.runs["target"]) == {label}
    assert label in live.results.finding()
    assert live.results.summarise()["target"] == label


def test_a_closed_ledger_is_the_same_if_an_open_one_is_allowed(reopened):
    live = reopened()

    pd.testing.assert_frame_equal(live.ledger(), live.ledger(allow_incomplete=True))
    assert live.results.target_label == "local cloud"


def test_unsent_datapoints_stop_an_experiment(reopened):
    live = reopened()
    facts = folders.read_facts(live.folder / "runs" / FIRST)
    files.write_json(live.folder / "runs" / FIRST / "run.json", {**facts, "stored": 30, "unsent": 10})

    with pytest.raises(UnfinishedError, match="10 datapoints were not sent"):
        live.ledger()


def test_results_are_taken_as_they_are(experiment):
    """An id, a folder and a Results are the same to every function."""
    results = load_results(experiment())

    assert load_results(results) is results


def test_columns_are_read_from_the_folder_or_from_the_loaded_table(experiment):
    """They are the same, and reading some does not load all."""
    results = load_results(experiment())

    from_folder = results.read("records", ["put_at", "run_id"])
    assert "records" not in vars(results)

    pd.testing.assert_frame_equal(from_folder, results.records[["run_id", "put_at"]])
    pd.testing.assert_frame_equal(results.read("records", ["put_at", "run_id"]), from_folder)


def test_a_summary_reads_only_what_it_measures(experiment):
    """The tables of all columns stay in their folder."""
    results = load_results(experiment())

    results.summarise()

    assert not {"records", "invocations"} & set(vars(results))


def test_a_calibration_reads_no_other_columns(experiment):
    """The columns that it names are enough."""
    results = load_results(experiment())

    part = calibration.calibrate(
        results.runs, results.read("records", calibration.RECORDS), results.invocations
    )

    assert part == calibration.calibrate(results.runs, results.records, results.invocations)
