"""lambdas/ + what it imports of this library -> one reproducible zip per function.

A function's zip holds its handler's module and, found by its imports, every module of
`lambdas/` and of `lambdist_lib` that it needs, and nothing else. Its name carries the hash
of its contents, so unchanged code is an unchanged stack.
"""

import ast
import hashlib
import io
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lambdist_lib import project
from lambdist_lib.errors import DeployError

PACKAGE = "lambdist_lib"
GIVEN = {"boto3", "botocore"}  # by Lambda's Python runtimes
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: equal contents, equal zip


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """One function's zip. `key` is its name in the artifact bucket."""

    handler: str
    key: str
    sha256: str
    content: bytes = field(repr=False)


def build(handler: str, *, lambdas: Path = project.LAMBDAS) -> Bundle:
    """The bundle of `lambdas/<handler>.py`.

    Raises:
        DeployError: The module or one that it imports does not parse, or needs a package
            that Lambda does not have.
    """
    files = {_name_in_zip(path, lambdas): path.read_bytes() for path in modules(handler, lambdas=lambdas)}
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16  # readable by Lambda's user
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    sha256 = digest.hexdigest()
    return Bundle(
        handler=handler, key=f"{handler}-{sha256[:20]}.zip", sha256=sha256, content=packed.getvalue()
    )


def modules(handler: str, *, lambdas: Path = project.LAMBDAS) -> list[Path]:
    """The files of a handler's bundle: its own module first, then those it imports."""
    waiting, found = [lambdas / f"{handler}.py"], []
    while waiting:
        path = waiting.pop(0)
        if path in found:
            continue
        found.append(path)
        for name in _imports(path):
            local = _local(name, lambdas)
            if not local and name.split(".")[0] not in GIVEN | sys.stdlib_module_names:
                raise DeployError(
                    f"{path.name} imports {name}, which Lambda does not have; "
                    f"put a module of that name into {project.shown(lambdas)}/ or do without"
                )
            waiting += local
    return found


def _imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports; `from a import b` names a and a.b."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DeployError(f"{project.shown(path)} does not exist") from None
    except SyntaxError as error:
        raise DeployError(f"{path.name} does not parse: {error.msg}, line {error.lineno}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == PACKAGE:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _local(name: str, lambdas: Path) -> list[Path]:
    """The files behind an import, if they are ours."""
    if name.split(".")[0] == PACKAGE:
        package = Path(__file__).parent
        return [package / "__init__.py", *([package / f"{name.split('.')[1]}.py"] if "." in name else [])]
    path = lambdas / f"{name}.py"
    return [path] if path.exists() else []


def _name_in_zip(path: Path, lambdas: Path) -> str:
    return path.name if path.parent == lambdas else f"{PACKAGE}/{path.name}"
