"""Build one reproducible zip per function from lambdas/ and the library.

A function's zip holds its handler's module and every module of `lambdas/` and of `lambdist_lib`
that it imports, and nothing else. `processing.py` may come from another folder, with its
neighbours and the packages of its requirements.txt; these go into the zips that hold it. A zip's
name carries the hash of its contents, so unchanged code is an unchanged stack.
"""

import ast
import functools
import hashlib
import io
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import lambdist_lib
from lambdist_lib import paths
from lambdist_lib.deployment import callables, dependencies
from lambdist_lib.deployment.dependencies import HERE, Interpreter
from lambdist_lib.errors import DeployError, UsageError

PACKAGE = "lambdist_lib"
LIBRARY = Path(lambdist_lib.__file__).parent
SHIPPED = [LIBRARY / "errors.py", *sorted((LIBRARY / "protocol").glob("*.py"))]
SHIPPED_NAMES = {"", "errors", "protocol", "PermanentError"}
INIT = b'''"""What a function's zip holds of lambdist_lib."""

from lambdist_lib.protocol.contract import PermanentError as PermanentError
'''
ENTRY = "processing"
GIVEN = {"boto3", "botocore"}  # by Lambda's Python runtimes
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: equal contents, equal zip
UNZIPPED_MAX_BYTES = 250 * 1024 * 1024  # AWS Lambda quotas: a function's code, unzipped
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Hold one function's zip; `key` is its name in the artifact bucket."""

    handler: str
    key: str
    sha256: str
    content: bytes = field(repr=False)


def build(
    handler: str,
    *,
    processing: Path | None = None,
    interpreter: Interpreter = HERE,
    max_bytes: int = UNZIPPED_MAX_BYTES,
) -> Bundle:
    """Build the bundle of a handler.

    Args:
        processing: Folder with processing.py, default lambdas/; with a processor.py in it, too, it provides
            all functions.
        interpreter: The Python that will run it, for the packages of requirements.txt.
        max_bytes: Limit of the unzipped size.

    Raises:
        DeployError: A module does not parse, imports a package that Lambda lacks, a package cannot be
            installed, or the whole exceeds Lambda's limit.
        MissingExtraError: requirements.txt names packages, and uv is missing.

    Example:
        >>> build("processor").key == build("processor").key
        True
        >>> build("processor", processing=folder("examples/factor")).key == build("processor").key
        False
    """
    processing = processing or paths.lambdas()
    modules, foreign = _modules(handler, processing)
    files = {_name_in_zip(path, _places(processing)): path.read_bytes() for path in modules}
    if set(SHIPPED) & set(modules):
        files[f"{PACKAGE}/__init__.py"] = INIT
    packages: dict[str, bytes] = {}
    if f"{ENTRY}.py" in files and (installed := dependencies.installed(processing, interpreter)):
        packages = dependencies.files(installed)
    _require_all(foreign, files, packages, processing)
    files |= packages
    _require_size(files, handler, max_bytes)
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    sha256 = digest.hexdigest()
    return Bundle(handler=handler, key=f"{handler}-{sha256[:20]}.zip", sha256=sha256, content=_packed(files))


def folder(path: str | Path) -> Path:
    """Return the folder of a processing.py, named by folder or file; "" is the library's own.

    A relative path is looked up in the current folder, then among the shipped files.

    Raises:
        UsageError: It has no processing.py.
    """
    if not str(path):
        return paths.lambdas()
    folder = Path(path)
    folder = folder.parent if folder.name == f"{ENTRY}.py" else folder
    module = paths.find(folder / f"{ENTRY}.py")
    if not module.is_file():
        raise UsageError(f"there is no {folder / module.name}; name a folder that has a {module.name}")
    return module.resolve().parent


def search_path(processing: Path | None = None) -> list[str]:
    """Return the folders that hold what a zip would: for runs of `process()` without a Lambda."""
    processing = processing or paths.lambdas()
    packages = dependencies.installed(processing)
    return [str(path) for path in (packages, processing, paths.lambdas()) if path]


def _modules(handler: str, processing: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Return a handler's modules, its own first; and (file, name) of each import from a package."""
    places = _places(processing)
    waiting = [_in(places, handler) or places[-1] / f"{handler}.py"]
    modules: list[Path] = []
    foreign = []
    while waiting:
        path = waiting.pop(0)
        if path in modules:
            continue
        modules.append(path)
        for name in _imports(path):
            if local := _local(name, places):
                waiting += local
            elif name.split(".")[0] not in GIVEN | sys.stdlib_module_names:
                foreign.append((path, name))
    return modules, foreign


def _places(processing: Path) -> list[Path]:
    """Return the folders to search for modules, in this order.

    Raises:
        UsageError: A neighbour of processing.py has the name of a module of lambdas/.
    """
    handlers = {path.name for path in paths.lambdas().glob("*.py")} - {f"{ENTRY}.py"}
    names = {path.name for path in processing.glob("*.py")}
    if processing == paths.lambdas() or "processor.py" in names:
        return [processing]
    if both := sorted(handlers & names):
        raise UsageError(
            f"{paths.shown(processing / both[0])} has the name of a module of lambdas/; rename it"
        )
    return [processing, paths.lambdas()]


def _in(places: list[Path], name: str) -> Path | None:
    return next((place / f"{name}.py" for place in places if (place / f"{name}.py").is_file()), None)


def _imports(path: Path) -> tuple[str, ...]:
    """Return full names of the modules that a file imports; `from a import b` gives a and a.b."""
    if path.suffix != ".py":  # a package's data
        return ()
    try:
        return _parsed_imports(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        raise DeployError(f"{paths.shown(path)} does not exist") from None
    except SyntaxError as error:
        raise DeployError(f"{path.name} does not parse: {error.msg}, line {error.lineno}") from error


@functools.cache
def _parsed_imports(path: Path, changed_ns: int) -> tuple[str, ...]:
    """Parse a file once for all bundles and deploys of a process; `changed_ns` is its time."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
            if node.module.split(".")[0] == PACKAGE:
                names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


def _local(name: str, places: list[Path]) -> list[Path]:
    """Return the files behind an import of a handler or of the library; of the library, all that ships."""
    package, _, rest = name.partition(".")
    if package == PACKAGE:
        return SHIPPED if rest.split(".")[0] in SHIPPED_NAMES else []
    path = _in(places, name)
    return [path] if path else _package(places, package)


def _package(places: list[Path], name: str) -> list[Path]:
    """Return all files of a package beside processing.py; none if there is no such package."""
    for place in places:
        if (place / name / "__init__.py").is_file():
            files = (place / name).rglob("*")
            return sorted(path for path in files if path.is_file() and "__pycache__" not in path.parts)
    return []


def _name_in_zip(path: Path, places: list[Path]) -> str:
    if path in SHIPPED:  # an installed package has lambdas/ below the library, too
        return f"{PACKAGE}/{path.relative_to(LIBRARY).as_posix()}"
    return next(path.relative_to(place).as_posix() for place in places if path.is_relative_to(place))


def _require_all(
    foreign: list[tuple[Path, str]], files: Iterable[str], packages: dict[str, bytes], processing: Path
) -> None:
    """Check that every import has a module in the bundle and that none hides another."""
    provided = dependencies.modules(packages)
    requirements = paths.shown(processing / dependencies.REQUIREMENTS)
    for path, name in foreign:
        if name.split(".")[0] not in provided:
            if callables.is_pickled(processing) and path == processing / f"{ENTRY}.py":
                raise DeployError(callables.missing(name))
            raise DeployError(
                f"{path.name} imports {name}, which Lambda does not have; add its package to {requirements}, "
                f"put a module of that name into {paths.shown(processing)}/, or remove the import"
            )
    if both := sorted(dependencies.modules(files) & provided):
        raise DeployError(
            f"{requirements} installs a module {both[0]}, whose name lambdas/ uses; remove that package"
        )


def _require_size(files: dict[str, bytes], handler: str, max_bytes: int) -> None:
    sizes_bytes = Counter[str]()
    for name, content in files.items():
        sizes_bytes[name.partition("/")[0]] += len(content)
    if sizes_bytes.total() > max_bytes:
        largest = ", ".join(f"{name} {size / MIB:,.1f}" for name, size in sizes_bytes.most_common(3))
        raise DeployError(
            f"the {handler}'s code is {sizes_bytes.total() / MIB:,.1f} MiB unzipped, and Lambda allows "
            f"{max_bytes / MIB:,.0f}; largest: {largest}; use smaller packages, or fewer"
        )


def _packed(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16  # readable by Lambda's user
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return packed.getvalue()
