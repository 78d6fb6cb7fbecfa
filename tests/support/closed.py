"""Whether a collected run is closed: its ledger equals the input, the table, the receipts and the answers."""

import contextlib
import csv
import json
from collections import Counter
from pathlib import Path

from lambdist_lib.cloud import targets
from lambdist_lib.deployment import stacks
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import OUTCOMES
from lambdist_lib.records import items
from lambdist_lib.results import folders, journal, tables


@contextlib.contextmanager
def connected():
    """The local cloud, leased for the block."""
    target = targets.connect("local")
    try:
        yield target
    finally:
        for client in target._clients.values():
            client.close()
        target.cloud.release()


def require_closed(folder: Path, data: Path, *, rejected: int) -> dict[str, int]:
    """Assert that nothing of a run through words is open or lost; returns its counts.

    Args:
        data: The run's input, of which `rejected` lines are invalid.
    """
    facts, lines = folders.read_facts(folder), data.read_text(encoding="utf-8").splitlines()
    assert (facts["state"], facts["submitted"]) == ("collected", len(lines)), facts
    counts = {name: facts[name] for name in OUTCOMES}
    assert counts == {
        **dict.fromkeys(OUTCOMES, 0),
        "stored": facts["stored"], "dead": len(lines) - rejected - facts["stored"], "rejected": rejected,
    }  # fmt: skip
    records = tables.load(folder, "records").set_index("n")
    assert list(records.index) == [*range(len(lines))]
    assert {name: Counter(records["outcome"])[name] for name in OUTCOMES} == counts
    outcomes = dict(records["outcome"])
    require_answers(folder, lines, outcomes)
    require_as_planned(folder, outcomes)
    require_table(facts, lines, outcomes)
    if ARMS[facts["arm"]].queued:
        settled = {n for n, outcome in outcomes.items() if outcome != "rejected"}
        accepted = {row["n"] for row in journal.read(folder / "journal") if row["verdict"] == "accepted"}
        assert settled == accepted
    assert not list(folder.glob("*.partial"))
    shown = {name: counts[name] for name in ("stored", "dead", "rejected")}
    return {**shown, "duplicates": int(records["duplicates"].sum())}


def require_answers(folder: Path, lines: list[str], outcomes: dict[int, str]) -> None:
    """Each line has its own answer, in the order of the input, and an error where it has no result."""
    answers = [json.loads(line) for line in (folder / "outputs.jsonl").read_text("utf-8").splitlines()]
    assert [answer["n"] for answer in answers] == [*range(len(lines))]
    for n, answer in enumerate(answers):
        if outcomes[n] == "stored":
            assert answer == {"n": n, "data": lines[n], "result": f"{lines[n]}_processed"}
        else:
            assert answer["error"].startswith(f"{outcomes[n]}: ")


def require_as_planned(folder: Path, outcomes: dict[int, str]) -> None:
    """Those are dead that the fault plan tells, and no others."""
    plan = folder / "truth.csv"
    rows = csv.DictReader(plan.read_text().splitlines()) if plan.exists() else ()
    assert {int(row["n"]) for row in rows if row["outcome"] == "dead"} == {
        n for n, outcome in outcomes.items() if outcome == "dead"
    }


def require_table(facts, lines: list[str], outcomes: dict[int, str]) -> None:
    """The items in the cloud's table are those outcomes; without a queue the client tells the dead ones."""
    arm = ARMS[facts["arm"]]
    with connected() as target:
        table = items.items(target, stacks.describe(target, arm.stack), folders.key_of(facts))
    in_table = {"stored", "dead"} if arm.queued else {"stored"}
    assert {n: item["outcome"] for n, item in table.items() if item.get("outcome") in in_table} == {
        n: outcome for n, outcome in outcomes.items() if outcome in in_table
    }
    for n, item in table.items():
        assert "result" not in item or json.loads(item["result"]) == f"{lines[n]}_processed"
