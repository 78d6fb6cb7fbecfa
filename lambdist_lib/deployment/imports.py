"""Read which modules a source file imports, and whether it works without them."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lambdist_lib import paths
from lambdist_lib.errors import DeployError

CATCHING = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


class Import(NamedTuple):
    """The full name of a module that is imported, with a dot for each level of a relative import.

    required: Whether nothing catches its ImportError.
    is_module: Whether it is certainly a module; the a.b of `from a import b` may not be one.
    """

    name: str
    required: bool
    is_module: bool = True


def of_file(path: Path) -> tuple[Import, ...]:
    """Return a file's imports, also those inside functions.

    Raises:
        DeployError: The file is missing or does not parse.
    """
    if path.suffix != ".py":  # a package's data
        return ()
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        raise DeployError(f"{paths.shown(path)} does not exist") from None
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise DeployError(f"{path.name} does not parse: {error.msg}{where}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise DeployError(f"{path.name} does not parse: {error}") from error


@functools.cache
def _parsed(path: Path, changed_ns: int) -> tuple[Import, ...]:
    """Parse a file once for all bundles and deploys of a process; `changed_ns` is its time."""
    tree = ast.parse(path.read_bytes())  # bytes: their first lines may name their encoding
    return tuple(_imports(tree, required=True))


def _imports(node: ast.AST, *, required: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, required) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        yield Import(module, required)
        between = "." if node.module else ""
        yield from (Import(f"{module}{between}{alias.name}", required, False) for alias in node.names)
    optional = _optional_part(node)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, required=required and child not in optional)


def _optional_part(node: ast.AST) -> list[ast.stmt]:
    """Return the statements of a node whose failed imports are caught, or that never run."""
    if isinstance(node, ast.Try):
        return node.body if any(_catches(handler.type) for handler in node.handlers) else []
    if isinstance(node, ast.With | ast.AsyncWith):
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        suppressed = [arg for call in calls if _name(call.func) == "suppress" for arg in call.args]
        return node.body if any(_catches(error) for error in suppressed) else []
    if isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING":
        return node.body
    return []


def _catches(error: ast.expr | None) -> bool:
    """Whether an except clause of this type, or of none, catches an ImportError."""
    if isinstance(error, ast.Tuple):
        return any(_catches(part) for part in error.elts)
    return error is None or _name(error) in CATCHING


def _name(node: ast.expr) -> str:
    """Return the last part of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
