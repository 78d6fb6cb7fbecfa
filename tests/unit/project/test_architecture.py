"""The picture of both stacks leaves no resource out, and is the one that its source draws."""

import importlib.util
import sys

import pytest
from PIL import Image
from samtranslator.yaml_helper import yaml_parse

from lambdist_lib import paths
from lambdist_lib.deployment import templates

SOURCE = paths.cloudformation() / "architecture.py"
PICTURE = SOURCE.with_suffix(".png")
MOST_BYTES = 200_000


@pytest.fixture(scope="module")
def architecture():
    spec = importlib.util.spec_from_file_location("architecture", SOURCE)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "architecture", module)  # dataclasses ask for it
        spec.loader.exec_module(module)
        yield module


@pytest.mark.parametrize("kind", templates.KINDS)
def test_every_resource_has_its_box(architecture, kind):
    """A resource that a template gains, or loses, is named here until the picture knows."""
    text = (paths.cloudformation() / f"{kind}.yaml").read_text(encoding="utf-8")
    resources = set(yaml_parse(text)["Resources"])

    missing, gone = resources - architecture.held(kind), architecture.held(kind) - resources
    assert not missing, f"put {', '.join(sorted(missing))} of {kind}.yaml into a box of architecture.py"
    assert not gone, f"{kind}.yaml has no {', '.join(sorted(gone))} any more: take it out of architecture.py"


def test_the_picture_is_that_of_its_source(architecture):
    """Its fingerprint is in the picture; pixels would differ with every version of a font."""
    with Image.open(PICTURE) as picture:
        drawn_by = picture.info["Source"]

    assert drawn_by == architecture.fingerprint(), "type `python cloudformation/architecture.py`"
    assert PICTURE.stat().st_size < MOST_BYTES


def test_arrows_go_between_boxes_that_are_there(architecture):
    ends = {end for arrow in architecture.ARROWS for end in (arrow.begin, arrow.end)}

    assert ends == set(architecture.BOXES)  # and no box stands apart
