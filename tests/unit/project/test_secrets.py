"""Nothing committed gives away a key, an account or the machine it was made on; and the scan can tell."""

import gzip
import json

import pytest
from support import scan

from lambdist_lib import paths

NASTY = paths.root() / "data" / "nasty.txt"  # text with a NUL in it
# put together here, or this file would be a finding itself
BAD = {
    "AWS account": [
        "arn:aws:sqs:eu-west-1:" + "210987654321:queue",
        "sqs.eu-west-1.amazonaws.com/" + "210987654321/q",
        "arn:aws-cn:iam::" + "210987654321:role/x",
        "eu-west-1.queue.amazonaws.com/" + "210987654321/q",
        '{"Account": "' + '210987654321"}',
        '{"AWS": "' + '210987654321"}',
        "account " + "210987654321",
        "210987654321" + ".dkr.ecr.eu-west-1.amazonaws.com/image",
    ],
    "access key": ["AKIA" + "QWERTYUIOPASDFGH"],
    "key, token or password": [
        "x-api-key: " + "hT3kd9Qz" * 5,
        '{"x-api-key": "' + "hT3kd9Qz" * 5 + '"}',
        "aws_secret_access_key = " + "hT3kd9Qz/+" * 4,
        "ApiKey('" + "hT3kd9Qz" * 5 + "')",
        "--api-key " + "hT3kd9Qz" * 5,
        "Authorization: Bearer " + "hT3kd9Qz" * 5,
        "MY_KEY=" + "hT3kd9Qz" * 5,
        '"value": "' + "hT3kd9Qz" * 5 + '"',
        "ghp_" + "a1B2" * 9,
    ],
    "private key": ["-----BEGIN RSA " + "PRIVATE KEY-----"],
    "API host": [
        "https://q1w2e3r4t5." + "execute-api.eu-west-1.amazonaws.com/v1/data",
        "https://" + "q1w2e3r4" * 4 + ".lambda-url.eu-west-1.on.aws/",
    ],
    "home folder": [
        "/" + "root/project",
        "File /" + "home/ann/x.py",
        "/" + "Users/ann",
        "C:" + "\\Users\\ann",
    ],
    "folder of one machine": ["see /" + "work/main/data"],
    "package registry": [
        "https://pypi" + ".org/project/x",
        "--extra-" + "index-url",
        "http://mirror.local/" + "simple/",
    ],
}
GOOD = [
    "arn:aws:sns:eu-west-1:000000000000:topic",
    "arn:aws:iam::123456789012:role/any",
    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/POST/data",
    "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1/data",
    "https://example123.execute-api.eu-west-1.amazonaws.com/v1/data",
    "AKIAIOSFODNN7EXAMPLE",
    'headers = {"x-api-key": api.key.reveal()}',
    "rootless /rooted docs/home/page",
]


def whats(path):
    return {what for _, what, _ in scan.findings(path)}


@pytest.mark.parametrize(("what", "text"), [(what, text) for what, texts in BAD.items() for text in texts])
def test_the_scan_finds(tmp_path, what, text):
    """Each thing that must not be committed is found and named."""
    file = tmp_path / "note.md"
    file.write_text(f"before\n{text}\nafter\n")

    assert what in whats(file)


@pytest.mark.parametrize("text", GOOD)
def test_placeholders_pass(tmp_path, text):
    """What AWS's documentation uses as an example, and what our own templates write, is no secret."""
    file = tmp_path / "note.md"
    file.write_text(text)

    assert list(scan.findings(file)) == []


@pytest.mark.parametrize("text", [texts[0] for texts in BAD.values()])
def test_the_scan_reads_what_a_notebook_printed(tmp_path, text):
    """An output, a traceback or metadata gives away as much as a source."""
    outputs = [
        {"output_type": "stream", "text": [text]},
        {"output_type": "display_data", "data": {"text/html": [text], "image/png": "A" * 80}},
        {"output_type": "error", "traceback": ["", text]},
    ]
    cells = [{"source": "1", "metadata": {}, "outputs": [output]} for output in outputs]
    cells.append({"source": "1", "metadata": {"by": text}, "outputs": []})
    drawn = {"output_type": "display_data", "data": {"image/svg+xml": [f"<text>{text}</text>"]}}
    cells.append({"source": "1", "metadata": {}, "outputs": [drawn]})
    cells.append({"source": "1", "metadata": {}, "attachments": {"a.txt": {"text/plain": text}}})
    file = tmp_path / "executed.ipynb"
    file.write_text(json.dumps({"metadata": {}, "cells": cells}))

    assert len({where for where, _, _ in scan.findings(file)}) == len(cells)


def test_the_scan_reads_packed_tables_and_skips_pictures(tmp_path):
    """A gzipped CSV is text; base64 that happens to look like a key is not."""
    [table, picture, page] = [tmp_path / name for name in ("records.csv.gz", "plot.png", "report.html")]
    table.write_bytes(gzip.compress(BAD["access key"][0].encode()))
    picture.write_bytes(b"\x89PNG\0" + BAD["access key"][0].encode())
    page.write_text(f'<img src="data:image/png;base64,{BAD["access key"][0]}">')

    assert whats(table) == {"access key"}
    assert whats(picture) == whats(page) == set()


def test_the_scan_reads_other_encodings(tmp_path):
    """UTF-16 is text, too, though every second byte of it is 0."""
    file = tmp_path / "note.txt"
    file.write_text(BAD["access key"][0], encoding="utf-16")

    assert whats(file) == {"access key"}


def test_what_the_scan_cannot_read_is_a_picture():
    """An archive or a pickle would carry anything past it."""
    if not (paths.root() / ".git").exists():
        pytest.skip("not a git checkout: nothing says which files are committed")

    contents = {path: scan.unpacked(path) for path in scan.tracked(paths.root())}
    binary = {path for path, content in contents.items() if b"\0" in content}

    assert {path for path in binary if not contents[path].startswith(scan.PNG)} <= {NASTY}


def test_no_committed_file_holds_what_is_forbidden():
    """Sources, data, templates, results and notebooks with their outputs."""
    if not (paths.root() / ".git").exists():
        pytest.skip("not a git checkout: nothing says which files are committed")

    found = [
        f"{paths.shown(path)}, {where}: {what}: {text}"
        for path in scan.tracked(paths.root())
        for where, what, text in scan.findings(path)
    ]

    assert found == []
