"""Dead letters out of a run's folder or a table's items, and what a redrive makes of them."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest
from support import tables as frames

from lambdist_lib.analysis import load_results
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.records import dead_letters
from lambdist_lib.records.dead_letters import DeadLetter
from lambdist_lib.results import files, tables
from lambdist_lib.runs import ground_truth, redrive

LETTER = DeadLetter(
    run_id="run", n=3, data="word", cause_class="application", cause="ValueError: no",
    causes=("ValueError: no",), receives=5, redrives=0, first_at=1.0, last_at=2.0,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A collected run of five datapoints: 2 died of an error, 4 of a crash."""
    path = tmp_path / "runs" / "run-1"
    path.mkdir(parents=True)
    table = frames.records(5, dead={2, 4})
    table.loc[4, ["cause_class", "cause", "failure_causes"]] = "crash", "crash: x", ""
    tables.write_table(path, "records", table)
    answers = [{"n": n, "data": f"word-{n}", "error": "dead: x"} for n in range(5)]
    (path / "outputs.jsonl").write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    facts = {"run_id": "run-1", "arm": "distributed", "state": "collected"}
    files.write_json(path / "run.json", facts)
    return path


def test_a_folder_tells_its_dead_without_a_cloud(folder):
    """What each was, of which class it died, after which attempts, and when."""
    first, second = dead_letters.list_dead_letters(str(folder))

    assert (first.n, first.data, first.cause_class, first.receives) == (2, "word-2", "application", 5)
    assert first.causes == (frames.CAUSE,) * 5
    assert first.first_at < first.last_at
    assert (second.n, second.cause_class, second.causes) == (4, "crash", ())


def test_one_class_can_be_asked_for(folder):
    assert [letter.n for letter in dead_letters.list_dead_letters(str(folder), cause="crash")] == [4]
    assert dead_letters.list_dead_letters(str(folder), cause="timeout") == []
    with pytest.raises(UsageError, match="unknown cause 'crush': use one of application, timeout"):
        dead_letters.list_dead_letters(str(folder), cause="crush")


def test_a_run_that_was_not_collected_says_so(folder):
    files.write_json(folder / "run.json", {"run_id": "run-1", "arm": "distributed", "state": "settling"})

    with pytest.raises(RunError, match="was not collected: finish it with `lambdist resume"):
        dead_letters.list_dead_letters(str(folder))


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ('{"data": "word", "n": 1}', "word"),
        ('{"data": "\\ud83d\\udc4d"}', "\U0001f44d"),
        ('{"data": "word", "n": 1', None),
        ('{"data": 5}', None),
        ("[]", None),
        ("[" * 200_000, None),
        ("", None),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_a_payload_gives_its_datapoint_whole_or_not_at_all(payload, data):
    """Half a datapoint is not sent again as if it were one."""
    assert dead_letters.data_of(payload) == data


def test_an_item_alone_makes_a_letter():
    """As for datapoints that came without a run."""
    item = {
        "n": 7, "outcome": "dead", "payload": '{"data": "word"}', "cause": "E: x",
        "cause_class": "application", "attempts": [{"cause": "E: x", "class": "application"}],
        "receives": 5, "first_at": 1.5, "dead_at": 9,
    }  # fmt: skip

    letter = dead_letters.of_item("adhoc-2026-11-23", item)

    assert (letter.data, letter.causes, letter.first_at, letter.last_at) == ("word", ("E: x",), 1.5, 9)


@pytest.mark.parametrize("arm", ["single_node", "local_pool", "url"])
def test_a_run_without_a_queue_cannot_be_redriven(folder, arm):
    """It says so before anything is asked of a cloud."""
    files.write_json(folder / "run.json", {"run_id": "run-1", "arm": arm, "state": "collected"})

    with pytest.raises(RunError, match="nothing can be sent again; `lambdist submit` sends its file"):
        redrive.redrive_all(str(folder), connect=lambda target_label: pytest.fail("no cloud is needed"))
    with pytest.raises(RunError, match=f"went through {arm}, which has no queue of dead letters"):
        redrive.redrive_run(SimpleNamespace(), SimpleNamespace(), folder)


def test_what_was_planned_is_held_against_what_was_found(folder):
    """truth.csv beside the records; what nobody could plan, or was sent again, is left out."""
    assert load_results(folder).planned_vs_actual().empty
    told = [("stored", ""), ("", ""), ("dead", "application"), ("dead", "timeout"), ("dead", "timeout")]
    rows = "".join(f"{n},{outcome},{fate},1,0,0,\n" for n, (outcome, fate) in enumerate(told))
    (folder / ground_truth.FILE).write_text(
        f"{','.join(ground_truth.ExpectedOutcome.__dataclass_fields__)}\n{rows}"
    )
    table = tables.load(folder)
    table.loc[3, "redrives"] = 1
    tables.write_table(folder, "records", table)

    matrix = load_results(folder).planned_vs_actual()

    assert matrix.to_dict("index") == {
        "stored": {"stored": 1, "application": 0, "timeout": 0, "crash": 0},
        "application": {"stored": 0, "application": 1, "timeout": 0, "crash": 0},
        "timeout": {"stored": 0, "application": 0, "timeout": 0, "crash": 1},
        "crash": {"stored": 0, "application": 0, "timeout": 0, "crash": 0},
    }


def test_old_tables_without_a_column_are_told(folder):
    """A folder of an older version is refused by name, not by a missing key."""
    pd.read_csv(folder / "records.csv").drop(columns="cause_class").to_csv(
        folder / "records.csv", index=False
    )

    with pytest.raises(RunError, match="is of another version"):
        dead_letters.list_dead_letters(str(folder))
