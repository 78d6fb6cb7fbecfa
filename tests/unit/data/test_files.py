"""Data files are read line by line; invalid lines are rejected and unreadable files named."""

import bz2
import gzip
import hashlib
import io
import lzma
import re
import shutil
import subprocess
import sys
import time
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib import paths
from lambdist_lib.data import files
from lambdist_lib.data.datapoints import Line
from lambdist_lib.errors import DataFileError
from lambdist_lib.protocol import contract

sys.path.insert(0, str(paths.data()))  # its script is not part of the package
import make_words

sys.path.pop(0)


# -- Lines ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"a\nb\n",
        b"a\r\nb\r\n",
        b"a\r\nb\n",
        b"a\nb",
        b"\xef\xbb\xbfa\nb\n",
        gzip.compress(b"a\nb\n", mtime=0),
        gzip.compress(b"\xef\xbb\xbfa\r\nb", mtime=0),
    ],
    ids=["LF", "CRLF", "mixed", "no last end", "byte order mark", "gzip", "gzip with mark"],
)
def test_line_ends_marks_and_packing_make_no_difference(file, content):
    """LF, CRLF, an unended last line, a byte order mark and gzip all give the same datapoints."""
    assert list(files.read(file(content))) == [Line(0, "a"), Line(1, "b")]


def test_blank_lines_are_skipped_but_keep_their_number(file):
    """A line of white space only is counted, is not a datapoint, and does not renumber the others."""
    found = files.read(file("\na\n  \t\n\u3000\r\nb\n\n".encode()))

    assert list(found) == [Line(1, "a"), Line(4, "b")]
    assert (found.submitted, found.rejected, found.blank) == (2, 0, 4)


def test_spaces_belong_to_the_datapoint(file):
    """Only the line end is removed: spaces and tabs at both ends are data."""
    assert list(files.read(file(b"  a \n\tb\t\r\n"))) == [Line(0, "  a "), Line(1, "\tb\t")]


def test_other_line_separators_do_not_split(file):
    """Other separators of Python's splitlines stay in their line, which is rejected."""
    found = files.read(file("a\u2028b\nc\x0bd\ne\x85f\ng\rh\ni\r\r\n".encode()))

    assert [line.reason for line in found] == [
        "has the unprintable character U+2028 at 1",
        "has the unprintable character U+000B at 1",
        "has the unprintable character U+0085 at 1",
        "has the unprintable character U+000D at 1",
        "has the unprintable character U+000D at 1",
    ]


def test_a_rejected_line_keeps_its_place_and_has_a_reason(file):
    """Rejected lines stay in order and count as submitted."""
    found = files.read(file(b"a\nb\x00\nlonger\nc\n"), max_chars=5, pattern="[a-z]*")

    assert list(found) == [
        Line(0, "a"),
        Line(1, "b\x00", "has the unprintable character U+0000 at 1"),
        Line(2, "longe", "has 6 characters, at most 5 are taken"),
        Line(3, "c"),
    ]
    assert (found.submitted, found.rejected) == (4, 2)


def test_a_line_must_match_the_pattern(file):
    """A line that the stack's pattern does not match as a whole is rejected."""
    found = files.read(file(b"abc\nabc1\n"), pattern="[a-z]+")

    assert [line.reason for line in found] == ["", "does not match the pattern [a-z]+"]


def test_a_file_can_be_read_again(file):
    """Each iteration starts at the first line, even two at once."""
    found = files.read(file(b"a\nb\n"))

    assert list(zip(found, found, strict=True)) == [(Line(0, "a"),) * 2, (Line(1, "b"),) * 2]


@given(st.lists(st.text(st.characters(blacklist_characters="\n\r", blacklist_categories=["Cs"]))))
def test_any_strings_round_trip_through_a_file(tmp_path_factory, texts):
    """Strings written one per line are read in order, with the verdicts of the Lambdas' rule."""
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
def test_the_length_limit_holds_for_any_length(tmp_path_factory, texts, max_chars, end, ended):
    """Short lines and lines beyond the read limit are measured in characters, not bytes."""
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
    """A line of 64 MB is measured without being held in memory, and its neighbours are read."""
    path = file(b"a\n" + b"x" * 64_000_000 + b"\r\nb\n")

    tracemalloc.start()
    found = list(files.read(path))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    reason = "has 64,000,000 characters, at most 1,024 are taken"
    assert found == [Line(0, "a"), Line(1, "x" * 1024, reason), Line(2, "b")]
    assert peak_bytes < 16_000_000


def test_characters_that_span_two_reads_are_counted_once(file):
    """A long line of multi-byte characters has the right length at any offset of the read limit."""
    content = ("👍" * 300_000 + "\n" + "a" + "👍" * 300_000 + "\n" + "aé漢" * 400_000).encode()

    lengths = [line.reason.split()[1] for line in files.read(file(content))]

    assert lengths == ["300,000", "300,001", "1,200,000"]


def test_many_lines_take_seconds(file):
    """Reading is fast enough not to affect a measurement."""
    path = file(b"".join(b"word%d\n" % n for n in range(300_000)))

    started_s = time.perf_counter()
    found = files.read(path)
    took_s = time.perf_counter() - started_s

    assert found.submitted == 300_000
    assert took_s < 6  # 0.6 s on an idle machine


# -- Identity ------------------------------------------------------------------------------


def test_the_hash_is_that_of_the_unpacked_file(file):
    """The SHA-256 is that of sha256sum for the file, unpacked if it is gzipped."""
    content = b"\xef\xbb\xbfa\r\nb"
    expected = hashlib.sha256(content).hexdigest()

    assert files.read(file(content)).sha256 == expected
    assert files.read(file(gzip.compress(content), "words.txt.gz")).sha256 == expected


def test_a_changed_file_is_an_error(file):
    """An iteration over a changed file fails, so a run never mixes two versions."""
    path = file(b"a\nb\n")
    found = files.read(path)
    path.write_bytes(b"a\nb\nc\n")

    with pytest.raises(DataFileError, match=r"words\.txt changed after it was first read"):
        list(found)


def test_a_change_during_an_iteration_is_an_error(file):
    """The end of an iteration checks again."""
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


def test_lines_reads_no_further_than_needed(file):
    """Reading the first lines does not meet an error further on."""
    found = files.lines(file(b"a\nb\n\xff\n"))

    assert [next(found), next(found)] == [Line(0, "a"), Line(1, "b")]


def test_a_path_is_also_looked_up_among_the_shipped_files(tmp_path, monkeypatch):
    """A notebook can name data/words.txt in any working directory."""
    monkeypatch.chdir(tmp_path)

    assert files.read("data/words.txt").submitted == 129


# -- Files that cannot be read -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "it is empty"), (b"\n  \r\n\t", "all its lines are blank"), (b"\xef\xbb\xbf", "")],
    ids=["empty", "blank", "only a mark"],
)
def test_a_file_without_datapoints_is_an_error(file, content, reason):
    """An empty run is an error."""
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
        (gzip.compress(b"a\n\xff", mtime=0), "line 2, byte 2"),
    ],
    ids=["latin-1", "at once", "cut at the end", "in a long line", "long line cut", "surrogate", "gzip"],
)
def test_the_position_of_invalid_utf8_is_named(file, content, where):
    """The message has line, byte and the command that converts the file."""
    with pytest.raises(DataFileError, match=f"not UTF-8 text at {where} of the file; .*iconv -f [LW]"):
        files.read(file(content))


def test_utf16_is_recognised(file, monkeypatch, tmp_path):
    """The message names UTF-16, which Windows tools call Unicode."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataFileError, match=r"iconv -f UTF-16 -t UTF-8 words\.txt > new"):
        files.read(file("a\nb\n".encode("utf-16")))


def zipped(name):
    """A zip whose first file has this name, as a spreadsheet or anybody writes it."""
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(name, "content")
        return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped("[Content_Types].xml"), "save it as CSV"),
        (zipped("mimetype"), "save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 90, "save it as CSV"),
        (zipped("words.txt"), "unzip -p"),
        (b"\x7fELF\x02\x01\x01\x00\x00\xff\n", "is not text, but binary"),
        (b"good\n\x00\x00\xff\n", "is not text, but binary"),
    ],
    ids=["xlsx", "ods", "xls", "zip", "program", "zeros later"],
)
def test_a_file_of_another_program_gets_no_command_that_fails(file, content, words):
    """A spreadsheet is a zip, too, and unpacked it is XML; a program has no encoding."""
    with pytest.raises(DataFileError, match=re.escape(words)) as refusal:
        files.read(file(content))

    assert ("`" in str(refusal.value)) == (words == "unzip -p")


TEXT = "na\u00efve “quoted” €5\nsecond\n"
AS_PEOPLE_HAVE_THEM = {  # the bytes of a file, and how many commands its messages name until it can be read
    "bzip2": (bz2.compress(TEXT.encode()), 1),
    "empty-bzip2": (bz2.compress(b""), 0),
    "xz": (lzma.compress(TEXT.encode()), 1),
    "gzipped-twice": (gzip.compress(gzip.compress(TEXT.encode())), 1),
    "gzipped-bzip2": (gzip.compress(bz2.compress(TEXT.encode())), 1),
    "windows-1252": (TEXT.encode("windows-1252"), 1),
    "gzipped-windows-1252": (gzip.compress(TEXT.encode("windows-1252")), 1),
    "utf-16": (TEXT.encode("utf-16"), 1),
    "utf-16-le": (TEXT.encode("utf-16-le"), 1),
    "utf-16-be": (TEXT.encode("utf-16-be"), 1),
    "utf-32": (TEXT.encode("utf-32"), 1),
    "utf-32-le": (TEXT.encode("utf-32-le"), 1),
    "cr-only": (TEXT.replace("\n", "\r").encode(), 1),
    "gzipped-cr-only": (gzip.compress(TEXT.replace("\n", "\r").encode()), 1),
}


@pytest.mark.parametrize(("content", "commands"), AS_PEOPLE_HAVE_THEM.values(), ids=AS_PEOPLE_HAVE_THEM)
def test_a_message_names_the_command_after_which_the_file_can_be_read(
    file, tmp_path, monkeypatch, content, commands
):
    """The command is run as it stands in the message; what it writes holds the text's two datapoints."""
    monkeypatch.chdir(tmp_path)
    path = file(content, "the data.txt")
    with pytest.raises(DataFileError) as refusal:
        files.read(path)
    with pytest.raises(DataFileError, match="the data"):
        next(iter(files.lines(path)))
    if not commands:
        return
    command = str(refusal.value).split("`")[1]
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"{command.split()[0]} is not installed")

    subprocess.run(command, shell=True, check=True, cwd=tmp_path)

    assert [line.data for line in files.read(tmp_path / command.split()[-1])] == TEXT.splitlines()


@pytest.mark.parametrize(
    ("head", "kind"),
    [(b"PK\x03\x04\x14\x00", "zip"), (b"\x28\xb5\x2f\xfd\x04", "Zstandard"), (b"7z\xbc\xaf\x27\x1c", "7z"),
     (b"PAR1\x15\x04\x15\x10", "Parquet")],
)  # fmt: skip
def test_packed_files_are_recognised_by_their_first_bytes(file, head, kind):
    with pytest.raises(DataFileError, match=f"is a {kind} file: "):
        files.read(file(head + b"\n" * 20))


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_both_ways_to_read_refuse_a_file_without_datapoints_alike(file, content):
    """`lambdist try` reads lines one by one, a run reads them all first."""
    path = file(content)
    with pytest.raises(DataFileError) as at_once:
        files.read(path)
    with pytest.raises(DataFileError) as one_by_one:
        list(files.lines(path))

    assert str(at_once.value) == str(one_by_one.value)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"a\n" * 9999, mtime=0)[:-10], b"\x1f\x8bno gzip at all"],
    ids=["truncated", "not gzip"],
)
def test_a_damaged_gzip_file_is_an_error(file, content):
    """A truncated download does not count as a shorter file."""
    with pytest.raises(DataFileError, match="damaged gzip file"):
        files.read(file(content, "words.gz"))


def test_a_missing_file_suggests_close_names(file, tmp_path):
    """A misspelt name gets the name of the existing file."""
    file(b"a\n", "measurements.txt")

    with pytest.raises(DataFileError, match=r"no data file .*mesurements\.txt; did you mean .*measurements"):
        files.read(tmp_path / "mesurements.txt")


def test_a_file_of_the_folders_own_data_is_meant(tmp_path, monkeypatch):
    """`lambdist init` writes data/words.txt, which goes before the shipped one of that name."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "words.txt").touch()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DataFileError, match=r"did you mean data/words\.txt\?"):
        files.read("words.txt")


def test_a_missing_file_without_close_names_lists_the_data_folder(tmp_path):
    """The message lists the shipped data files."""
    with pytest.raises(DataFileError, match=r"no data file .*qqq; data has .*words\.txt"):
        files.read(tmp_path / "qqq")


def test_a_folder_is_not_a_data_file(file, tmp_path):
    """The message lists the folder's data files."""
    file(b"a\n")

    with pytest.raises(DataFileError, match=r"is a folder: name a file; .* has words\.txt"):
        files.read(tmp_path)


def test_a_pipe_is_not_a_data_file():
    """A pipe can be read only once, but runs read their file several times."""
    with pytest.raises(DataFileError, match="/dev/null can be read only once"):
        files.read("/dev/null")


# -- The files in data/ --------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(make_words.FILES))
def test_committed_files_match_their_script(name):
    """The script reproduces them byte for byte on every machine."""
    assert (paths.data() / name).read_bytes() == make_words.FILES[name]()


@pytest.mark.parametrize(
    ("name", "submitted"), [("words.txt", 129), ("words-1000.txt", 1_000), ("words-10000.txt", 10_000)]
)
def test_word_files_hold_only_datapoints(name, submitted):
    """A file has the number of datapoints in its name, all valid."""
    found = files.read(paths.data() / name)

    assert (found.submitted, found.rejected, found.blank) == (submitted, 0, 0)


def test_the_nasty_file_matches_its_script():
    """Lines that the script declares good are valid, the others rejected."""
    found = files.read(paths.data() / "nasty.txt")

    accepted = [line.data for line in found if not line.reason]
    assert accepted == [*make_words.GOOD, "the last line, without an end"]
    assert (found.rejected, found.blank) == (len(make_words.BAD), 2 * len(make_words.BLANK))
