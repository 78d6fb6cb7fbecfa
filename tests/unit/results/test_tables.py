"""Write and read the tables of a run's folder."""

import pytest

from lambdist_lib.data.datapoints import Line
from lambdist_lib.errors import RunError
from lambdist_lib.records import join
from lambdist_lib.results import files as results_files
from lambdist_lib.results import schema, tables

STORED = {"n": 0, "outcome": "stored", "result": '"r"', "put_at": 12.5, "receives": 1}


def receipt(verdict, n=0, **fields):
    return {"n": n, "verdict": verdict, "cause": "", "tries": 1, "status": 200, **fields}


def joined(receipts, items, *, arm="distributed", queued=0, lines=1):
    found = {item["n"]: item for item in items}
    return join.join("run", arm, [Line(n, f"d{n}") for n in range(lines)], receipts, found, queued=queued)


@pytest.mark.parametrize("cause", ["", "NA", "null", 'she said "no", twice', "two  spaces"])
def test_a_table_is_read_as_it_was_written(tmp_path, cause):
    """Causes that look like missing values or CSV are read as they were written."""
    table = joined([receipt("refused", cause=cause)], [])

    tables.write_table(tmp_path, "records", table)
    read = tables.load(tmp_path)

    assert list(read.columns) == list(schema.RECORDS)
    assert list(read["cause"]) == [cause]
    assert list(read["failure_causes"]) == [""]


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
        ('a,"b\n1\n', "cannot be read"),
        ("a,b\n1,2\n3,", "is cut off in its last line: restore the file"),
    ],
)
def test_a_table_that_is_none_is_said_to_be(tmp_path, content, message):
    """Missing, of another version, empty, damaged."""
    if content is not None:
        (tmp_path / "records.csv").write_text(content)

    with pytest.raises(RunError, match=message):
        tables.load(tmp_path)
