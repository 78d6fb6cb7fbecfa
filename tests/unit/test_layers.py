"""The import table of the design: a module imports only from rows above its own."""

import ast
import sys
from pathlib import Path

import pytest

from lambdist_lib import paths

ROWS = [  # the design's rows, each in the order of its parts
    {"errors", "project", "interrupts"},  # 0
    {"contract", "faults", "columns"},  # 1
    {
        "deaths",
        "emulator.state",
        "limits",
        "deployment.sam",
        "refusals",
        "deployment.tags",
        "counts",
        "deployment.templates",
        "sending.wire",
        "sending.pacing",
        "sending.jobs",
        "truth",
        "reporting.spelling",
    },  # 2
    {
        "reporting.page_tables",
        "emulator.supervisor",
        "sending.answers",
        "sending.receipts",
        "deployment.resources",
        "progress",
    },
    {"local_cloud"},
    {"targets"},  # 3
    {"deployment.dependencies"},
    {
        "bundles",
        "datapoints",
        "journal",
        "emulator.mailbox",
        "deployment.waiting",
        "deployment.deployments",
    },  # 4
    {"deployment.artifacts", "deployment.changes", "emulator.gaps"},
    {"folders", "stacks", "measures", "deployment.inventory"},  # 5
    {"submission", "sending.local_pool", "planner"},
    {
        "sending.original_client",
        "records",
        "runs.settling",
        "figures",
        "trying",
        "thresholds",
        "runs.throttling",
        "deployment.starting",
    },
    {"analysing", "cloudwatch", "dead_letters", "runs.watching"},
    {"runs.conditions", "runs.collecting", "deployment.packaging", "planning"},  # 6
    {"runs.foreign", "runs.turns"},
    {"runs.running", "runs.pool_runs"},
    {"runs.submitting", "deployment.teardown", "runs.walking"},
    {"redrive", "deployment.leaks", "deployment.preflight", "reporting.reproducing", "reporting.tabulating"},
    {"reporting.failures", "reporting.source", "deployment.deploying"},
    {"reporting.content"},
    {"experiment", "compare", "report", "reporting.gallery"},
    {"notebooks", "rehearsal"},
    {"arguments"},  # 7
    {"commands"},
    {"cli"},
    {"__main__"},
]
IN_EVERY_ZIP = {"contract", "deaths", "faults", "errors"}  # of the library, beside the handlers
LIBRARY = paths.ROOT / "lambdist_lib"
MODULES = sorted(path for path in LIBRARY.rglob("*.py") if path.name != "__init__.py")
HANDLERS = sorted(paths.LAMBDAS.glob("*.py"))


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write imports in full"
            package = node.module in ("lambdist_lib", *(f"lambdist_lib.{name}" for name in subpackages()))
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if package else {node.module}
    return found


def subpackages() -> list[str]:
    return [path.name for path in LIBRARY.iterdir() if (path / "__init__.py").exists()]


def of_library(path: Path) -> set[str]:
    """Names of the library's modules that a file imports: "contract", "measures.ledger"."""
    return {name.partition(".")[2] for name in imports(path) if name.startswith("lambdist_lib.")}


def row(name: str) -> int:
    """Of a module by its own name, or else of the package that stands in the table as a whole."""
    for spelled in (name, name.partition(".")[0]):
        if rows := [number for number, names in enumerate(ROWS) if spelled in names]:
            return rows[0]
    raise AssertionError(f"{name} is in no row of the table; put it in one")


def named(path: Path) -> str:
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_imports_only_from_rows_above_its_own(path):
    """Stages never import each other, the row that joins them does; a package in one row imports itself."""
    package = path.parent.name

    for name in of_library(path):
        inside = name.partition(".")[0] == package and any(package in names for names in ROWS)
        assert inside or row(name) < row(named(path)), f"{named(path)} imports {name}"


@pytest.mark.parametrize("name", sorted(IN_EVERY_ZIP))
def test_what_ships_in_every_zip_imports_the_standard_library_only(name):
    """A zip holds these few modules: whatever else they imported would be missing on AWS."""
    path = LIBRARY / f"{name}.py"

    assert of_library(path) <= IN_EVERY_ZIP
    others = {one.partition(".")[0] for one in imports(path)} - {"lambdist_lib"}
    assert others <= sys.stdlib_module_names


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.stem)
def test_a_handler_imports_what_its_zip_or_the_runtime_has(path):
    """Standard library, boto3, the modules in every zip, and its siblings."""
    assert of_library(path) <= IN_EVERY_ZIP
    others = {name.partition(".")[0] for name in imports(path)} - {"lambdist_lib"}
    siblings = {handler.stem for handler in HANDLERS}
    assert others <= sys.stdlib_module_names | siblings | {"boto3", "botocore"}


def test_the_table_names_no_module_twice():
    """A row is where a module stands, so it stands in one."""
    names = [name for names in ROWS for name in names]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "path", [LIBRARY, *(LIBRARY / name for name in subpackages())], ids=lambda path: path.name
)
def test_packages_stay_empty(path):
    """Zips and imports stay light: `from lambdist_lib import x` loads x and nothing else."""
    assert ast.parse((path / "__init__.py").read_text(encoding="utf-8")).body == []
