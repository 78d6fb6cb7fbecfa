"""A function for every item, through the local cloud: results in order, failures named."""

import io
import json

import pandas as pd
import pytest
from hypothesis import find, settings
from hypothesis import strategies as st

from lambdist_lib import Experiment, connect, fan_out, load_results, paths, preview
from lambdist_lib.deployment import lifecycle, stacks
from lambdist_lib.errors import FailedItemError, FanOutError, RunError, UsageError
from lambdist_lib.protocol.arms import ARMS

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(SCALARS, lambda part: st.lists(part) | st.dictionaries(TEXT, part), max_leaves=12)


@pytest.fixture(scope="module")
def sample():
    """Items of every JSON type, some of them nested."""
    drawn = find(
        st.lists(JSON, min_size=20, max_size=20), lambda items: True, settings=settings(max_examples=1)
    )
    fixed = [
        None,
        True,
        0,
        -1,
        1.5,
        1e300,
        2**70,
        "",
        " ",
        "5",
        "\n\t\x7f\u2028",
        "\U0001f600",
        [],
        {},
        [[{}]],
    ]
    return [*fixed, *drawn, {"a": {"b": [1, None, "c"]}, "": [False]}]


def results_folders():
    return set(paths.results().glob("*/runs/*"))


def test_results_come_in_order_and_nothing_is_deployed_twice(target, monkeypatch):
    """The second call finds the stack up to date; a third with another function deploys."""
    words = [f"word-{n}" for n in range(30)]

    assert fan_out(str.upper, words) == [word.upper() for word in words]
    first = stacks.describe(target, "distributed")
    monkeypatch.setattr(lifecycle, "deploy", None)  # a call would raise
    assert fan_out(str.upper, iter(words)) == [word.upper() for word in words]
    monkeypatch.undo()
    assert stacks.describe(target, "distributed") == first
    assert fan_out(len, words[:2]) == [6, 6]
    assert stacks.describe(target, "distributed").code != first.code
    assert fan_out(len, []) == []


def test_items_that_fail_are_named_with_cause_and_attempts(target):
    """By default the call raises; the results of the others are in the error, and can be had alone."""

    def invert(number):
        return 1 / number

    with pytest.raises(FanOutError) as caught:
        fan_out(invert, [1, 0, 2], retry_delay_s=0, settings={"max_receives": 2})
    [failed] = caught.value.failed
    assert (failed.n, failed.attempts) == (1, 2)
    assert "ZeroDivisionError" in failed.cause
    assert caught.value.results == [1.0, failed, 0.5]

    again = fan_out(invert, [0, 4], retry_delay_s=0, settings={"max_receives": 2}, errors="return")
    assert isinstance(again[0], FailedItemError)
    assert again[1] == 0.25


def test_a_finished_call_is_read_again_by_its_id(target):
    """The same id gives the same results without a cloud; other items are refused."""
    assert fan_out(str.upper, ["a", "b"], experiment_id="named") == ["A", "B"]
    before = results_folders()

    assert fan_out(str.upper, ["a", "b"], experiment_id="named", target="aws") == ["A", "B"]
    with pytest.raises(RunError):
        fan_out(str.upper, ["a", "c"], experiment_id="named")
    assert results_folders() == before


def test_what_is_not_json_is_refused_before_anything_is_deployed(target):
    """No folder is left behind, and the index is named."""
    before = set(paths.results().glob("*"))

    with pytest.raises(UsageError, match="item 1 "):
        fan_out(str.upper, ["a", {1, 2}])
    assert set(paths.results().glob("*")) == before


def test_any_json_comes_back_equal_through_every_arm(target, sample):
    """As a datapoint and as a result, with its types."""

    def echo(item):
        return {"item": item, "type": type(item).__name__}

    with Experiment(
        process=echo, data=iter(sample), arms=list(ARMS), chunks=4, request_batch=5, keep_stacks=True,
        experiment_id="echo",
    ) as experiment:  # fmt: skip
        experiment.deploy()
        runs = experiment.run_pairs(1)

    assert set(runs["arm"]) == set(ARMS)
    for run_id in runs["run_id"]:
        answers = list(load_results(run_id).outputs())
        assert [repr(answer["data"]) for answer in answers] == [repr(item) for item in sample], run_id
        assert [repr(answer["result"]["item"]) for answer in answers] == [repr(item) for item in sample]
        assert [answer["result"]["type"] for answer in answers] == [type(item).__name__ for item in sample]


def test_rows_of_a_table_come_back_as_a_table(target):
    """The columns of the input stand beside the columns of the result."""
    table = pd.DataFrame({"name": ["ada", "bob"], "age": [36, None]})

    def describe(row):
        return {"length": len(row["name"]), "name": row["name"].title()}

    assert [answer["result"]["length"] for answer in preview(table, 2, process=describe)] == [3, 3]
    with Experiment(process=describe, data=table, arms=["local_pool"], chunks=2) as experiment:
        experiment.run_pairs(1)
        frame = experiment.results.frame()

    assert list(frame.columns) == ["name", "age", "length", "result_name"]
    assert list(frame["result_name"]) == ["Ada", "Bob"]
    assert json.loads(frame.to_json(orient="records"))[1]["age"] is None


def test_a_connected_target_is_taken_as_it_is(target):
    """A script that has connected passes the target on."""
    assert fan_out(len, ["four"], target=connect("local")) == [4]


def test_a_table_in_s3_is_sent_and_its_answers_come_back_as_a_table(target, both, command, tmp_path):
    """submit reads the object with the target's session; fetch puts the results beside the columns."""
    s3 = target.client("s3")
    s3.create_bucket(Bucket="tables")
    s3.put_object(Bucket="tables", Key="in/pages.csv", Body=b'url,note\na,"two\nlines"\nb,\n')

    sent = command("submit", "s3://tables/in/pages.csv", "--column", "url,note", "--id", "table-s3")
    fetched = command("fetch", "table-s3", "--format", "csv")

    assert sent.returncode == 0, sent.stderr
    assert "read as csv with a header line, column url, note" in sent.stderr
    frame = pd.read_csv(io.StringIO(fetched.stdout), keep_default_na=False)
    assert list(frame.columns) == ["n", "url", "note", "result"]
    assert list(frame["note"]) == ["two\nlines", ""]
    assert [json.loads(text.removesuffix("_processed"))["url"] for text in frame["result"]] == ["a", "b"]
