"""What README.md tells to type exists, and its figures are those of the reference experiment."""

import ast
import json
import re
import shlex

import nbformat
import pytest

from lambdist_lib import arguments, cli, notebooks, project

README = (project.ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = project.ROOT / "results" / "reference"
# made by set-up and by runs, or of the reader's own machine
NOT_HERE = {
    "out.ipynb", "results/out.ipynb", "results/", ".venv", ".venv/bin/activate", ".lambdist/cloud.log",
    "summary.json", "runs.csv", "run.json", "receipts.csv", "records.csv", "invocations.csv", "outputs.jsonl",
    "truth.csv",
    "/path/to/python3.12", "fer1035/lambda-distributed",
}  # fmt: skip
PATH = re.compile(
    r"(?<![\w./<>@-])[\w.-]*/[\w./-]*|(?<![\w./-])[\w.-]+\.(?:py|md|txt|ya?ml|toml|ipynb|png|csv|jsonl?)\b"
)


def written_as_code():
    """The lines of code blocks and the spans in backticks; links' targets too."""
    text = re.sub(r"https?://\S+", "", README)
    fenced = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    indented = re.findall(r"^(?: {4}| {7})(\S.*)$", text, re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", text)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    return [*(line for block in fenced for line in block.splitlines()), *indented, *spans, *links]


CODE = written_as_code()
COMMANDS = sorted({line.partition(" #")[0].strip() for line in CODE if line.startswith("lambdist ")})
PATHS = sorted({path for line in CODE for path in PATH.findall(line)} - NOT_HERE)


def test_there_is_something_to_check():
    """The ways by which the tests below read README.md still find what they look for."""
    assert len(COMMANDS) > 10
    assert {"lambdas/processing.py", "environment.yml", "notebooks/"} <= set(PATHS)
    assert "lambdist resume RUN" in COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_takes_a_command_of_the_readme(command):
    """Its name, its options and their values."""
    options = arguments.parser(cli.COMMANDS).parse_args(shlex.split(command)[1:])

    assert callable(options.call)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_the_readme_is_there(path):
    """From the project's root, or from notebooks/ where papermill is called there."""
    if path.startswith("results/reference/") and not REFERENCE.exists():
        pytest.skip("the reference experiment is not committed yet")

    assert (project.ROOT / path).exists() or (project.NOTEBOOKS / path).exists()


def test_make_has_the_targets_of_the_readme():
    """`make X` in the text is a rule of the Makefile."""
    rules = re.findall(r"^([a-z-]+):", (project.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert {line.split()[1] for line in CODE if line.startswith("make ")} <= set(rules)


def test_the_notebook_has_the_parameters_of_the_readme():
    """`-p name value` names a parameter of the main notebook."""
    cells = nbformat.read(project.NOTEBOOKS / "experiment.ipynb", as_version=4).cells
    [declared] = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]

    given = {name for line in CODE for name in re.findall(r"-p (\w+)", line)}
    assert given and given <= set(notebooks.declared_types(declared))


def test_the_script_of_the_readme_names_what_the_library_has():
    """It parses, its imports work, and what it calls on a module is there."""
    [script] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    tree = ast.parse("\n".join(line.removeprefix("   ") for line in script.splitlines()))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    names = {}
    exec(compile(ast.Module(imports, []), "README.md", "exec"), names)

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.value.id in names:
            assert hasattr(names[node.value.id], node.attr)


def test_the_finding_is_the_reference_experiments():
    """The one line that begins with **Finding.** ends with the finding of results/reference/summary.json."""
    [finding] = re.findall(r"^\*\*Finding\.\*\* (.*)$", README, re.MULTILINE)
    if not (REFERENCE / "summary.json").exists():
        pytest.skip("the reference experiment is not committed yet")

    summary = json.loads((REFERENCE / "summary.json").read_text(encoding="utf-8"))
    assert finding == summary["finding"]
