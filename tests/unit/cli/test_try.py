"""The status of `lambdist try` says whether process() works."""

import json

import pytest

from lambdist_lib.cli import main


@pytest.fixture
def attempt(tmp_path, monkeypatch, capfd):
    """`attempt(code, lines)`: status, answers and standard error."""
    monkeypatch.chdir(tmp_path)

    def tried(code, lines="a\nb\n"):
        (tmp_path / "processing.py").write_text(code)
        (tmp_path / "data.txt").write_text(lines)
        status = main.main(["try", "data.txt", "--processing", "."])
        out, err = capfd.readouterr()
        return status, [json.loads(line) for line in out.splitlines()], err

    return tried


def test_what_works_ends_with_0(attempt):
    """A rejected line is the file's fault; what process() prints is beside the answers."""
    status, answers, err = attempt("def process(data):\n    print('hi')\n    return data\n", "a\nb\x07\n")

    assert (status, [answer.get("result") for answer in answers]) == (0, ["a", None])
    assert "hi" in err.splitlines()


@pytest.mark.parametrize(
    "code",
    [
        "import sys\n\ndef process(data):\n    sys.exit(0)\n",
        "import os\n\ndef process(data):\n    os._exit(0)\n",
        "def process(data):\n    print('hi', end='')\n    raise KeyboardInterrupt\n",
    ],
)
def test_what_ends_the_process_does_not_end_with_0(attempt, code):
    """Every datapoint has its error, and the last line their number."""
    status, answers, err = attempt(code)

    assert (status, len(answers)) == (1, 2)
    assert err.splitlines()[-1].endswith("process() failed for 2 of the datapoints shown")


@pytest.mark.parametrize("code", ["import sys\nsys.exit(0)\n", "import os\nos._exit(0)\n"])
def test_a_module_that_ends_the_process_does_not_end_with_0(attempt, code):
    """In one line."""
    status, answers, err = attempt(code)

    assert (status, answers) == (2, [])
    assert "processing.py fails: " in err.splitlines()[-1]


def test_a_processing_py_that_does_not_run_is_mentioned(tmp_path, monkeypatch, capfd):
    """In a folder with one of its own, without --processing, and only there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.txt").write_text("a\n")
    notes = []
    for code in ("", "def process(data):\n    return 1\n"):
        if code:
            (tmp_path / "processing.py").write_text(code)
        assert main.main(["try", "data.txt"]) == 0
        out, err = capfd.readouterr()
        assert json.loads(out)["result"] == "a_processed"
        notes.append("--processing ." in err)
    assert main.main(["try", "data.txt", "--processing", "."]) == 0

    assert notes == [False, True]
    assert "./processing.py" not in capfd.readouterr().err
