"""Every command that a message of the library prints between backticks, as a person would type it."""

import ast
import re

from lambdist_lib import paths

COMMAND = re.compile(r"`(lambdist [^`]+)`")
HOLE = "\x00"
SAMPLES = (  # what a placeholder of an f-string stands for, by a part of its source; the first that fits
    ("key_of", "adhoc-2026-11-29"),
    ("prefix", "reference"),
    ("today", "adhoc-2026-11-29"),
    ("data", "words.txt"),
    ("points", "words.txt"),
    ("on", ""),  # an empty ending of a command, such as " --target aws"
    ("option", "--target local"),
    ("target.name", "local"),
    ("run", "pool-lp"),
    ("folder", "pool-lp"),
    ("path.parent", "pool-lp"),
    ("where", "pool-lp"),
    ("experiment", "pool"),
    ("summary", "pool"),
    ("name", "storage_first"),
)
WORDS = {"FILE": "words.txt", "RUN": "pool-lp", "NAME": "notebooks/experiment.ipynb"}  # in capitals in help


def commands() -> list[tuple[str, str]]:
    """Each command once with the module that prints it, placeholders filled with samples."""
    found = set()
    for path in sorted((paths.root() / "lambdist_lib").rglob("*.py")):
        module = path.relative_to(paths.root() / "lambdist_lib").as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {id(text) for node in ast.walk(tree) for text in _docstring(node)}
        for node in ast.walk(tree):
            if id(node) not in documentation:
                found |= {(module, command) for command in COMMAND.findall(_text(node))}
    return sorted(found)


def _docstring(node: ast.AST) -> list[ast.AST]:
    body = getattr(node, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    return [first.value] if isinstance(first, ast.Expr) else []


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        source = ast.unparse(node.value)
        names = [sample for part, sample in SAMPLES if part == source or (len(part) > 2 and part in source)]
        return names[0] if names else f"<{source}>"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def words_of(command: str) -> list[str]:
    """The words that follow `lambdist`, with files and runs for the words in capitals."""
    import shlex

    words = shlex.split(command)[1:]
    return [WORDS.get(word, word) for word in words if word not in ("|", "head", "…")]
