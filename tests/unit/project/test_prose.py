"""Text is plain technical English: phrases that read as translated do not come back."""

import re
from pathlib import Path

from support import scan

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
    if not (paths.root() / ".git").exists():
        return []  # nothing says which files are committed
    names = [path.relative_to(paths.root()).as_posix() for path in scan.tracked(paths.root())]
    return [name for name in names if not name.startswith(EXEMPT) and Path(name).suffix in SUFFIXES]


def test_no_text_has_a_banned_phrase():
    """Use the plain form: active verb, the field's noun (see CONTRIBUTING.md, "How we write")."""
    contents = {name: (paths.root() / name).read_text(encoding="utf-8") for name in texts()}
    lines = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for name, text in contents.items()
        for match in PATTERN.finditer(text)
    ]

    assert lines == []
