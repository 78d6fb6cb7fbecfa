"""The import order of the library: a package imports only from packages of a lower rank."""

import ast
import importlib
import pkgutil
import sys
from pathlib import Path

import pytest

from lambdist_lib import paths

RANKS = [
    {"errors", "paths", "formatting"},
    {"progress", "extras"},
    {"protocol", "cloud"},
    {"costs", "data"},
    {"results", "submission", "measures"},
    {"deployment", "comparison"},
    {"records"},
    {"runs"},
    {"analysis"},
    {"experiment", "fanout"},
    {"planner"},
    {"figures"},
    {"report"},
    {"notebooks"},
    {"cli"},
    {"__main__"},
]
WITH_EXPORTS = {"lambdist_lib", "figures", "measures"}
IN_EVERY_ZIP = {"errors", "protocol"}  # of the library, beside the handlers
LIBRARY = Path(paths.__file__).parent
MODULES = sorted(path for path in LIBRARY.rglob("*.py") if path.name != "__init__.py")
HANDLERS = sorted(paths.lambdas().glob("*.py"))
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write imports in full"
            of_root = node.module == "lambdist_lib"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} if of_root else {node.module}
    return names


def packages_of(path: Path) -> set[str]:
    """The library's top-level packages and modules that a file imports."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("lambdist_lib.")}


def named(path: Path) -> str:
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts)


def test_modules_import_only_from_their_package_and_from_lower_ranks():
    """Packages of one rank never import each other; the package that joins them does."""
    upwards = []
    for path in MODULES:
        own = named(path).split(".")[0]
        others = packages_of(path) - {own}
        upwards += [f"{named(path)} imports {other}" for other in others if RANK[other] >= RANK[own]]

    assert upwards == []


def test_every_package_has_one_rank():
    """The list names each package and module of the library once."""
    names = [name for rank in RANKS for name in rank]

    assert sorted(names) == sorted({named(path).split(".")[0] for path in MODULES})


@pytest.mark.parametrize(
    "path", [path for path in MODULES if named(path).split(".")[0] in IN_EVERY_ZIP], ids=named
)
def test_a_module_that_ships_in_every_zip_imports_the_standard_library_only(path):
    """On AWS a zip holds only these modules of the library."""
    assert packages_of(path) <= IN_EVERY_ZIP
    others = {name.partition(".")[0] for name in imported(path)} - {"lambdist_lib"}
    assert others <= sys.stdlib_module_names


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.stem)
def test_a_handler_imports_what_its_zip_or_the_runtime_has(path):
    """Standard library, boto3, the modules in every zip and the name that its package exports, siblings."""
    assert packages_of(path) <= IN_EVERY_ZIP | {"PermanentError"}
    others = {name.partition(".")[0] for name in imported(path)} - {"lambdist_lib"}
    siblings = {handler.stem for handler in HANDLERS}
    assert others <= sys.stdlib_module_names | siblings | {"boto3", "botocore"}


@pytest.mark.parametrize(
    "path",
    sorted(LIBRARY.rglob("__init__.py")),
    ids=lambda path: path.parent.name,
)
def test_packages_import_nothing_before_it_is_used(path):
    """A package's `__init__` is empty; three may name lazily what they re-export, so imports stay light."""
    body = ast.parse(path.read_text(encoding="utf-8")).body

    if path.parent.name not in WITH_EXPORTS:
        assert body == []
    for node in body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            assert {alias.name for alias in node.names} <= {"importlib", "TYPE_CHECKING", "Any"}
        elif isinstance(node, ast.If):
            assert ast.unparse(node.test) == "TYPE_CHECKING"
        elif isinstance(node, ast.FunctionDef):
            assert node.name in ("__getattr__", "__dir__")
        else:  # the docstring, `__all__`, and where each name is defined
            assert isinstance(node, ast.Expr | ast.Assign)


@pytest.mark.parametrize("name", ["lambdist_lib", "lambdist_lib.figures", "lambdist_lib.measures"])
def test_every_export_can_be_imported(name):
    """`__all__` is sorted and complete, and no export hides a submodule."""
    package = importlib.import_module(name)
    submodules = {module.name for module in pkgutil.iter_modules(package.__path__)}

    exports = getattr(package, "__all__", [])
    assert exports == sorted(exports)
    if name != "lambdist_lib":  # it exports packages, too
        assert not set(exports) & submodules
    assert all(hasattr(package, export) for export in exports)
