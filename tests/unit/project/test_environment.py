"""What a person installs by pip, uv or conda is the same: pyproject.toml, lock and environment.yml agree."""

import importlib.metadata
import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from lambdist_lib import paths
from lambdist_lib.cloud import local_cloud

PYPROJECT = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = yaml.safe_load((paths.root() / "environment.yml").read_text(encoding="utf-8"))
LOCK_LINES = (paths.root() / "requirements.txt").read_text(encoding="utf-8").splitlines()


def named(lines):
    """Requirements by name; a name may have several, one for each marker."""
    found = {}
    for line in lines:
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def pin(requirement):
    """The exact version that a requirement asks for, or ""."""
    specifiers = list(requirement.specifier)
    return specifiers[0].version if len(specifiers) == 1 and specifiers[0].operator == "==" else ""


LOCK = named(LOCK_LINES)
DECLARED = named(
    [
        *PYPROJECT["dependencies"],
        *(line for extra in PYPROJECT["optional-dependencies"].values() for line in extra),
    ]
)
PIP_LINES = next(entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict))
PIP = named([line for line in PIP_LINES if not line.startswith("-")])


def test_the_lock_is_names_with_exact_versions():
    """No URL, no path, no index host: the lock installs from whatever registry a person uses."""
    line_of_lock = re.compile(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[\w.+!]+( ; [\w .*'<>=!()]+)?")

    assert [line for line in LOCK_LINES if not line_of_lock.fullmatch(line)] == []
    assert all(pin(requirement) for requirements in LOCK.values() for requirement in requirements)


def test_the_lock_has_all_that_is_declared():
    """`make lock` was run after pyproject.toml changed; what is pinned there is pinned the same here."""
    assert set(DECLARED) <= set(LOCK)
    for name, requirements in DECLARED.items():
        for requirement in requirements:
            versions = {pin(locked) for locked in LOCK[name]}
            assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_conda_users_get_all_that_is_declared_in_the_locks_versions():
    """environment.yml names every package and leaves the versions to the lock."""
    assert set(DECLARED) <= set(PIP) <= set(LOCK)
    assert "-c requirements.txt" in PIP_LINES
    assert "-e ." in PIP_LINES
    for name, requirements in PIP.items():
        assert all(pin(one) in ("", pin(LOCK[name][0])) for one in requirements), name


def test_conda_users_get_a_python_that_runs_all_of_it():
    """The one Python of environment.yml is among those that the package and the emulator accept."""
    [python] = [entry for entry in CONDA["dependencies"] if str(entry).startswith("python")]
    version = python.partition("=")[2]
    first, last = local_cloud.PYTHONS

    assert SpecifierSet(PYPROJECT["requires-python"]).contains(version)
    assert first <= tuple(map(int, version.split("."))) <= last


def test_the_emulator_is_pinned_exactly():
    """It changes daily, and unpinned an old one would be chosen to fit a newer boto3."""
    [ministack] = DECLARED["ministack"]

    assert pin(ministack) == pin(LOCK["ministack"][0]) != ""


def test_the_lock_fits_what_the_emulator_asks_for():
    """Its exact botocore above all, which boto3 has to follow."""
    if importlib.metadata.version("ministack") != pin(LOCK["ministack"][0]):
        pytest.fail("the installed ministack is not the lock's; type `make setup`")
    asked = [Requirement(line) for line in importlib.metadata.requires("ministack") or []]
    unconditional = [one for one in asked if one.marker is None]

    assert "botocore" in {one.name for one in unconditional}
    for one in unconditional:
        versions = [pin(locked) for locked in LOCK[canonicalize_name(one.name)]]
        assert versions and all(one.specifier.contains(version) for version in versions), one
