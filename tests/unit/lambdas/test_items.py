"""The table's items make only the declared transitions."""

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import FakeDynamoDB, refusal

from items import PAYLOAD_MAX_BYTES, KeyTakenError, Table, cut_payload

NAMES = ["stored", "dead", "attempt"]


@pytest.fixture
def dynamodb():
    return FakeDynamoDB()


@pytest.fixture
def table(dynamodb):
    return Table(dynamodb, "table", 30)


def test_a_result_is_stored_under_its_datapoint(table, dynamodb):
    """Key, outcome, result and stamps are in one item, which expires."""
    assert table.store("run", 19, {"result": '"x"', "put_at": 1.25, "attempt": 1, "cold": True})

    item = dynamodb.item("run", 19)
    assert item.pop("expires_at") > 30 * 86_400
    assert item == {
        "run_shard": "run#3",
        "n": 19,
        "outcome": "stored",
        "result": '"x"',
        "put_at": 1.25,
        "attempt": 1,
        "cold": True,
    }


def test_a_second_result_is_rejected_and_counted(table, dynamodb):
    """SQS delivers at least once: the first result stays, later ones count as duplicates."""
    table.store("run", 0, {"result": "1"})

    again = [table.store("run", 0, {"result": "2"}) for _ in range(2)]

    assert again == [False, False]
    assert dynamodb.item("run", 0)["result"] == "1"
    assert dynamodb.item("run", 0)["duplicates"] == 2


def test_a_store_whose_own_first_copy_succeeded_is_no_duplicate(table, dynamodb):
    """boto3 sends a call again that got no response; another invocation's result is a duplicate."""
    own = {"result": "1", "put_at": 1.25, "request_id": "r1"}
    table.store("run", 0, own)

    assert table.store("run", 0, own)
    assert "duplicates" not in dynamodb.item("run", 0)
    assert not table.store("run", 0, {**own, "request_id": "r2"})
    assert dynamodb.item("run", 0)["duplicates"] == 1


def test_an_attempt_that_was_appended_twice_counts_once(table, dynamodb):
    """By a call that boto3 sent again; two attempts differ in their time."""
    table.append_attempt("run", 0, "no", "r1")
    attempts = dynamodb.items["run#0", 0]["attempts"]["L"]
    attempts.append(attempts[0])
    table.append_attempt("run", 0, "no", "r1")

    assert len(table.history("run", 0)["attempts"]) == 2


def test_a_late_success_wins_over_death(table, dynamodb):
    """A datapoint declared dead too early, or redriven, can still be stored."""
    table.record_death("run", 0, {"cause": "gave up"})

    assert table.store("run", 0, {"result": "1"})

    assert dynamodb.item("run", 0)["outcome"] == "stored"


def test_death_never_overwrites_a_result(table, dynamodb):
    """The dead letter of a stored datapoint changes nothing."""
    table.store("run", 0, {"result": "1"})
    before = dynamodb.item("run", 0)

    answer = table.record_death("run", 0, {"cause": "late"})

    assert answer == {"outcome": "stored", "attempts": [], "started": []}
    assert dynamodb.item("run", 0) == before


def test_record_death_is_idempotent(table, dynamodb):
    """The dead-letter handler may run again after a failure."""
    first = table.record_death("run", 0, {"cause": "no"})

    assert table.record_death("run", 0, {"cause": "no"}) == first
    assert {**first, "dead_at": None} == {"outcome": "dead", "dead_at": None, "attempts": [], "started": []}


def test_failed_attempts_set_no_outcome(table, dynamodb):
    """The history has every failure in order; the datapoint stays in flight, and expires."""
    table.append_attempt("run", 0, "first", "r1")
    table.append_attempt("run", 0, "second", "r2")

    item = dynamodb.item("run", 0)
    assert [(one["cause"], one["request_id"]) for one in item["attempts"]] == [
        ("first", "r1"),
        ("second", "r2"),
    ]
    assert "outcome" not in item
    assert item["expires_at"] > 30 * 86_400


def test_a_failed_attempt_has_class_and_receive(table):
    """Class and receive classify a death."""
    table.append_attempt("run", 0, "too slow", "r1", cause_class="timeout", receive=4)

    [attempt] = table.record_death("run", 0, {})["attempts"]
    assert attempt.pop("at") > 0
    assert attempt == {"cause": "too slow", "class": "timeout", "receive": 4, "request_id": "r1"}


def test_a_started_attempt_is_marked(table, dynamodb):
    """A crash leaves only a marker, without a failed attempt of the same receive."""
    table.mark_started("run", 0, "r1", 1)
    table.append_attempt("run", 0, "no", "r1", receive=1)
    found = table.mark_started("run", 0, "r2", 2)

    assert [(one["receive"], one["request_id"]) for one in found["started"]] == [(1, "r1"), (2, "r2")]
    assert [one["receive"] for one in found["attempts"]] == [1]
    assert "outcome" not in dynamodb.item("run", 0)


def test_the_history_survives_the_outcome(table, dynamodb):
    """The item keeps the failures before a success or a death."""
    for n in (0, 1):
        table.append_attempt("run", n, "first", "r1")

    table.store("run", 0, {"result": "1"})
    death = table.record_death("run", 1, {})

    assert dynamodb.item("run", 0)["attempts"][0]["cause"] == "first"
    assert [one["cause"] for one in death["attempts"]] == ["first"]


@pytest.mark.parametrize("act", ["store", "record_death"])
def test_any_other_client_error_is_raised(act):
    """A throttled write is not a duplicate: it is raised, so that the datapoint is retried."""

    class ThrottledOnce(FakeDynamoDB):
        def update_item(self, **request):
            refused, self.refuses = self.refuses, frozenset()
            if refused:
                raise refusal("ProvisionedThroughputExceededException")
            return super().update_item(**request)

    table = Table(ThrottledOnce(refuses={0}), "table", 30)

    with pytest.raises(ClientError, match="ProvisionedThroughput"):
        getattr(table, act)("run", 0, {"result": "1"})


@given(st.lists(st.sampled_from(NAMES), min_size=1))
def test_a_stored_result_is_final_in_any_order(acts):
    """In any sequence of stores, deaths and failed attempts, the first store decides."""
    dynamodb = FakeDynamoDB()
    table = Table(dynamodb, "table", 30)

    for number, act in enumerate(acts):
        if act == "stored":
            table.store("run", 0, {"result": str(number)})
        elif act == "dead":
            table.record_death("run", 0, {})
        else:
            table.append_attempt("run", 0, "no", "r")

    item = dynamodb.item("run", 0)
    outcomes = [act for act in acts if act != "attempt"]
    expected = "stored" if "stored" in outcomes else "dead" if outcomes else None
    assert item.get("outcome") == expected
    assert len(item.get("attempts", [])) == acts.count("attempt")
    if expected == "stored":
        assert item["result"] == str(acts.index("stored"))
        assert item.get("duplicates", 0) == acts.count("stored") - 1


def test_a_key_with_another_datapoints_result_is_taken(dynamodb):
    """A duplicate is a second result of the same datapoint; older items have no digest."""
    table = Table(dynamodb, "t", 1)
    table.store("run", 0, {"result": "1", "digest": "a"})
    table.store("run", 1, {"result": "1"})

    assert table.store("run", 0, {"result": "1", "digest": "a"}) is False
    assert table.store("run", 1, {"result": "1", "digest": "a"}) is False
    with pytest.raises(KeyTakenError):
        table.store("run", 0, {"result": "2", "digest": "b"})
    assert dynamodb.item("run", 0)["result"] == "1"


def test_a_stored_item_has_no_payload(dynamodb):
    """A datapoint that died and came back keeps its room for the result: DynamoDB allows 400 KB."""
    table = Table(dynamodb, "t", 1)
    table.record_death("run", 0, {"payload": "x" * 80_000, "cause": "no"})

    table.store("run", 0, {"result": "y" * 300_000})

    item = dynamodb.item("run", 0)
    assert (item["outcome"], item["cause"], "payload" in item) == ("stored", "no", False)


# -- Payloads ------------------------------------------------------------------------------


@given(st.text(), st.integers(0, 30_000))
def test_a_payload_is_truncated_between_characters(text, repeated):
    """A truncated payload is a beginning of it that fits beside a result."""
    payload = text + "👍" * repeated

    cut = cut_payload(payload)

    assert payload.startswith(cut)
    assert len(cut.encode()) <= PAYLOAD_MAX_BYTES
    assert cut == payload or len(cut.encode()) > PAYLOAD_MAX_BYTES - 4
