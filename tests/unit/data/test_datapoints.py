"""Strings of a script become datapoints, with the rule and the numbers of a file's lines."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.data import datapoints, files
from lambdist_lib.data.datapoints import Line
from lambdist_lib.errors import DataFileError, UsageError


@pytest.mark.parametrize("reader", [files.read, files.lines, datapoints.from_iterable])
def test_an_invalid_pattern_is_a_usage_error(file, reader):
    """The error comes before a line is read."""
    source = ["a"] if reader is datapoints.from_iterable else file(b"a\n")

    with pytest.raises(UsageError, match=r"pattern '\[a' is not a regular expression"):
        list(reader(source, pattern="[a"))


def test_a_list_equals_its_file(file):
    """Strings give the lines and the hash of the file with one per line."""
    of_list, of_file = datapoints.from_iterable(["a", "b"]), files.read(file(b"a\nb\n"))

    assert list(of_list) == list(of_list) == list(of_file)
    assert (of_list.sha256, of_list.submitted) == (of_file.sha256, of_file.submitted)


def test_every_item_of_a_list_counts():
    """No item is skipped or split; an invalid one is rejected under its number."""
    items = ["a", "", "b\nc", 5, "\ud800", " "]

    found = datapoints.from_iterable(items)

    assert [line.reason for line in found] == [
        "",
        "is empty",
        "has the unprintable character U+000A at 1",
        "is int, not a string",
        "has the unprintable character U+D800 at 0",
        "",
    ]
    assert (found.submitted, found.rejected, found.blank) == (6, 4, 0)


def test_a_generator_can_be_iterated_again():
    """Its items are kept, so that each arm of an experiment gets the same datapoints."""
    found = datapoints.from_iterable(str(n) for n in range(3))

    assert len(list(found)) == len(list(found)) == 3


def test_a_changed_list_does_not_change_the_datapoints():
    """The datapoints stay as they were counted and hashed."""
    items = ["a"]
    found = datapoints.from_iterable(items)
    items.append("b")

    assert list(found) == [Line(0, "a")]


def test_a_single_string_is_a_usage_error():
    """A file name is not a list of letters."""
    with pytest.raises(UsageError, match=r"'words\.txt' is not a list of datapoints: pass a list, or read"):
        datapoints.from_iterable("words.txt")


def test_more_datapoints_follow_the_files(file):
    """Additional datapoints follow the file's last line and continue its numbers."""
    of_file = files.read(file(b"a\n\nb\n\n"))

    more = datapoints.with_more(of_file, ["x", "y\n"])

    unprintable = "has the unprintable character U+000A at 1"
    assert of_file.next_n == 4
    assert list(more) == list(more) == [*of_file, Line(4, "x"), Line(5, "y\n", unprintable)]
    assert (more.submitted, more.rejected, more.blank, more.next_n) == (4, 1, 2, 6)
    assert more.sha256 == of_file.sha256


@given(count=st.integers(1, 8))
def test_the_first_datapoints_are_the_file_cut_after_them(count):
    """Numbers and blank lines stay the file's; a count beyond its end keeps all."""
    lines = [
        Line(0, "a"),
        Line(2, "b\t", "has the unprintable character U+0009 at 1"),
        Line(3, "c"),
        Line(6, "d"),
    ]
    of_file = datapoints.Datapoints(
        name="f", sha256="0", submitted=4, rejected=1, blank=3, lines=lambda: iter(lines)
    )
    cut = datapoints.first(of_file, count)

    assert list(cut) == list(cut) == lines[:count]
    assert (cut.submitted, cut.rejected) == (min(count, 4), int(count > 1))
    assert cut.next_n == lines[min(count, 4) - 1].n + 1
    assert [line.n for line in datapoints.with_more(cut, ["x"])][-1] == cut.next_n


def test_an_empty_list_is_an_error():
    """An empty run is an error, also from a list."""
    with pytest.raises(DataFileError, match="list has no datapoints"):
        datapoints.from_iterable([])


def test_importing_datapoints_loads_nothing_heavy():
    """Reading a file needs the standard library only."""
    command = (
        "import sys, lambdist_lib.data.datapoints; print({'pandas', 'boto3', 'numpy'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
