"""Recognise by its bytes what a data file is instead of UTF-8 text, and name the command that converts it.

Each command reads the file's own path and writes one that can be read.
"""

import codecs
import re
import shlex
from pathlib import Path

from lambdist_lib import paths

HEAD_BYTES = 49  # enough for every kind below: up to the end of OFFICE's names
GZIP_MAGIC = b"\x1f\x8b"  # no UTF-8 text begins with it
PACKED = {  # first bytes, the kind, and the command that unpacks standard input
    rb"BZh[1-9](1AY&SY|\x17rE8P\x90)": ("bzip2", "bzip2 -dc"),
    rb"\xfd7zXZ\x00": ("xz", "xz -dc"),
    rb"\x28\xb5\x2f\xfd": ("Zstandard", "zstd -dc"),
    rb"PK(\x03\x04|\x05\x06)": ("zip", "unzip -p"),
    rb"7z\xbc\xaf\x27\x1c": ("7z", "7z x -so"),
    rb"PAR1.{0,5}[\x00-\x08]": ("Parquet", ""),
}
OFFICE = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"mimetype")  # first names in their zips
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
NAME_OFFSET = 30  # bytes of a zip's header before the first name
WITH_NAME = ("zip", "7z")  # their commands take a file's name instead of standard input
MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
ONLY_WINDOWS = re.compile(rb"[\x80\x82-\x8c\x8e\x91-\x9c\x9e\x9f]")  # controls in LATIN1: quotes, dashes, €
NOT_IN_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # iconv refuses them
KEPT_SUFFIXES = (".csv", ".tsv", ".jsonl")  # they tell the format of the converted file, too


def packed_as(head: bytes, path: Path, *, is_gzipped: bool = False) -> str:
    """Return what a file's first bytes say that it is, with the command that unpacks it; "" for text."""
    if _is_office(head, is_gzipped):
        return "is a file of a spreadsheet or word processor: save it as CSV or text there"
    for pattern, (kind, command) in PACKED.items():
        if re.match(pattern, head, re.DOTALL):
            if not command:
                return f"is a {kind} file: give it a name that ends with .parquet"
            name = shlex.quote(paths.shown(path))
            source = f" {name}" if kind in WITH_NAME else f" < {name}"
            unpack = f"{_unpacked(path, True)}{command}" if is_gzipped else f"{command}{source}"
            return f"is a {kind} file: unpack it, `{unpack} > {_converted(path)}`"
    return ""


def _is_office(head: bytes, is_gzipped: bool) -> bool:
    is_zip = head.startswith(b"PK\x03\x04") and not is_gzipped
    return head.startswith(OLD_OFFICE) or (is_zip and head[NAME_OFFSET:].startswith(OFFICE))


def is_binary(line: bytes, *, is_first: bool) -> bool:
    """Return whether bytes that are not UTF-8 are of no text: zeros, without the mark of UTF-16 or UTF-32."""
    return b"\0" in line and not (is_first and line.startswith(tuple(mark for mark, _ in MARKS)))


def gzipped_twice(path: Path) -> str:
    """Return what to do with a file that is gzipped, and gzipped again."""
    return f"is gzipped twice: unpack it once, `gzip -dc < {shlex.quote(paths.shown(path))} > new.gz`"


def conversion(path: Path, line: bytes, *, is_first: bool, is_gzipped: bool) -> tuple[str, str]:
    """Return the encoding that a line which is not UTF-8 is probably in, and the command that converts."""
    marked = next((name for mark, name in MARKS if is_first and line.startswith(mark)), "")
    is_windows = ONLY_WINDOWS.search(line) and not NOT_IN_WINDOWS.search(line)
    encoding = marked or ("WINDOWS-1252" if is_windows else "LATIN1")
    return encoding, _iconv(path, encoding, is_gzipped)


def unmarked(head: bytes, path: Path, *, is_gzipped: bool) -> str:
    """Return what to do with text in UTF-16 or UTF-32 without a byte order mark; "" for other text."""
    zeros = "".join("0" if byte == 0 else "x" for byte in head[:4])
    encoding = {"x0x0": "UTF-16LE", "0x0x": "UTF-16BE", "x000": "UTF-32LE", "000x": "UTF-32BE"}.get(zeros)
    return f"is {encoding} text, not UTF-8: `{_iconv(path, encoding, is_gzipped)}`" if encoding else ""


def old_line_ends(path: Path, *, is_gzipped: bool) -> str:
    """Return what to do with a file whose lines end with CR alone."""
    return (
        f"has the line ends of old Macs, so it is one line: `{_unpacked(path, is_gzipped)}tr '\\r' '\\n'"
        f"{'' if is_gzipped else ' < ' + shlex.quote(paths.shown(path))} > {_converted(path)}`"
    )


def _iconv(path: Path, encoding: str, is_gzipped: bool) -> str:
    name = "" if is_gzipped else f" {shlex.quote(paths.shown(path))}"
    return f"{_unpacked(path, is_gzipped)}iconv -f {encoding} -t UTF-8{name} > {_converted(path)}"


def _converted(path: Path) -> str:
    """Return the name of the file that a printed command writes."""
    return f"new{next((suffix for suffix in path.suffixes if suffix in KEPT_SUFFIXES), '.txt')}"


def _unpacked(path: Path, is_gzipped: bool) -> str:
    return f"gzip -dc < {shlex.quote(paths.shown(path))} | " if is_gzipped else ""
