"""A report states in sentences what its tables leave to the reader."""

from support import tables as frames

from lambdist_lib.report import sentences


def test_an_accounted_ledger_is_a_yes_with_its_counts():
    """Datapoints that are made to fail on purpose are explained where they are counted."""
    fault = "raise:1@129-130,seed:0"
    runs = frames.runs(2).assign(submitted=131, stored=129, dead=2, fault=fault)

    assert sentences.accounted(runs) == (
        "Yes: 524 of 524 (516 stored, 8 dead). 2 datapoints of each run are made to fail on purpose: "
        "these are 8 of the 8 dead."
    )


def test_an_open_ledger_is_a_no_with_what_is_missing():
    runs = frames.runs(1).assign(submitted=131, stored=129, dead=0, lost=2)

    assert sentences.accounted(runs) == "No: 258 of 262 ended; 4 lost."


def test_unequal_lines_of_the_bill_are_named():
    """Small lines, and those that agree, are left out; the total is not a line."""
    line = {"arm": "distributed", "service": "Lambda"}
    rows = [
        {**line, "what": "GB-s of INIT", "usd_predicted": 0.9, "usd_metered": 0.1},
        {**line, "what": "requests", "usd_predicted": 0.4, "usd_metered": 0.41},
        {**line, "what": "polls", "usd_predicted": 0.0001, "usd_metered": 0.002},
        {**line, "what": "", "usd_predicted": 1.3, "usd_metered": 0.5},
    ]

    assert sentences.unequal_costs(rows) == (
        "Prediction and meter differ by more than a quarter in: Lambda GB-s of INIT of distributed "
        "(0.9 predicted, 0.1 metered)."
    )
    assert sentences.unequal_costs(rows[1:3]) == ""


def test_a_message_does_not_repeat_its_cause():
    """The cause has its own column; a message of another form stays whole."""
    assert sentences.message({"cause": "KeyError", "example": "KeyError: 'x'"}) == "'x'"
    assert sentences.message({"cause": "timeout", "example": "timed out after 2 s"}) == "timed out after 2 s"


def test_a_finding_has_its_parts():
    """What was measured, what to beware of, and what is predicted on AWS; names as in tables."""
    finding = "single_node takes 1.2 s (local cloud). Beware: it is slow. On AWS, predicted: 3 s."

    assert sentences.parts(finding) == [
        "single node takes 1.2 s (local cloud).", "Beware: it is slow.", "On AWS, predicted: 3 s.",
    ]  # fmt: skip
