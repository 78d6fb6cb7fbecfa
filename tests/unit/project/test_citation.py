"""CITATION.cff is what GitHub and reference managers read: version 1.2.0 of the format, and true."""

import tomllib

import yaml

from lambdist_lib import paths

CITATION = yaml.safe_load((paths.root() / "CITATION.cff").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIRED = {"authors", "cff-version", "message", "title"}
OPTIONAL = {"abstract", "keywords", "license", "type", "version"}


def test_it_has_what_the_format_requires_and_nothing_that_it_does_not_know():
    """Its keys are the format's, and so are its authors': an entity has a name."""
    assert set(CITATION) >= REQUIRED
    assert set(CITATION) <= REQUIRED | OPTIONAL
    assert (CITATION["cff-version"], CITATION["type"]) == ("1.2.0", "software")
    assert [set(author) for author in CITATION["authors"]] == [{"name"}]
    assert len(set(CITATION["keywords"])) == len(CITATION["keywords"])


def test_it_says_what_the_package_says():
    """Version and licence stand in two files."""
    assert (CITATION["version"], CITATION["license"]) == (PROJECT["version"], PROJECT["license"])
