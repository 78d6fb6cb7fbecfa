"""The local cloud's template holds a number where the emulator would read text."""

from types import SimpleNamespace

import pytest
import yaml

from lambdist_lib.deployment import local_fixes, templates

LOCAL, AWS = SimpleNamespace(name="local"), SimpleNamespace(name="aws")


def mapping(body):
    resources = yaml.load(body, Loader=templates._Loader)["Resources"]
    return resources["QueueToProcessor"]["Properties"]["ScalingConfig"]["MaximumConcurrency"]


@pytest.mark.parametrize(("values", "width"), [({"MaximumConcurrency": "37"}, 37), ({}, 10)])
def test_local_mapping_holds_a_number_from_the_first_moment(values, width):
    """Not text until an API call replaces it: the emulator's poller would stumble meanwhile."""
    all_values = templates.defaults("distributed") | values

    body = local_fixes.template(LOCAL, templates.body("distributed"), all_values)

    assert mapping(body) == width
    assert isinstance(mapping(body), int)


def test_aws_gets_the_template_as_it_is():
    """CloudFormation converts the parameter."""
    body = templates.body("distributed")

    assert local_fixes.template(AWS, body, {"MaximumConcurrency": "37"}) == body
    assert mapping(body) == {"Ref": "MaximumConcurrency"}


def test_a_template_without_a_queue_stays_as_it_is():
    """The control has no mapping."""
    body = templates.body("single_node")

    assert local_fixes.template(LOCAL, body, {}) == body
