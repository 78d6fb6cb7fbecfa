"""A data file becomes datapoints: what is one, what is rejected, what is no data file at all."""

import gzip
import hashlib
import io
import subprocess
import sys
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib import paths
from lambdist_lib.data import datapoints, files
from lambdist_lib.data.datapoints import Line
from lambdist_lib.errors import DataFileError, UsageError
from lambdist_lib.protocol import contract

sys.path.insert(0, str(paths.data()))  # its script is no part of the package
import make_words

sys.path.pop(0)


@pytest.fixture
def file(tmp_path):
    """`file(b"...")` is a data file with these bytes."""

    def written(content, name="words.txt"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return written


# -- Lines ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"a\nb\n",
        b"a\r\nb\r\n",
        b"a\r\nb\n",
        b"a\nb",
        b"\xef\xbb\xbfa\nb\n",
        gzip.compress(b"a\nb\n"),
        gzip.compress(b"\xef\xbb\xbfa\r\nb"),
    ],
    ids=["LF", "CRLF", "mixed", "no last end", "byte order mark", "gzip", "gzip with mark"],
)
def test_line_ends_marks_and_packing_make_no_difference(file, content):
    """LF, CRLF, an unended last line, a byte order mark and gzip all give the same datapoints."""
    assert list(files.read(file(content))) == [Line(0, "a"), Line(1, "b")]


def test_blank_lines_are_skipped_but_keep_their_number(file):
    """A line of nothing but white space is no datapoint, is counted, and does not renumber the others."""
    found = files.read(file("\na\n  \t\n\u3000\r\nb\n\n".encode()))

    assert list(found) == [Line(1, "a"), Line(4, "b")]
    assert (found.submitted, found.rejected, found.blank) == (2, 0, 4)


def test_spaces_belong_to_the_datapoint(file):
    """Only the line end is taken off: spaces and tabs at both ends are data."""
    assert list(files.read(file(b"  a \n\tb\t\r\n"))) == [Line(0, "  a "), Line(1, "\tb\t")]


def test_other_line_separators_do_not_split(file):
    """What Python's splitlines would split on stays in one line, and is rejected there."""
    found = files.read(file("a\u2028b\nc\x0bd\ne\x85f\ng\rh\ni\r\r\n".encode()))

    assert [line.reason for line in found] == [
        "has the unprintable character U+2028 at 1",
        "has the unprintable character U+000B at 1",
        "has the unprintable character U+0085 at 1",
        "has the unprintable character U+000D at 1",
        "has the unprintable character U+000D at 1",
    ]


def test_a_rejected_line_comes_in_its_place_with_its_reason(file):
    """Rejected lines are part of the file: in order, counted as submitted, never silently dropped."""
    found = files.read(file(b"a\nb\x00\nlonger\nc\n"), max_chars=5, pattern="[a-z]*")

    assert list(found) == [
        Line(0, "a"),
        Line(1, "b\x00", "has the unprintable character U+0000 at 1"),
        Line(2, "longe", "has 6 characters, at most 5 are taken"),
        Line(3, "c"),
    ]
    assert (found.submitted, found.rejected) == (4, 2)


def test_the_pattern_is_the_stacks(file):
    """A line that the stack's pattern does not match as a whole is rejected before it is sent."""
    found = files.read(file(b"abc\nabc1\n"), pattern="[a-z]+")

    assert [line.reason for line in found] == ["", "does not match the pattern [a-z]+"]


def test_a_file_can_be_read_again(file):
    """Many runs go over the same file: each iteration starts at its first line, two at once too."""
    found = files.read(file(b"a\nb\n"))

    assert list(zip(found, found, strict=True)) == [(Line(0, "a"),) * 2, (Line(1, "b"),) * 2]


@given(st.lists(st.text(st.characters(blacklist_characters="\n\r", blacklist_categories=["Cs"]))))
def test_any_strings_round_trip_through_a_file(tmp_path_factory, texts):
    """Whatever strings are written one a line come back in order, judged as the Lambdas judge them."""
    path = tmp_path_factory.mktemp("data") / "any.txt"
    path.write_bytes("".join(f"{text}\n" for text in ["first", *texts]).encode())

    found = files.read(path)

    expected = [
        Line(n, text[:1024], contract.reason_against(text) or "")
        for n, text in enumerate(["first", *texts])
        if text and not text.isspace()
    ]
    assert list(found) == expected
    assert found.submitted + found.blank == len(texts) + 1


@given(
    st.lists(
        st.text(st.sampled_from("aé👍\x00"), max_size=30) | st.text(st.sampled_from(" \r👍"), max_size=9)
    ),
    st.integers(1, 6),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_length_is_judged_alike_however_long_the_line(tmp_path_factory, texts, max_chars, end, ended):
    """Short lines and lines beyond the read limit meet one rule, counted in characters, not bytes."""
    path = tmp_path_factory.mktemp("data") / "lengths.txt"
    path.write_bytes(("x" + end + end.join(texts) + end * ended).encode())

    found = files.read(path, max_chars=max_chars)

    raw_lines = path.read_bytes().decode().split("\n")
    expected = []
    for n, raw in enumerate(raw_lines):
        text = raw.removesuffix("\r") if n < len(raw_lines) - 1 else raw
        if text and not text.isspace():
            too_long = f"has {len(text)} characters, at most {max_chars} are taken"
            reason = too_long if len(text) > max_chars else contract.reason_against(text) or ""
            expected.append(Line(n, text[:max_chars], reason))
    assert list(found) == expected


# -- Size ----------------------------------------------------------------------------------


def test_an_endless_line_takes_constant_memory(file):
    """A line of 64 MB is measured to its end without being held, and its neighbours are found."""
    path = file(b"a\n" + b"x" * 64_000_000 + b"\r\nb\n")

    tracemalloc.start()
    found = list(files.read(path))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    reason = "has 64,000,000 characters, at most 1,024 are taken"
    assert found == [Line(0, "a"), Line(1, "x" * 1024, reason), Line(2, "b")]
    assert peak_bytes < 16_000_000


def test_characters_that_span_two_reads_are_counted_once(file):
    """A long line of multi-byte characters is as long as its characters, at any offset of the read limit."""
    content = ("👍" * 300_000 + "\n" + "a" + "👍" * 300_000 + "\n" + "aé漢" * 400_000).encode()

    lengths = [line.reason.split()[1] for line in files.read(file(content))]

    assert lengths == ["300,000", "300,001", "1,200,000"]


def test_many_lines_take_seconds(file):
    """Reading is no part of what an experiment measures."""
    path = file(b"".join(b"word%d\n" % n for n in range(300_000)))

    started_s = time.perf_counter()
    found = files.read(path)
    took_s = time.perf_counter() - started_s

    assert found.submitted == 300_000
    assert took_s < 6  # 0.6 s on an idle machine


# -- Identity ------------------------------------------------------------------------------


def test_the_hash_is_that_of_the_text(file):
    """SHA-256 is what sha256sum says of the file, or of the unpacked file where it is gzipped."""
    content = b"\xef\xbb\xbfa\r\nb"
    expected = hashlib.sha256(content).hexdigest()

    assert files.read(file(content)).sha256 == expected
    assert files.read(file(gzip.compress(content), "words.txt.gz")).sha256 == expected


def test_a_file_that_changes_is_noticed(file):
    """A run never mixes two versions of a file: an iteration over a changed one ends in an error."""
    path = file(b"a\nb\n")
    found = files.read(path)
    path.write_bytes(b"a\nb\nc\n")

    with pytest.raises(DataFileError, match=r"words\.txt changed after it was first read"):
        list(found)


def test_a_file_that_changes_while_it_is_iterated_is_noticed(file):
    """The end of an iteration checks once more."""
    path = file(b"a\nb\n")
    found = iter(files.read(path))
    next(found)
    path.unlink()

    with pytest.raises(DataFileError, match="changed"):
        list(found)


def test_standard_input_is_spooled(tmp_path):
    """A stream that can be read once becomes a file that can be read again."""
    path = files.spool(io.BytesIO(b"a\nb\n"), tmp_path / "input.txt")

    found = files.read(path)

    assert list(found) == list(found) == [Line(0, "a"), Line(1, "b")]


def test_lines_need_no_reading_through(file):
    """A first look at a file takes its first lines and does not meet what is wrong further on."""
    found = files.lines(file(b"a\nb\n\xff\n"))

    assert [next(found), next(found)] == [Line(0, "a"), Line(1, "b")]


def test_a_path_is_looked_for_in_the_project_too(tmp_path, monkeypatch):
    """A notebook names data/words.txt, whichever folder its kernel was started in."""
    monkeypatch.chdir(tmp_path)

    assert files.read("data/words.txt").submitted == 129


# -- What is no data file --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "it is empty"), (b"\n  \r\n\t", "all its lines are blank"), (b"\xef\xbb\xbf", "")],
    ids=["empty", "blank", "only a mark"],
)
def test_a_file_without_datapoints_is_refused(file, content, reason):
    """An empty run is a mistake, not a success."""
    with pytest.raises(DataFileError, match=f"words.txt has no datapoints: .*{reason}"):
        files.read(file(content))


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"good\ncaf\xe9\n", "line 2, byte 8"),
        (b"\xff", "line 1, byte 0"),
        (b"a\n\xe2\x82", "line 2, byte 2"),
        (b"a\n" + b"x" * 10_000 + b"\xff\n", "line 2, byte 10002"),
        (b"\xef\xbb\xbf" + b"\xf0\x9f\x91\x8d" * 500_000 + b"\xf0\x9f\x91", "line 1, byte 2000003"),
        (b"\xed\xa0\x80\n", "line 1, byte 0"),
        (gzip.compress(b"a\n\xff"), "line 2, byte 2"),
    ],
    ids=["latin-1", "at once", "cut at the end", "in a long line", "long line cut", "surrogate", "gzip"],
)
def test_what_is_not_utf8_is_named_by_line_and_byte(file, content, where):
    """The message says where an editor and a hex dump will find it, and what to type."""
    with pytest.raises(DataFileError, match=f"not UTF-8 text at {where} of the file; .*iconv -f LATIN1"):
        files.read(file(content))


def test_utf16_is_recognised(file):
    """What Windows tools call Unicode is the commonest other text."""
    with pytest.raises(DataFileError, match=r"iconv -f UTF-16 -t UTF-8 words\.txt > new"):
        files.read(file("a\nb\n".encode("utf-16")))


@pytest.mark.parametrize("content", [gzip.compress(b"a\n" * 9999)[:-10], b"\x1f\x8bno gzip at all"])
def test_a_damaged_gzip_file_is_refused(file, content):
    """A cut download does not pass for a shorter file."""
    with pytest.raises(DataFileError, match="damaged gzip file"):
        files.read(file(content, "words.gz"))


def test_a_missing_file_names_what_is_near(file, tmp_path):
    """A slip of the finger is answered with the name that was meant."""
    file(b"a\n", "measurements.txt")

    with pytest.raises(DataFileError, match=r"no data file .*mesurements\.txt; did you mean .*measurements"):
        files.read(tmp_path / "mesurements.txt")


def test_a_missing_file_far_from_all_lists_the_data_folder(tmp_path):
    """Who has nothing yet is shown what there is."""
    with pytest.raises(DataFileError, match=r"no data file .*qqq; data has .*words\.txt"):
        files.read(tmp_path / "qqq")


def test_a_folder_is_no_data_file(file, tmp_path):
    """The message lists the files that may have been meant."""
    file(b"a\n")

    with pytest.raises(DataFileError, match=r"is a folder; name a file; .* has words\.txt"):
        files.read(tmp_path)


def test_a_pipe_is_no_data_file():
    """What can be read only once cannot serve several runs."""
    with pytest.raises(DataFileError, match="/dev/null can be read only once"):
        files.read("/dev/null")


@pytest.mark.parametrize("reader", [files.read, files.lines, datapoints.from_iterable])
def test_a_bad_pattern_is_refused_at_once(file, reader):
    """A pattern that does not compile is named before anything is read."""
    source = ["a"] if reader is datapoints.from_iterable else file(b"a\n")

    with pytest.raises(UsageError, match=r"pattern '\[a' is no regular expression"):
        list(reader(source, pattern="[a"))


# -- Strings from scripts ------------------------------------------------------------------


def test_a_list_is_as_good_as_a_file(file):
    """A script's strings give the lines and the hash of the file that it did not write."""
    of_list, of_file = datapoints.from_iterable(["a", "b"]), files.read(file(b"a\nb\n"))

    assert list(of_list) == list(of_list) == list(of_file)
    assert (of_list.sha256, of_list.submitted) == (of_file.sha256, of_file.submitted)


def test_every_item_of_a_list_counts():
    """No item is skipped or split: what is no datapoint is rejected under its own number."""
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
    """What yields only once is kept, so that each arm of an experiment gets the same datapoints."""
    found = datapoints.from_iterable(str(n) for n in range(3))

    assert len(list(found)) == len(list(found)) == 3


def test_a_changed_list_does_not_change_the_datapoints():
    """What was counted and hashed is what is sent."""
    items = ["a"]
    found = datapoints.from_iterable(items)
    items.append("b")

    assert list(found) == [Line(0, "a")]


def test_one_string_is_no_list():
    """A file name passed by mistake does not become a run over its letters."""
    with pytest.raises(UsageError, match=r"'words\.txt' is not a list of datapoints; for a file, read"):
        datapoints.from_iterable("words.txt")


def test_more_datapoints_follow_the_files(file):
    """Datapoints added by an experiment come after the file's last line, under numbers of their own."""
    of_file = files.read(file(b"a\n\nb\n\n"))

    more = datapoints.with_more(of_file, ["x", "y\n"])

    unprintable = "has the unprintable character U+000A at 1"
    assert of_file.next_n == 4
    assert list(more) == list(more) == [*of_file, Line(4, "x"), Line(5, "y\n", unprintable)]
    assert (more.submitted, more.rejected, more.blank, more.next_n) == (4, 1, 2, 6)
    assert more.sha256 == of_file.sha256


def test_an_empty_list_is_refused():
    """An empty run is a mistake, from a list too."""
    with pytest.raises(DataFileError, match="list has no datapoints"):
        datapoints.from_iterable([])


# -- The files in data/ --------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(make_words.FILES))
def test_made_files_are_what_the_script_makes(name):
    """The committed files are the script's, byte for byte, on every machine and after every checkout."""
    assert (paths.data() / name).read_bytes() == make_words.FILES[name]()


@pytest.mark.parametrize(
    ("name", "submitted"), [("words.txt", 129), ("words-1000.txt", 1_000), ("words-10000.txt", 10_000)]
)
def test_word_files_hold_only_datapoints(name, submitted):
    """Files named by a size have it, and all of it is accepted."""
    found = files.read(paths.data() / name)

    assert (found.submitted, found.rejected, found.blank) == (submitted, 0, 0)


def test_the_nasty_file_is_as_its_script_says():
    """What it declares good is accepted as it stands, what it declares bad is rejected."""
    found = files.read(paths.data() / "nasty.txt")

    accepted = [line.data for line in found if not line.reason]
    assert accepted == [*make_words.GOOD, "the last line, without an end"]
    assert (found.rejected, found.blank) == (len(make_words.BAD), 2 * len(make_words.BLANK))


def test_importing_datapoints_loads_nothing_heavy():
    """Reading a file needs the standard library only."""
    command = (
        "import sys, lambdist_lib.data.datapoints; print({'pandas', 'boto3', 'numpy'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
