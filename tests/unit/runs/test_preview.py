"""`lambdist try`: process() in this process, as the zip would import it."""

import pytest

from lambdist_lib.errors import DataFileError, UsageError
from lambdist_lib.runs import preview


@pytest.fixture
def attempt(tmp_path):
    """`attempt(code, lines, n)`: the answers of a processing.py with this code."""

    def answers(code, lines="one\ntwo\n\nthree\n", n=5, **neighbours):
        (tmp_path / "processing.py").write_text(code)
        for name, text in neighbours.items():
            (tmp_path / f"{name}.py").write_text(text)
        (tmp_path / "data.txt").write_text(lines)
        return list(preview.preview(str(tmp_path / "data.txt"), n, processing=tmp_path))

    return answers


def test_the_first_answers_come_with_their_line_numbers(attempt):
    """Blank lines are no datapoints but keep their number; a short file gives what it has."""
    assert attempt("def process(data):\n    return {'length': len(data)}\n") == [
        {"n": 0, "data": "one", "result": {"length": 3}},
        {"n": 1, "data": "two", "result": {"length": 3}},
        {"n": 3, "data": "three", "result": {"length": 5}},
    ]
    assert len(attempt("def process(data):\n    return 1\n", n=2)) == 2


def test_what_would_be_retried_or_dead_is_shown_as_an_error(attempt):
    """An exception, a result that JSON cannot hold, a line that is no datapoint: the next line goes on."""
    code = "def process(data):\n    return {'set': {1}, 'four': 4}[data]\n"

    answers = attempt(code, "set\ntwo\nbell\x07\nfour\n")

    assert [answer.get("error") for answer in answers] == [
        "PermanentError: process() returned what JSON cannot hold: "
        "Object of type set is not JSON serializable",
        "KeyError: 'two'",
        "rejected: has the unprintable character U+0007 at 4",
        None,
    ]


def test_a_permanent_error_is_told_apart(attempt):
    """It is the class of the contract, imported as in the zip."""
    code = "from lambdist_lib import PermanentError\n\n"
    code += "def process(data):\n    raise PermanentError('no')\n"

    assert attempt(code, "one\n") == [{"n": 0, "data": "one", "error": "PermanentError: no"}]


def test_neighbours_are_found_when_process_imports_them(attempt):
    """At module level and inside process(), as in the zip."""
    code = "import table_a\n\ndef process(data):\n    import table_b\n    return table_a.A + table_b.B\n"

    answers = attempt(code, "one\n", table_a="A = 1\n", table_b="B = 2\n")

    assert answers == [{"n": 0, "data": "one", "result": 3}]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0\n", r"processing\.py fails: ZeroDivisionError"),
        ("def process(\n", r"processing\.py fails: SyntaxError"),
        ("x = 1\n", r"processing\.py fails: AttributeError.*process"),
        (
            "import no_such_package\n",
            r"fails: ModuleNotFoundError.*; a package is named in .*requirements\.txt",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_a_usage_error(attempt, code, message):
    """One line that names the file; no traceback for what the person wrote."""
    with pytest.raises(UsageError, match=message):
        attempt(code)


def test_a_missing_file_is_a_usage_error(tmp_path, attempt):
    """Of the code as of the data."""
    with pytest.raises(UsageError, match=r"there is no .*processing\.py"):
        list(preview.preview("data/words.txt", 1, processing=tmp_path))
    attempt("def process(data):\n    return 1\n")
    with pytest.raises(DataFileError, match=r"no data file nowhere\.txt"):
        list(preview.preview("nowhere.txt", 1, processing=tmp_path))
