"""`lambdist try`: process() on this machine, as a Lambda would run it."""

from pathlib import Path

import pytest
from support import harmful
from support.harmful import HARMFUL

from lambdist_lib.deployment.dependencies import HERE
from lambdist_lib.errors import DataFileError, DeployError, UsageError
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


def test_the_folder_of_the_code_is_read_only_for_root_too(attempt):
    """As on Lambda, where /tmp alone can be written; a new file and a changed one fail alike."""
    code = (
        "import pathlib, tempfile\n\n"
        "def process(data):\n"
        "    tempfile.TemporaryFile().write(b'x')\n"
        "    pathlib.Path(__file__).with_name(data).write_text('x')\n"
    )

    answers = attempt(code, "new.txt\nprocessing.py\n")

    assert [answer["error"].partition(":")[0] for answer in answers] == ["PermissionError"] * 2


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
        ("x = 1\n", r"processing\.py fails: AttributeError.*process"),
        (
            "import importlib\nimportlib.import_module('numpy')\n",  # this Python has it, Lambda has not
            r"fails: ModuleNotFoundError.*; a package is named in .*requirements\.txt",
        ),
        ("import sys\nsys.exit(0)\n", r"processing\.py fails: SystemExit: 0"),
        ("import os\nos._exit(0)\n", r"processing\.py fails: crash: its process ended \(exit status 0\)"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_usage_error(attempt, code, message):
    """One line that names the file; no traceback for what the person wrote."""
    with pytest.raises(UsageError, match=message):
        attempt(code)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def process(\n", r"processing\.py does not parse"),
        ("import no_such_package\n", "imports no_such_package, which Lambda does not have; add its package"),
    ],
)
def test_a_file_that_cannot_be_deployed_is_refused_with_the_same_words(attempt, code, message):
    """Before it runs, as before an upload."""
    with pytest.raises(DeployError, match=message):
        attempt(code)


def test_whatever_a_datapoint_does_harms_only_itself(attempt, tmp_path):
    """The others have their answers, and it has the cause that the cloud would record."""
    (tmp_path / "harmful.py").write_text(Path(harmful.__file__).read_text())
    code = """
import harmful, os, signal

def process(data):
    if data == "dies":
        os._exit(3)
    if data == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if data == "quits":
        exit()
    return harmful.harm(data)
"""
    kinds = [*HARMFUL, "dies", "killed", "quits"]

    answers = attempt(code, "".join(f"{kind}\ngood\n" for kind in kinds), n=99)

    assert [answer.get("result") for answer in answers] == [None, "good"] * len(kinds)
    causes = dict(HARMFUL, dies="crash: its process ended (exit status 3)", quits="SystemExit: ")
    causes["killed"] = "crash: its process ended (signal 9)"
    for answer in answers[::2]:
        assert answer["error"].startswith(causes[answer["data"]])


def test_a_result_is_shown_as_the_cloud_returns_it(attempt):
    """After its way through JSON: keys are strings, tuples are lists."""
    assert attempt("def process(data):\n    return {1: (2, 3)}\n", "one\n")[0]["result"] == {"1": [2, 3]}


def test_process_has_a_lambdas_surroundings(attempt, tmp_path, monkeypatch):
    """The zip's files beside it and as current folder, nothing on standard input, UTC."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "a.csv").write_text("1,2")
    (tmp_path / ".env").write_text("secret")
    code = """
import os, pathlib, subprocess, sys, time, warnings
HERE = pathlib.Path(__file__).parent

def process(data):
    return [
        (HERE / "table" / "a.csv").read_text(), open("table/a.csv").read(), (HERE / ".env").exists(),
        sys.stdin.read(), subprocess.run(["cat"], capture_output=True, text=True).stdout,
        time.strftime("%Z"), oct(HERE.stat().st_mode)[-3:], str(HERE) == os.environ["LAMBDA_TASK_ROOT"],
    ]
"""
    assert attempt(code, "one\n")[0]["result"] == ["1,2", "1,2", False, "", "", "UTC", "555", True]


def test_what_process_prints_is_not_an_answer(attempt, capfd):
    """It goes to standard error, in any bytes."""
    code = "import os\n\ndef process(data):\n    print('noise')\n"
    code += "    os.write(1, b'\\xff\\xfe')\n    return data\n"

    assert [answer["result"] for answer in attempt(code)] == ["one", "two", "three"]
    out, err = capfd.readouterr()
    assert (out, "noise" in err) == ("", True)


def test_an_optional_import_is_missing_as_in_a_lambda(attempt):
    """NumPy is installed beside lambdist; a zip without requirements.txt has none of it."""
    code = "try:\n    import numpy\nexcept ImportError:\n    numpy = None\nimport boto3\n\n"
    code += "def process(data):\n    return [numpy is None, boto3.__name__]\n"

    assert attempt(code, "one\n")[0]["result"] == [True, "boto3"]


def test_another_python_is_named(tmp_path, monkeypatch):
    """The stacks' default is one Python, and this one may be another."""
    template = {"Runtime": {"Default": "python3.99"}}
    monkeypatch.setattr(preview.templates, "parameters", lambda kind: template)

    assert f"this is Python {HERE.version}, and on AWS the stacks run Python 3.99" in preview.other_python(
        tmp_path
    )
    template["Runtime"]["Default"] = f"python{HERE.version}"
    assert preview.other_python(tmp_path) == ""


def test_a_missing_file_is_a_usage_error(tmp_path, attempt):
    """Of the code as of the data."""
    with pytest.raises(UsageError, match=r"there is no .*processing\.py"):
        list(preview.preview("data/words.txt", 1, processing=tmp_path))
    attempt("def process(data):\n    return 1\n")
    with pytest.raises(DataFileError, match=r"no data file nowhere\.txt"):
        list(preview.preview("nowhere.txt", 1, processing=tmp_path))


@pytest.mark.parametrize(
    ("lines", "is_mentioned"), [("id,name\n1,a\n2,b\n", True), ("1,a\n2,b\n3,c\n", False)]
)
def test_a_likely_header_is_mentioned_as_by_a_run(tmp_path, lines, is_mentioned):
    path = tmp_path / "table.txt"
    path.write_text(lines)

    assert ("(id,name)" in preview.header_note(path)) == is_mentioned
    assert preview.header_note(path, format="csv") == ""
    assert preview.header_note("-") == ""
