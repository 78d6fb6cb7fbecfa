"""What README.md tells to type exists, and its figures are those of the reference experiment."""

import ast
import re
import shlex
import subprocess
from pathlib import Path

import nbformat
import pytest
from support import documented, readme

from lambdist_lib import formatting, paths
from lambdist_lib.cli import parser
from lambdist_lib.costs import assumptions, estimate, usage
from lambdist_lib.costs import bill as costs_bill
from lambdist_lib.notebooks import parameters

README = (paths.root() / "README.md").read_text(encoding="utf-8")
REFERENCE = paths.root() / "results" / "reference"
# made by set-up and by runs, or of the reader's own machine
NOT_HERE = {
    "results/words-20261129-153448/notebook.ipynb", "results/words-20261129-153448/report.html",
    "out.ipynb", "results/out.ipynb", "results/", ".venv", ".venv/bin/activate", ".lambdist/cloud.log",
    "summary.json", "runs.csv", "run.json", "receipts.csv", "records.csv", "invocations.csv", "outputs.jsonl",
    "truth.csv", "build/package/", "build/api/",
    "/path/to/python3.12", "fer1035/lambda-distributed",
}  # fmt: skip
PATH = re.compile(
    r"(?<![\w./<>@-])[\w.-]*/[\w./-]*|(?<![\w./-])[\w.-]+\.(?:py|md|txt|ya?ml|toml|ipynb|png|csv|jsonl?)\b"
)


CODE = documented.written_as_code(README)
COMMANDS = documented.commands()
TOUR = re.findall(r"^ +(lambdist \S.*?) {2,}\S", parser.TOUR, re.MULTILINE)
PATHS = sorted({path for line in CODE for path in PATH.findall(line)} - NOT_HERE)


def test_there_is_something_to_check():
    """The ways by which the tests below read README.md still find what they look for."""
    assert len(COMMANDS) > 30
    assert len(TOUR) > 6
    assert {"lambdas/processing.py", "notebooks/experiment.ipynb", "docs/aws.md"} <= set(PATHS)
    assert "lambdist fetch mine" in COMMANDS


@pytest.mark.parametrize("command", [*(one for one in COMMANDS if one.startswith("lambdist ")), *TOUR])
def test_the_command_line_takes_a_command_of_our_pages(command):
    """Its name, its options and their values: those of README, notebooks, and `lambdist --help`."""
    options = parser.build_parser().parse_args(shlex.split(command)[1:])

    assert callable(options.call)


def test_every_command_of_our_pages_is_run_by_a_test():
    """Or says why none can; tests/documented.py is where to enter a new one."""
    entered = [*documented.TYPED, *documented.ELSEWHERE, *documented.NEEDS]

    assert [one for one in COMMANDS if one not in entered] == [], "enter it into tests/documented.py"
    assert [one for one in entered if one not in COMMANDS] == [], "no page has it any more"
    assert len(entered) == len(set(entered))


@pytest.mark.parametrize("command", documented.ELSEWHERE)
def test_the_test_that_runs_a_command_is_there(command):
    """It is defined in the file that is named, which calls a program of that name or such a command."""
    path, _, name = documented.ELSEWHERE[command].partition("::")
    source = (paths.root() / path).read_text(encoding="utf-8")

    if not name:
        assert "make test" in source  # which sets up what is missing
        return
    assert name in [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    program, first = command.split()[:2]
    if program != "make":  # whose recipe is the next test's
        assert f'"{first if program == "lambdist" else program}"' in source or Path(first).name in source


@pytest.mark.parametrize(
    ("target", "recipe"),
    [
        ("experiment", "-m lambdist_lib notebook notebooks/experiment.ipynb"),
        ("report", "lambdist report"),
        ("test", "-m pytest -q"),
    ],
)
def test_make_does_what_the_tests_do(target, recipe):
    """What such a target types is what a test runs, so that is looked at here."""
    made = subprocess.run(
        ["make", "-n", target], cwd=paths.root(), capture_output=True, text=True, check=True
    )

    assert recipe in made.stdout


def test_make_help_lists_what_can_be_made():
    """Each target of our pages, with what it does."""
    told = subprocess.run(
        ["make", "help"], cwd=paths.root(), capture_output=True, text=True, check=True
    ).stdout

    targets = {command.split()[1] for command in COMMANDS if command.startswith("make ")}
    assert {line.split()[0] for line in told.splitlines() if len(line.split()) > 2} >= targets - {"help"}
    assert "what can be made" in told


@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_the_readme_is_there(path):
    """From the project's root, or from notebooks/ where papermill is called there."""
    if path.startswith("results/reference/") and not REFERENCE.exists():
        pytest.skip("the reference experiment is not committed yet")

    assert (paths.root() / path).exists() or (paths.notebooks() / path).exists()


def test_the_notebook_has_the_parameters_of_the_readme():
    """`-p name value` names a parameter of the main notebook."""
    cells = nbformat.read(paths.notebooks() / "experiment.ipynb", as_version=4).cells
    [declared] = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]

    given = {name for line in CODE for name in re.findall(r"-p (\w+)", line)}
    assert given and given <= set(parameters.declared_types(declared))


def test_the_script_of_the_readme_names_what_the_library_has():
    """It parses, its imports work, and what it calls on a module is there."""
    [script] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    tree = ast.parse("\n".join(line.removeprefix("  ") for line in script.splitlines()))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    names = {}
    exec(compile(ast.Module(imports, []), "README.md", "exec"), names)

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            assert hasattr(names[node.value.id], node.attr)


def test_the_figures_are_those_of_the_committed_results():
    """The verdict, the arms and the minutes of notebooks; `python tests/support/screens.py` writes them."""
    assert readme.PART.findall(README)
    assert readme.rewritten(README) == README
    assert set(readme.QUESTIONS) == {path.stem for path in paths.notebooks().glob("*.ipynb")}


def test_what_it_costs_is_what_is_predicted():
    """Each sum of the table in docs/aws.md, the price of a second, and of a stack that stands idle."""
    page = (paths.root() / "docs" / "aws.md").read_text(encoding="utf-8")
    prices = assumptions.load()
    ways = ({}, {"request_batch": 100, "queue_batch": 10}, {"arm": "single_node"})
    rows = re.findall(r"^\| (1[\d,]*) \| ([\d.,]+) \| ([\d.,]+) \| ([\d.,]+) \|$", page, re.MULTILINE)
    assert [row[0] for row in rows] == ["1,000", "1,000,000", "1,000,000,000"]

    for datapoints, *sums in rows:
        count = int(datapoints.replace(",", ""))
        bills = [
            costs_bill.split_bill(estimate.predict(prices, datapoints=count, **way), prices) for way in ways
        ]
        assert sums == [formatting.money(bill["usd"].sum()) for bill in bills], datapoints
    [second] = re.findall(r"a second of `process\(\)` at 512 MB is ([\d.]+\d)", page)
    assert float(second) == pytest.approx(prices["price_lambda_gb_s"].value / 2, rel=0.01)
    month = costs_bill.line_items(usage.standing(730 / 24, prices, alarms=4), prices)
    assert f"costs {formatting.money(costs_bill.total_usd(month))} a month, 0.30 more where" in " ".join(
        page.split()
    )
    assert prices["price_metrics"].value == 0.30
