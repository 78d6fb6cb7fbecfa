"""What no committed file may hold: secrets, accounts, and traces of the machine that it was made on.

    for where, what, text in scan.findings(path): ...

Placeholders of AWS's own documentation pass. Pictures are left out, in notebooks and pages too:
base64 is not text.
"""

import codecs
import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ACCOUNT = r"(?!000000000000|123456789012)\d{12}"
FORBIDDEN = {
    "AWS account": re.compile(
        rf"\barn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:{ACCOUNT}\b"
        rf"|\b(?:sqs\.[a-z0-9-]+|[a-z0-9-]+\.queue)\.amazonaws\.com(?:\.cn)?/{ACCOUNT}\b"
        rf"|(?i:\baccount(?:[_ -]?id)?|\"AWS\")\W{{1,5}}{ACCOUNT}\b|\b{ACCOUNT}\.dkr\.ecr\."
    ),
    "access key": re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)(?!IOSFODNN7EXAMPLE)[A-Z0-9]{16}\b"),
    "key, token or password": re.compile(
        r"(?i:(?:x-api-key|api[_-]?key|secret(?:[_-]?access[_-]?key)?|token|password)\\?[\"']?\s*[:=,(]|"
        r"--api-key|\bbearer|\b[A-Z]\w*_KEY=|\"value\":)\s*\\?[\"']?(?=[\w/+-]*\d)[\w/+-]{20,}"
        r"|\bgh[pousr]_\w{36}|\bxox[baprs]-[\w-]{10,}"
    ),
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "API host": re.compile(
        r"\b(?!example|abcd)[a-z0-9]{8,12}\.execute-api\.[a-z0-9-]+\.amazonaws\.com"
        r"|\b[a-z0-9]{32}\.lambda-url\.[a-z0-9-]+\.on\.aws"
    ),
    "home folder": re.compile(
        r"(?<![\w.])/(?:home/[\w.-]+|Users/[\w.-]+|root(?![\w-]))|\b[A-Za-z]:\\+Users\\+[\w.-]+"
    ),
    "folder of one machine": re.compile(r"(?<![\w.])/(?:work|farm|opt/pypi)\b[\w./-]*"),
    "package registry": re.compile(
        r"(?i)\b(?:[\w-]+\.)*(?:pypi\.org|pythonhosted\.org|npmjs\.org|crates\.io|anaconda\.org)\b"
        r"|--(?:extra-)?index-url|https?://\S+/simple\b"
    ),
}
PNG = b"\x89PNG"
PIXELS = re.compile(r"image/(?!svg)")
PICTURE = re.compile(r"data:image/[\w+-]+;base64,[\w+/=]+")


def findings(path: Path) -> Iterator[tuple[str, str, str]]:
    """Find forbidden content in a file: its place, its kind and its first characters."""
    for where, text in texts(path):
        bare = PICTURE.sub("", text)
        for what, pattern in FORBIDDEN.items():
            for match in pattern.finditer(bare):
                yield where, what, match[0][:60]


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """Return the readable parts of a file with their places; none for images."""
    content = unpacked(path)
    if content.startswith(PNG):
        return
    text = content.decode(errors="replace")
    if path.suffix != ".ipynb":
        yield from ((f"line {number}", line) for number, line in enumerate(text.splitlines(), 1))
        return
    notebook = json.loads(text)
    yield "metadata", json.dumps(notebook["metadata"], ensure_ascii=False)
    for number, cell in enumerate(notebook["cells"]):
        yield f"cell {number}", _joined(cell["source"])
        yield f"metadata of cell {number}", json.dumps(cell["metadata"], ensure_ascii=False)
        for attached in cell.get("attachments", {}).values():
            yield f"attachment of cell {number}", _output({"data": attached})
        for output in cell.get("outputs", []):
            yield f"output of cell {number}", _output(output)


def unpacked(path: Path) -> bytes:
    """A file's content, out of gzip, and as UTF-8 if a mark says that it is UTF-16."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16", errors="replace").encode(errors="replace")
    return content


def tracked(root: Path) -> list[Path]:
    """The files that git knows, those that are staged included."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]  # CI may check out as another user
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout
    return [root / name for name in listed.split("\0") if name and (root / name).is_file()]


def _output(output: dict[str, Any]) -> str:
    """An output's text in all its forms but pictures, unless those are drawn by text."""
    data = {kind: value for kind, value in output.get("data", {}).items() if not PIXELS.match(kind)}
    shown = [
        _joined(value) if isinstance(value, str | list) else json.dumps(value) for value in data.values()
    ]
    error = [output.get("evalue", ""), *output.get("traceback", [])]
    return "\n".join(
        [_joined(output.get("text", "")), *shown, *error, json.dumps(output.get("metadata", {}))]
    )


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
