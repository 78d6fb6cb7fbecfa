"""Text is plain technical English: phrases that read as translated do not come back."""

import re
import subprocess

import pytest

from lambdist_lib import paths

BANNED = [
    r"[Ww]hoever",
    r"of one's own",
    r"anew",
    r"to be had",
    r"[Ss]o far as",
    r"(?<![Tt]here )(?<!work )is none",
    r"are none",
    r"[Ww]hat (?:came|comes|becomes|became|has become|will become) of",
    r"[Ww]ho (?:looks|insists|asks|reads)",
    r"[Ww]hat to type",
    r"goes on as",
    r"for nothing",
    r"known better",
    r"[Ii]n place of",
]
PATTERN = re.compile(rf"\b(?:{'|'.join(BANNED)})\b")
SUFFIXES = {".py", ".md", ".ipynb", ".yaml", ".yml", ".toml", ".j2", ".cff"}
EXEMPT = ("results/", "tests/unit/project/test_prose.py", "LICENSE")


def texts():
    listed = subprocess.run(["git", "ls-files"], cwd=paths.root(), capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.splitlines() if not name.startswith(EXEMPT)]
    return [
        name for name in names if (paths.root() / name).suffix in SUFFIXES and (paths.root() / name).exists()
    ]


@pytest.mark.parametrize("name", texts())
def test_a_text_has_no_banned_phrase(name):
    """Use the plain form: active verb, the field's noun (see CONTRIBUTING.md, "How we write")."""
    text = (paths.root() / name).read_text(encoding="utf-8")
    lines = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}" for match in PATTERN.finditer(text)
    ]

    assert lines == []
