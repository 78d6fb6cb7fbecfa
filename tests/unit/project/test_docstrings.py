"""The examples in docstrings do what they show; those of modules that need a cloud are no doctests."""

import doctest
import importlib
import re

import pytest

import lambdist_lib
from lambdist_lib import paths

LIBRARY = paths.root() / "lambdist_lib"
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(paths.root()).with_suffix("").parts)
    for path in LIBRARY.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_hold(name, monkeypatch):
    """Typed in the project's folder, as a reader would."""
    monkeypatch.chdir(paths.root())

    failed, tried = doctest.testmod(importlib.import_module(name), verbose=False)

    assert tried and not failed


def test_what_scripts_build_on_has_examples():
    """The modules of README's table that need no cloud."""
    needed = (
        "analysis",
        "deployment.bundles",
        "runs.collect",
        "data.datapoints",
        "data.files",
        "planner.plan",
        "runs.preview",
        "measures.speedup",
    )

    assert {f"lambdist_lib.{one}" for one in needed} <= set(WITH_EXAMPLES)


def test_the_page_of_the_python_api_has_names_that_can_be_imported():
    """Each heading's last part, or the other name that the page gives it."""
    page = (paths.root() / "docs" / "api.md").read_text(encoding="utf-8")
    other_names = dict(re.findall(r"`(\w+)` as `(\w+)`", page))
    listed = re.findall(r"auto(?:class|function|exception):: [\w.]+\.(\w+)", page)

    assert {other_names.get(name, name) for name in listed} <= set(lambdist_lib.__all__)
    assert set(other_names) <= set(listed)
