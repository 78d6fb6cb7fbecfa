"""Where datapoints come from: lines as they are, tables and iterables as a file of datapoints."""

import io
import json
import sys
from types import SimpleNamespace

import pytest

from lambdist_lib.data import files
from lambdist_lib.errors import DataFileError, UsageError
from lambdist_lib.runs.inputs import Source

CSV = 'url,text\na,"two\nlines"\n,x\nb,y\n'


@pytest.fixture
def pages(tmp_path):
    path = tmp_path / "pages.csv"
    path.write_text(CSV)
    return path


def written(source, folder):
    """The source's datapoints, as a run reads them: by n."""
    path = source.file(folder / "experiment", max_chars=1000, log=lambda line: None)
    points = files.read(path, max_chars=1000)
    assert points.rejected == 0
    return {line.n: line.data for line in points}


def test_a_file_of_lines_is_read_where_it_lies(tmp_path):
    """Nothing is copied for it, with a function or without one."""
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n")

    for source in (Source(data=path), Source(data=path, for_function=True)):
        assert (source.file(tmp_path / "experiment", max_chars=9), source.encoding) == (path, "text")
        assert not source.for_json


def test_one_column_is_its_value_and_keeps_its_row(pages, tmp_path):
    """A processing.py gets the string, and an empty cell is skipped as a blank line is."""
    source = Source(data=pages, columns=["url"])

    assert source.encoding == "text"
    assert written(source, tmp_path) == {0: "a", 2: "b"}


def test_several_columns_are_an_object(pages, tmp_path):
    """As JSON text for a processing.py, whatever the cells hold."""
    source = Source(data=pages, columns=["text", "url"])

    assert source.encoding == "json"
    points = written(source, tmp_path)
    assert json.loads(points[0]) == {"text": "two\nlines", "url": "a"}
    assert json.loads(points[1]) == {"text": "x", "url": ""}


def test_a_function_receives_a_column_as_json(pages, tmp_path):
    """Quoted line ends and empty cells arrive."""
    source = Source(data=pages, columns=["text"], for_function=True)

    assert source.for_json
    assert [json.loads(data) for data in written(source, tmp_path).values()] == ["two\nlines", "x", "y"]


def test_a_cell_of_two_lines_is_refused_for_a_processing_py(pages, tmp_path):
    """A datapoint is one line; the row is named, and nothing is left behind."""
    source = Source(data=pages, columns=["text"])

    for read in (lambda: written(source, tmp_path), source.require_datapoints):
        with pytest.raises(UsageError, match=r"pages\.csv: item 0 .*--column id,text"):
            read()
    assert not (tmp_path / "experiment").exists()


def test_json_lines_are_lines_for_a_processing_py(tmp_path):
    """Without columns each line is a datapoint as it stands; a function gets the object."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"a":  1}\n')

    assert Source(data=path).file(tmp_path / "experiment", max_chars=99) == path
    assert written(Source(data=path, for_function=True), tmp_path) == {0: '{"a":1}'}


def test_an_iterable_is_read_once(tmp_path):
    """Strings for a processing.py, any JSON for a function."""
    assert written(Source(data=iter(["a", "b"])), tmp_path) == {0: "a", 1: "b"}
    with pytest.raises(UsageError, match="item 0 "):
        written(Source(data=[1]), tmp_path / "other")
    assert [line.data for line in Source(data=iter([1, "a"]), for_function=True).lines()] == ["1", '"a"']


def test_how_a_table_was_read_is_said(pages, tmp_path):
    """The format was guessed: one line says which it is."""
    said = []

    Source(data=pages, columns=["url"]).file(tmp_path / "experiment", max_chars=99, log=said.append)

    [line] = said
    assert "csv" in line
    assert "url" in line


@pytest.mark.parametrize("data", ["s3://bucket", "s3://bucket/key.csv", "nowhere.csv"])
def test_what_cannot_be_read_is_refused(tmp_path, data):
    """An S3 object needs a target, and a file must exist."""
    with pytest.raises((UsageError, DataFileError)):
        Source(data=data).file(tmp_path / "experiment", max_chars=99)


def test_a_likely_header_is_mentioned_once(tmp_path):
    path = tmp_path / "prices.txt"
    path.write_text("name,price\na,1\nb,2\n")
    told = []

    assert Source(data=path).file(tmp_path / "e", max_chars=99, log=told.append) == path

    assert len(told) == 1
    assert "(name,price)" in told[0]


@pytest.mark.parametrize("for_function", [True, False])
@pytest.mark.parametrize("data", [[], "a.csv"])
def test_data_without_rows_is_refused_by_its_name(tmp_path, monkeypatch, data, for_function):
    """The message names what the user passed, and no folder is left."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("url,text\n")
    source = Source(data=data, for_function=for_function)

    for read in (lambda: source.file(tmp_path / "e", max_chars=99), lambda: list(source.lines())):
        with pytest.raises(DataFileError, match=r"^(data|a\.csv) has no datapoints"):
            read()
    assert not (tmp_path / "e").exists()


def test_standard_input_is_read_without_a_run(monkeypatch):
    """`lambdist try -` reads what a message advises to pipe in."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a\nb\n")))

    assert [line.data for line in Source(data="-").lines()] == ["a", "b"]


def test_lines_of_text_are_refused_for_a_function_that_takes_json(pages, monkeypatch, tmp_path):
    """Before anything is sent; JSON lines and tables are items of it, also from standard input."""
    code = ["collector-0123456789abcdef0123.zip", "processor-json-upper-0123456789abcdef0123.zip"]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b'"a"\n{"b": 1}\n')))

    for data in ("words.txt", "-"):
        with pytest.raises(UsageError, match=r"function upper .*`lambdist deploy`.*--format jsonl"):
            Source(data=data).for_code(code)
    assert written(Source(data=pages, columns=["url"]).for_code(code), tmp_path) == {
        0: '"a"',
        1: '""',
        2: '"b"',
    }
    piped = Source(data="-", format="jsonl").for_code(code)
    assert written(piped, tmp_path / "piped") == {0: '"a"', 1: '{"b":1}'}


def test_lines_of_text_go_to_a_processing_py_and_to_a_function_of_strings():
    """What runs in a stack is read from the names of its zips."""
    source = Source(data="words.txt")

    assert source.for_code(["processor-0123456789abcdef0123.zip"]) is source
    assert source.for_code(["processor-text-upper-0123456789abcdef0123.zip"]) is source


def test_an_s3_object_without_a_target_is_named_with_the_command_that_copies_it():
    """`lambdist try` has no target; the address itself is valid."""
    with pytest.raises(UsageError, match=r"aws s3 cp s3://bucket/key\.csv \.") as caught:
        list(Source(data="s3://bucket/key.csv").lines())
    assert "invalid" not in str(caught.value)
