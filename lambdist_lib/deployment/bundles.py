"""Build one reproducible zip per function from lambdas/ and the library.

A function's zip holds its handler's module and every module of `lambdas/` and of `lambdist_lib`
that it imports, and nothing else. `processing.py` may come from another folder, with all files of
that folder (`job_folder`) and the packages of its requirements.txt; these go into the zips that hold
it. A zip's name carries the hash of its contents, so unchanged code is an unchanged stack.
"""

import io
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import lambdist_lib
from lambdist_lib import paths
from lambdist_lib.deployment import callables, dependencies, imports, job_folder
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
    sources = _files(modules, processing)
    _require_size(sources, {}, handler, max_bytes)
    packages: dict[str, bytes] = {}
    if f"{ENTRY}.py" in sources and (installed := dependencies.installed(processing, interpreter)):
        packages = dependencies.files(installed)
    _require_all(foreign, sources, packages, processing)
    _require_size(sources, packages, handler, max_bytes)
    own = {name: source if isinstance(source, bytes) else _read(source) for name, source in sources.items()}
    sha256 = dependencies.sha256(files := packages | own)
    label = callables.label(processing) if f"{ENTRY}.py" in sources else ""
    key = "-".join(filter(None, (handler, label, f"{sha256[:20]}.zip")))
    return Bundle(handler=handler, key=key, sha256=sha256, content=_packed(files))


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


def stage(processing: Path | None, task: Path) -> list[str]:
    """Write what a processor's zip holds into a folder; returns the folders to import from, this first.

    The packages of requirements.txt stay where they are installed.

    Raises:
        DeployError, MissingExtraError: As `build`.
    """
    processing = processing or paths.lambdas()
    modules, foreign = _modules("processor", processing)
    files = _files(modules, processing)
    packages = dependencies.installed(processing)
    _require_all(foreign, files, dependencies.files(packages) if packages else {}, processing)
    for name, source in files.items():
        path = task / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source if isinstance(source, bytes) else _read(source))
    return [str(task), *([str(packages)] if packages else [])]


def _files(modules: Iterable[Path], processing: Path) -> dict[str, Path | bytes]:
    """Return the files of a zip but for its packages; with processing.py the whole folder beside it."""
    places = _places(processing)
    files: dict[str, Path | bytes] = {_name_in_zip(path, places): path for path in modules}
    if f"{ENTRY}.py" in files:
        of_folder = job_folder.files(processing)
        if len(places) == 1:  # handlers stand in it, too: of its modules those that are imported
            of_folder = {
                name: path for name, path in of_folder.items() if "/" in name or not name.endswith(".py")
            }
        files = {**of_folder, **files}
    if set(SHIPPED).intersection(modules):
        files[f"{PACKAGE}/__init__.py"] = INIT
    return files


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeployError(f"cannot read {paths.shown(path)}: {error.strerror}") from error


def _modules(handler: str, processing: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Return a handler's modules, its own first; and (file, name) of each import from a package.

    What a module can do without is followed, and need not be there.
    """
    places = _places(processing)
    tops = {path.name.partition(".")[0] for place in places for path in place.iterdir()}
    waiting = [(_in(places, handler) or places[-1] / f"{handler}.py", True)]
    modules: dict[Path, bool] = {}
    foreign = []
    while waiting:
        path, required = waiting.pop(0)
        if path in modules and (modules[path] or not required):
            continue
        modules[path] = required
        for imported in imports.of_file(path):
            required_here = required and imported.required
            top = imported.name.partition(".")[0]
            may_be_local = top in tops or top in ("", PACKAGE)  # most are not: spares looks for their files
            if local := _local(imported.name, path, places) if may_be_local else []:
                waiting += [(file, required_here) for file in local]
            elif required_here and _is_missing(imported, places):
                foreign.append((path, imported.name))
    return list(modules), foreign


def _is_missing(imported: imports.Import, places: list[Path]) -> bool:
    """Whether Lambda lacks a module that is not among the files; relative ones are left to Python."""
    top = imported.name.partition(".")[0]
    if top == PACKAGE:
        return True
    if not (imported.is_module and top) or top in GIVEN | sys.stdlib_module_names:
        return False
    # a folder without __init__.py is a package, too
    return not any(next((place / top).glob("**/*.py"), None) for place in places)


def _places(processing: Path) -> list[Path]:
    """Return the folders to search for modules, in this order.

    Raises:
        UsageError: A neighbour of processing.py has the name of a module of lambdas/.
    """
    names = {path.stem for path in processing.glob("*.py")}
    if processing == paths.lambdas() or "processor" in names:
        return [processing]
    handlers = {path.stem for path in paths.lambdas().glob("*.py")} - {ENTRY} | {PACKAGE}
    packages = {path.parent.name for path in processing.glob("*/*.py")}
    if both := sorted(handlers & (names | packages)):
        path = processing / (f"{both[0]}.py" if both[0] in names else both[0])
        raise UsageError(f"{paths.shown(path)} has the name of a module of lambdas/; rename it")
    return [processing, paths.lambdas()]


def _in(places: list[Path], name: str) -> Path | None:
    return next((place / f"{name}.py" for place in places if (place / f"{name}.py").is_file()), None)


def _local(name: str, importer: Path, places: list[Path]) -> list[Path]:
    """Return the files behind an import of a handler or of the library; of the library, all that ships."""
    package, _, rest = name.partition(".")
    if package == PACKAGE:
        return SHIPPED if rest.split(".")[0] in SHIPPED_NAMES else []
    if not package:  # relative
        parts = name.lstrip(".")
        level = len(name) - len(parts)
        return _of_package(importer.parents[level - 1], parts.split(".")) if parts else []
    return next(filter(None, (_of_package(place, name.split(".")) for place in places)), [])


def _of_package(folder: Path, parts: list[str]) -> list[Path]:
    """Return the files that run when folder's module of this name is imported: packages, then itself."""
    files: list[Path] = []
    for part in parts:
        module, package = folder / f"{part}.py", folder / part / "__init__.py"
        if package.is_file() or ((folder / part).is_dir() and not module.is_file()):
            files += [package] if package.is_file() else []
            folder = folder / part
            continue
        compiled = sorted(folder.glob(f"{part}.*so")) if part.isidentifier() else []
        return files + ([module] if module.is_file() else compiled)
    return files


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
    own = dependencies.modules(name for name in files if name.endswith((".py", ".so")))
    if both := sorted(own & provided):
        raise DeployError(
            f"{requirements} installs a module {both[0]}, whose name lambdas/ uses; remove that package"
        )


def _require_size(
    files: dict[str, Path | bytes], packages: dict[str, bytes], handler: str, max_bytes: int
) -> None:
    """Raise DeployError beyond Lambda's limit. A zip's own, 50 MB, is of uploads without S3 only."""
    sizes_bytes = Counter[str]()
    for name, source in files.items():
        sizes_bytes[name] += len(source) if isinstance(source, bytes) else source.stat().st_size
    for name, content in packages.items():
        sizes_bytes[name.partition("/")[0]] += len(content)
    if sizes_bytes.total() > max_bytes:
        largest = ", ".join(f"{name} {size / MIB:,.1f}" for name, size in sizes_bytes.most_common(3))
        raise DeployError(
            f"the {handler}'s code is {sizes_bytes.total() / MIB:,.1f} MiB unzipped, and Lambda allows "
            f"{max_bytes / MIB:,.0f}; largest: {largest}; use smaller packages, or name files that process() "
            f"does not need in {job_folder.IGNORE_FILE}"
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
