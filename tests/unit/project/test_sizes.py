"""Modules, classes and functions stay short enough to read at once; each exception has its reason."""

import ast
from pathlib import Path

from lambdist_lib import paths

MODULE_MAX, CLASS_MAX, FUNCTION_MAX = 300, 150, 40  # lines; of classes and functions without docstrings
LIBRARY = Path(paths.__file__).parent
FILES = sorted([*LIBRARY.rglob("*.py"), *paths.lambdas().glob("*.py")])
LONGER = {
    "cloud.emulator_queue.patch": "each function that it replaces, beside the lock that they share",
    "experiment.Experiment": "the public API: a method per command, most of it arguments",
    "submission.client._Sender": "the state of one submission, which senders and their controller share",
}


def docstring_lines(node: ast.AST) -> int:
    """The lines of docstrings in a function or class, those of its methods included."""
    owners = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    documented = [part for part in ast.walk(node) if isinstance(part, owners) and ast.get_docstring(part)]
    return sum(part.body[0].end_lineno - part.body[0].lineno + 1 for part in documented)


def sizes(path: Path) -> dict[str, tuple[int, int]]:
    """By qualified name, the lines of a file's classes and functions and the most that they may have."""
    found = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}.{part.name}"
                most = CLASS_MAX if isinstance(part, ast.ClassDef) else FUNCTION_MAX
                found[name] = (part.end_lineno - part.lineno + 1 - docstring_lines(part), most)
                visit(part, name)

    folder = LIBRARY if path.is_relative_to(LIBRARY) else path.parent
    visit(
        ast.parse(path.read_text(encoding="utf-8")), ".".join(path.relative_to(folder).with_suffix("").parts)
    )
    return found


def test_a_module_fits_a_few_screens():
    """A longer one answers more than one question."""
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}

    assert {path.name: count for path, count in lines.items() if count > MODULE_MAX} == {}


def test_classes_and_functions_are_short_but_for_those_with_a_reason():
    """A longer function hides its steps. What was renamed or deleted leaves the list."""
    every = {name: size for path in FILES for name, size in sizes(path).items()}

    long = {name: lines for name, (lines, most) in every.items() if lines > most}
    assert {name: lines for name, lines in long.items() if name not in LONGER} == {}
    assert LONGER.keys() <= every.keys()
