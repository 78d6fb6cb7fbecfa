"""Write a Python function as a folder with a processing.py, which every command takes.

    folder = write(function, requirements=["requests"], modules=["helper.py"])
    deploy(connect("local"), processing=folder)

The function travels by value in a pickle beside processing.py, with cloudpickle itself; so do the
functions and classes of a notebook or script that it uses. What it imports travels as `modules` or
`requirements`. The folder is below the state folder and is named by the hash of its contents: an
equal function is an equal folder, and nothing is deployed again.

Only the Lambda, the local pool and `preview` unpickle, and only what this client has pickled.
"""

import dis
import importlib.util
import io
import pickle
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

from lambdist_lib import paths
from lambdist_lib.deployment import dependencies
from lambdist_lib.errors import UsageError
from lambdist_lib.results.files import whole_folder

PICKLED = "pickled_function"  # the package beside processing.py that holds the pickle
PYTHON = "python.txt"  # in it: the minor version of Python whose bytecode the pickle holds
LABEL = "label.txt"  # in it: what a function's items are, and its name; part of a zip's name
LABELLED = re.compile(r"[a-z_]+-(json|text)-([a-z0-9-]+)-[0-9a-f]{20}\.zip")
RESERVED = {"cloudpickle", "processing", PICKLED, "lambdist_lib"}
PROVIDED = {"boto3", "botocore", "lambdist_lib", "cloudpickle"} | sys.stdlib_module_names
NAME_MAX_CHARS = 24
Module = str | Path | types.ModuleType
PROCESSING = '''\
"""Call the pickled function {name}. Written by lambdist; to change it, change the function."""

import json
from pathlib import Path

import cloudpickle
from lambdist_lib import PermanentError
import {package}
{modules}
FUNCTION = cloudpickle.loads(Path({package}.__file__).with_name("function.pkl").read_bytes())


def process(data: str) -> object:
    return FUNCTION({argument})


def _item(data: str) -> object:
    try:
        return json.loads(data)
    except ValueError:
        raise PermanentError(
            "not JSON, and this stack runs a function whose items are JSON: send it by fan_out, or run "
            "`lambdist deploy` for your processing.py"
        ) from None


def _imports() -> None:
    """Name what the function imports: a zip is checked for it."""
{imports}
'''


def write(
    function: Callable[[Any], object],
    *,
    requirements: Sequence[str] = (),
    modules: Iterable[Module] = (),
    as_json: bool = True,
) -> Path:
    """Return the folder with the processing.py that calls `function`, written if it is new.

    Args:
        function: Takes one item and returns what JSON holds.
        requirements: Packages, as lines of a requirements.txt.
        modules: Your own modules that it imports: a module, its name or its path; a folder is a package.
        as_json: Items are JSON texts (`data.items`); False passes a datapoint on as the string it is.

    Raises:
        UsageError: The function cannot be pickled, or a module is missing or has a reserved name.
    """
    if not callable(function):
        raise UsageError(f"process is {type(function).__name__}, not a function")
    if isinstance(requirements, str):
        raise UsageError(f"requirements is one string: pass a list, such as [{requirements!r}]")
    sources = [_source(module) for module in modules]
    pickled, imported = _pickled(function)
    name = name_of(function)
    files = {
        f"{PICKLED}/__init__.py": b'"""The pickled function."""\n',
        f"{PICKLED}/{PYTHON}": f"{dependencies.HERE.version}\n".encode(),
        f"{PICKLED}/{LABEL}": f"{'json' if as_json else 'text'}-{name}\n".encode(),
        f"{PICKLED}/function.pkl": pickled,
        "processing.py": _processing(name, [source.stem for source in sources], imported, as_json=as_json),
        **_files(Path(cloudpickle.__file__).parent),
    }
    for source in sources:
        files |= _files(source)
    if requirements:
        files["requirements.txt"] = "".join(f"{line}\n" for line in requirements).encode()
    return _kept(name, files)


def _processing(name: str, modules: Iterable[str], imported: Iterable[str], *, as_json: bool) -> bytes:
    """Return the processing.py that imports the user's modules and calls the pickled function."""
    return PROCESSING.format(
        name=name,
        package=PICKLED,
        modules="".join(f"import {module}  # noqa: F401\n" for module in modules),
        argument="_item(data)" if as_json else "data",
        imports="".join(f"    import {module}  # noqa: F401\n" for module in imported) or "    pass\n",
    ).encode()


def name_of(function: Callable[..., object]) -> str:
    """Return a function's name as part of a file's name: its `__name__`, or its class's."""
    name = getattr(function, "__name__", "") or type(function).__name__
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:NAME_MAX_CHARS].strip("-") or "function"


def is_pickled(processing: Path) -> bool:
    """Return whether a folder was written by `write`."""
    return (processing / PICKLED / PYTHON).is_file()


def label(processing: Path) -> str:
    """Return what the zips with a folder's function are marked with; "" for a processing.py."""
    path = processing / PICKLED / LABEL
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def takes_json(code: Iterable[str]) -> str:
    """Return the name of the function in a stack's zips whose items are JSON; "" for others.

    >>> takes_json(["collector-f9509cd3d0fe73dba063.zip", "processor-json-upper-d10f6c85a162131d7eeb.zip"])
    'upper'
    """
    labelled = filter(None, map(LABELLED.fullmatch, code))
    return next((match[2] for match in labelled if match[1] == "json"), "")


def missing(name: str) -> str:
    """Say what to do about a module that a pickled function imports and a zip has not."""
    return (
        f"the function imports {name}, which Lambda does not have; pass requirements=[{name!r}] for a "
        f"package, or modules=[{name!r}] for a module of yours"
    )


def with_runtime(settings: Mapping[str, Any], processing: Path, target: str) -> dict[str, Any]:
    """Return the stacks' settings with the Lambda runtime that a pickled function needs.

    Raises:
        UsageError: Another runtime is asked for, or Lambda has none of this Python.
    """
    wanted = dict(settings)
    if target == "local" or not is_pickled(processing):  # the local cloud's Lambdas run on this Python
        return wanted
    python = (processing / PICKLED / PYTHON).read_text(encoding="utf-8").strip()
    if wanted.setdefault("runtime", f"python{python}") != f"python{python}":
        raise UsageError(
            f"the function is bytecode of Python {python}, and the Lambdas would run {wanted['runtime']}: "
            f"pass runtime='python{python}', or run this on the other Python"
        )
    return wanted


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # has no types
    """Pickles by value, and notes the modules that the result will import."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.imported: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, types.ModuleType):
            self.imported.add(obj.__name__)
        elif isinstance(obj, types.CodeType):
            self.imported |= _imports(obj)
            if obj.co_filename != (short := Path(obj.co_filename).name):  # ipykernel's has its process id
                return self.dispatch_table[types.CodeType](obj.replace(co_filename=short))
        reduced = super().reducer_override(obj)
        if reduced is NotImplemented or isinstance(reduced, str):  # by reference
            module = getattr(obj, "__module__", None)
            if isinstance(obj, type | types.FunctionType) and module:
                self.imported.add(module)
            elif (cls := type(obj)).__module__ not in ("builtins", "__main__") and not isinstance(
                obj, types.ModuleType
            ):
                self.imported |= set() if "<locals>" in cls.__qualname__ else {cls.__module__}
        return reduced


def _pickled(function: Callable[[Any], object]) -> tuple[bytes, list[str]]:
    """The function by value, and the modules beyond Python's that it imports."""
    file = io.BytesIO()
    pickler = _Pickler(file)
    try:
        pickler.dump(function)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, NotImplementedError) as error:
        raise UsageError(
            f"{name_of(function)} cannot travel to a Lambda: {error}; create files, locks, connections and "
            "generators inside the function, instead of using those of the notebook"
        ) from None
    tops = {name.partition(".")[0] for name in pickler.imported} - PROVIDED - {"__main__", "__mp_main__"}
    return file.getvalue(), sorted(tops)


def _imports(code: types.CodeType) -> set[str]:
    return {
        str(step.argval)
        for step in dis.get_instructions(code)
        if step.opname == "IMPORT_NAME" and step.argval
    }


def _source(module: Module) -> Path:
    """The file of a module, or the folder of a package."""
    if isinstance(module, types.ModuleType):
        path = Path(module.__file__ or module.__name__)
    elif (path := Path(module).expanduser()).exists():
        pass
    elif (spec := _spec(str(module))) and spec.origin:
        path = Path(spec.origin)
    else:
        raise UsageError(f"there is no module {str(module)!r}: name its file, or a module that imports here")
    path = path.resolve()
    path = path.parent if path.name == "__init__.py" else path
    if not (path.suffix == ".py" or (path / "__init__.py").is_file()):
        raise UsageError(
            f"{paths.shown(path)} is not a module: name a .py file, or a folder with an __init__.py"
        )
    if path.stem in RESERVED:
        raise UsageError(f"a module may not be named {path.stem}, the zip has its own: rename {path.name}")
    return path


def _spec(name: str) -> Any:
    try:
        return importlib.util.find_spec(name) if name.isidentifier() else None
    except (ImportError, ValueError):
        return None


def _files(source: Path) -> dict[str, bytes]:
    """A module's file, or all files of a package, by their names in the folder."""
    if source.is_file():
        return {source.name: source.read_bytes()}
    return {
        path.relative_to(source.parent).as_posix(): path.read_bytes()
        for path in sorted(source.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _kept(name: str, files: Mapping[str, bytes]) -> Path:
    """The folder with these files, complete or not there."""
    kept = paths.state() / "functions" / f"{name}-{dependencies.sha256(files)[:16]}"
    if not kept.exists():
        with whole_folder(kept) as partial:
            for file, content in files.items():
                path = partial / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    return kept
