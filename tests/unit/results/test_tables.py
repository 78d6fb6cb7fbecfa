"""Write and read the tables of a run's folder."""

import csv
import io
import sys

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.joined import STORED, joined, receipt

from lambdist_lib.errors import RunError
from lambdist_lib.records import join
from lambdist_lib.results import files as results_files
from lambdist_lib.results import schema, tables, typed


@pytest.mark.parametrize("cause", ["", "NA", "null", 'she said "no", twice', "two  spaces"])
def test_a_table_is_read_as_it_was_written(tmp_path, cause):
    """Causes that look like missing values or CSV are read as they were written."""
    table = joined([receipt("refused", cause=cause)], [])

    tables.write_table(tmp_path, "records", table)
    read = tables.load(tmp_path)

    assert list(read.columns) == list(schema.RECORDS)
    assert list(read["cause"]) == [cause]
    assert list(read["failure_causes"]) == [""]


@given(st.lists(st.text(alphabet=st.sampled_from('ab ,"\n\r\té\u2028')), min_size=1))
def test_a_line_of_csv_is_that_of_the_csv_module(cells):
    """Whatever a cell holds."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)

    assert results_files.csv_line(cells) == text.getvalue()


def test_rows_that_come_one_by_one_give_the_same_table(tmp_path):
    """As a DataFrame that is written at once: numbers, flags, causes and missing values."""
    receipts = [
        receipt("accepted", sent_at=1.23456789, entry_cold=True),
        receipt("refused", 1, cause='"a", b'),
    ]
    stored = {**STORED, "cold": False, "queued_at": 1790000000, "init_s": float("nan")}
    table = joined(receipts, [stored], lines=3)
    for name in ("one", "all"):
        (tmp_path / name).mkdir()

    tables.write_table(tmp_path / "all", "records", table)
    with results_files.table(tmp_path / "one", "records") as file:
        write = tables.row_writer(file, schema.RECORDS)
        for n in range(3):
            item = stored if n == 0 else {}
            row = join.record("run", "distributed", n, receipts[n] if n < 2 else {}, item, queued=0)
            write(row)

    pd.testing.assert_frame_equal(tables.load(tmp_path / "one"), tables.load(tmp_path / "all"))


def test_a_large_table_is_gzipped_reproducibly(tmp_path, monkeypatch):
    """Equal tables are equal bytes, and load like small ones."""
    monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", 100)
    table = joined([receipt("accepted")], [STORED])

    tables.write_table(tmp_path, "records", table)
    first = (tmp_path / "records.csv.gz").read_bytes()
    tables.write_table(tmp_path, "records", table)

    assert (tmp_path / "records.csv.gz").read_bytes() == first
    assert tables.load(tmp_path)["outcome"].tolist() == ["stored"]


def test_a_gzipped_table_that_was_cut_off_is_said_to_be(tmp_path, monkeypatch):
    """In its end, in its middle, and down to nothing."""
    monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", 100)
    tables.write_table(tmp_path, "records", joined([receipt("accepted")], [STORED]))
    path = tmp_path / "records.csv.gz"
    whole = path.read_bytes()

    for size in (len(whole) - 4, len(whole) // 2, 12, 0):
        path.write_bytes(whole[:size])
        with pytest.raises(RunError, match=r"records\.csv\.gz of .* cannot be read"):
            tables.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"has no records\.csv: the run was not collected"),
        ("a,b\n1,2\n", "is of another version"),
        ("", "cannot be read"),
        ('a,"b\n1\n', "is of another version"),
        ("a,b\n1,2\n3,", "is cut off in its last line: restore the file"),
    ],
)
def test_a_table_that_is_none_is_said_to_be(tmp_path, content, message):
    """Missing, of another version, empty, damaged."""
    if content is not None:
        (tmp_path / "records.csv").write_text(content)

    with pytest.raises(RunError, match=message):
        tables.load(tmp_path)


def many(count):
    """Return records with every kind of column: integers, missing values, texts, flags."""
    items = [
        {**STORED, "n": n, "put_at": 12.345678 + n, "environment_id": f"e{n % 3}", "cold": n % 3 == 0}
        for n in range(0, count, 2)
    ]
    dead = [{"n": 1, "outcome": "dead", "attempts": [{"cause": "E: 1, a\n| b"}], "dead_at": 99.5}]
    receipts = [receipt("accepted", n, sent_at=n + 0.1, request=n, entry_cold=n < 3) for n in range(count)]
    return joined(receipts, [*items, *dead], lines=count)


@pytest.mark.parametrize("run_id", ["run", "007", "1e5"])
def test_a_large_table_reads_alike_from_parquet_and_csv(tmp_path, monkeypatch, run_id):
    """Types, values, categories and missing values are equal, also of ids that look like numbers."""
    monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", 100)
    monkeypatch.setattr(typed, "ROWS_AT_ONCE", 7)
    tables.write_table(tmp_path, "records", many(40).assign(run_id=run_id, request_id="12"))
    parquet = typed.path_of(tmp_path / "records.csv.gz")
    assert parquet.exists()

    fast = tables.load(tmp_path)
    parquet.unlink()
    slow = tables.load(tmp_path)

    pd.testing.assert_frame_equal(fast, slow)
    assert set(slow["run_id"]) == {run_id} and set(slow["request_id"]) == {"12"}
    assert slow["n"].dtype == "int64" and slow["put_at"].dtype == "float64"
    assert slow["cold"].tolist()[:2] == [True, None] or slow["cold"].isna().tolist()[:2] == [False, True]


@pytest.mark.parametrize("without_parquet", [["a", "b", "c"], ["b"]])
def test_tables_of_several_runs_read_alike_from_parquet_and_csv(tmp_path, monkeypatch, without_parquet):
    """Of columns that are integers, flags or texts in one run, and partly or wholly missing in another."""
    monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", 100)
    monkeypatch.setattr(typed, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(typed, "GROUPS_AT_ONCE", 2)
    differences = {
        "a": {"cold": True, "cause": "E: last\u2028é", "queued_at": 3, "arm": "z"},
        "b": {"cold": None, "environment_id": None, "queued_at": None, "arm": "é"},
        "c": {"tries": None, "cause": ["", "x"] * 20, "environment_id": [f"e{n}" for n in range(40)]},
    }
    for name, values in differences.items():
        (tmp_path / name).mkdir()
        tables.write_table(tmp_path / name, "records", many(40).assign(run_id=name, **values))
    folders = [tmp_path / name for name in "cab"]

    fast = tables.load_all(folders)
    for name in without_parquet:
        typed.path_of(tmp_path / name / "records.csv.gz").unlink()
    slow = tables.load_all(folders)

    pd.testing.assert_frame_equal(fast, slow, check_exact=True)
    assert fast["n"].dtype == "int64" and fast["tries"].dtype == "float64"
    assert fast["n"].tolist() == [*range(40)] * 3


def test_a_parquet_file_of_another_csv_is_ignored(tmp_path, monkeypatch):
    """The CSV is the table: a changed one is read, whatever stands beside it."""
    monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", 100)
    tables.write_table(tmp_path, "records", many(20))
    parquet = typed.path_of(tmp_path / "records.csv.gz")
    former = parquet.read_bytes()
    tables.write_table(tmp_path, "records", many(30))
    parquet.write_bytes(former)

    assert len(tables.load(tmp_path)) == 30

    monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", 10**9)
    tables.write_table(tmp_path, "records", many(10))
    assert not parquet.exists() and len(tables.load(tmp_path)) == 10


def test_a_table_without_pyarrow_is_csv_alone(tmp_path, monkeypatch):
    """Nothing else changes."""
    monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", 100)
    monkeypatch.delattr("pyarrow.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    tables.write_table(tmp_path, "records", many(20))

    assert not typed.path_of(tmp_path / "records.csv.gz").exists()
    assert len(tables.load(tmp_path)) == 20


def test_concatenated_tables_keep_their_categories(tmp_path):
    """Of two runs with different ids."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        tables.write_table(tmp_path / name, "records", many(6).assign(run_id=name))
    loaded = [tables.load(tmp_path / name) for name in ("b", "a")]

    expected = pd.concat([part.astype({"run_id": "str"}) for part in loaded], ignore_index=True)

    table = tables.concat(loaded)

    assert list(table["run_id"].cat.categories) == ["a", "b"]
    assert table["run_id"].tolist() == ["b"] * 6 + ["a"] * 6
    pd.testing.assert_frame_equal(table.astype({"run_id": "str"}), expected, check_categorical=False)


@pytest.mark.parametrize("over_bytes", [100, 10**9])
@pytest.mark.parametrize("parquet", [True, False])
def test_some_columns_are_read_as_in_the_whole_table(tmp_path, monkeypatch, over_bytes, parquet):
    """From Parquet and from CSV, of two runs, in the order of the schema."""
    monkeypatch.setattr(results_files, "GZIP_OVER_BYTES", over_bytes)
    wanted = ["cause", "put_at", "run_id", "cold", "request_id", "n"]
    for name in ("007", "b"):
        (tmp_path / name).mkdir()
        tables.write_table(tmp_path / name, "records", many(40).assign(run_id=name))
        if not parquet:
            typed.path_of(tmp_path / name / "records.csv.gz").unlink(missing_ok=True)
    folders = [tmp_path / "007", tmp_path / "b"]

    part = tables.load_all(folders, "records", wanted)

    assert list(part) == ["run_id", "n", "cause", "put_at", "request_id", "cold"]
    pd.testing.assert_frame_equal(part, tables.load_all(folders, "records")[list(part)])
