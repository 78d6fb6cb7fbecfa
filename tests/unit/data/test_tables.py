"""Tables and JSON lines as rows: quoted line ends, packed files, columns, and one line for what is wrong."""

import bz2
import gzip
import importlib
import lzma
from pathlib import Path

import pandas as pd
import pytest

from lambdist_lib.data import tables
from lambdist_lib.errors import DataFileError, MissingExtraError, UsageError

ROWS = [{"url": "a", "text": "two\nlines, quoted"}, {"url": "b", "text": 'a "word"'}]
CSV = 'url,text\r\na,"two\nlines, quoted"\r\nb,"a ""word"""\r\n'


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.txt", "lines"), ("a", "lines"), ("a.csv", "csv"), ("A.CSV.GZ", "csv"), ("a.tsv.xz", "tsv"),
        ("s3://b/a.jsonl.zst", "jsonl"), ("a.parquet", "parquet"), ("a.gz", "lines"), ("x.csv.d/a", "lines"),
    ],
)  # fmt: skip
def test_a_format_is_guessed_by_the_name(name, format):
    """The ending before that of a compression decides."""
    assert tables.guess_format(name) == format


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz"])
def test_quoted_line_ends_stay_within_their_row(tmp_path, suffix):
    """A row is a record, not a line, in a plain and in a packed file."""
    packed = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix]
    path = tmp_path / f"pages.csv{suffix}"
    path.write_bytes(packed(b"\xef\xbb\xbf" + CSV.encode()))

    assert list(tables.rows(path)) == ROWS
    assert list(tables.rows(path, columns=["url"])) == ["a", "b"]
    first = next(tables.rows(path, columns=["text", "url"]))
    assert first == {"text": "two\nlines, quoted", "url": "a"}


def test_json_lines_and_tabs_are_rows(tmp_path):
    """JSONL may hold anything without columns; TSV has a header as CSV has."""
    (tmp_path / "a.jsonl").write_text('{"url": "a", "n": 1}\n\n[1, 2]\n"text"\n')
    (tmp_path / "a.tsv").write_text("url\ttext\na\tb,c\n")

    assert list(tables.rows(tmp_path / "a.jsonl")) == [{"url": "a", "n": 1}, [1, 2], "text"]
    assert list(tables.rows(tmp_path / "a.tsv")) == [{"url": "a", "text": "b,c"}]
    with pytest.raises(DataFileError):
        list(tables.rows(tmp_path / "a.jsonl", columns=["url"]))


def test_a_parquet_file_gives_its_types(tmp_path):
    """Numbers stay numbers, and missing values are None."""
    pytest.importorskip("pyarrow")
    pd.DataFrame({"url": ["a", None], "n": [1, 2]}).to_parquet(tmp_path / "a.parquet")

    assert list(tables.rows(tmp_path / "a.parquet")) == [{"url": "a", "n": 1}, {"url": None, "n": 2}]
    assert list(tables.rows(tmp_path / "a.parquet", columns=["n"])) == [1, 2]


def test_a_zstandard_file_is_unpacked(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    (tmp_path / "a.csv.zst").write_bytes(zstandard.compress(CSV.encode()))

    assert list(tables.rows(tmp_path / "a.csv.zst")) == ROWS


def test_parquet_without_its_package_names_the_extra(tmp_path, monkeypatch):
    """One line says what to install."""
    (tmp_path / "a.parquet").write_bytes(b"")
    real = importlib.import_module
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)

    with pytest.raises(MissingExtraError) as caught:
        list(tables.rows(tmp_path / "a.parquet"))
    assert caught.value.extra == "files"
    assert real is importlib.import_module


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.csv", CSV.encode(), {"columns": ["nowhere"]}),
        ("a.csv", b"url,text\na\n", {}),
        ("a.csv", b'url\n"open\n', {}),
        ("a.csv", "url\nÄ\n".encode("latin-1"), {}),
        ("a.jsonl", b"{\n", {}),
        ("a.csv.gz", CSV.encode(), {}),
        ("a.xz", b"no", {"format": "csv"}),
        ("a.zst", b"no", {"format": "csv"}),
        ("a.csv", b"url,text,url\na,b,c\n", {}),
        ("a.parquet", b"no Parquet file", {}),
        ("a.parquet", b"", {}),
    ],
    ids=[
        "column", "short-row", "quote", "latin-1", "json", "gzip", "xz", "zstd", "two columns alike",
        "parquet", "empty parquet",
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_line(tmp_path, name, content, options):
    """The message names the file and what is wrong with it."""
    for package in {".parquet": ["pyarrow"], ".zst": ["zstandard"]}.get(Path(name).suffix, []):
        pytest.importorskip(package)
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataFileError, match=name) as caught:
        list(tables.rows(tmp_path / name, **options))
    assert "\n" not in str(caught.value)


def test_unknown_formats_and_columns_of_lines_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a\n")

    with pytest.raises(UsageError):
        list(tables.rows(tmp_path / "a.txt", format="xml"))
    with pytest.raises(UsageError):
        list(tables.rows(tmp_path / "a.txt", columns=["a"]))


@pytest.mark.parametrize(
    ("text", "is_header"),
    [
        ("id,name\n1,a\n2,b\n", True),
        ("name;price\r\na;1.5\r\nb;2\r\n", True),
        ("id\tname\n1\ta\n2\tb\n", True),
        ("id,name\n1,a\n", False),  # one row may be anything
        ("a,b\nc,d\ne,f\n", False),  # no column of numbers
        ("1,2\n3,4\n5,6\n", False),
        ("Hello, world\n1, 2, 3\nGood, bye\n", False),
        ("word\n1\n2\n", False),
        ("", False),
    ],
)
def test_a_likely_header_is_recognised(tmp_path, text, is_header):
    """Names above rows of as many fields, one column of which holds numbers only."""
    path = tmp_path / "a.txt"
    path.write_text(text, newline="")

    assert tables.likely_header(path) == (text.splitlines()[0] if is_header else "")


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("a.csv", gzip.compress(CSV.encode()), "give it a name that ends with .gz"),
        ("a.csv", bz2.compress(CSV.encode()), "is a bzip2 file"),
        ("a.csv", CSV.encode("utf-16"), "iconv -f UTF-16"),
        ("a.csv.gz", gzip.compress("url\n€\n".encode("windows-1252")), "gzip -dc < .*WINDOWS-1252"),
    ],
    ids=["gzip", "bzip2", "utf-16", "windows-1252 in gzip"],
)
def test_a_table_that_is_not_text_is_named_by_its_bytes(tmp_path, name, content, advice):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataFileError, match=advice):
        list(tables.rows(tmp_path / name))
