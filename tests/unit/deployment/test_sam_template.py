"""The SAM application is the distributed stack, as SAM's own translator expands it."""

import re
import tomllib

import pytest
from samtranslator.yaml_helper import yaml_parse
from support import linting

from lambdist_lib import paths
from lambdist_lib.deployment import sam_template
from lambdist_lib.errors import DeployError

COMMITTED = paths.cloudformation() / sam_template.FILE
TEXT = COMMITTED.read_text(encoding="utf-8")
PLAIN_TEXT = (paths.cloudformation() / "distributed.yaml").read_text(encoding="utf-8")
RENEW = "type `python -m lambdist_lib.deployment.sam_template > cloudformation/distributed_sam.yaml`"
RENAMED = {  # SAM names what it makes of an event after its function
    "QueueToProcessor": "ProcessorQueueToProcessor",
    "DeadLettersToHandler": "DeadLetterHandlerDeadLettersToHandler",
}
OTHERWISE = {  # property of a function: why it differs
    "Code": "the zip's place is in the template, as the repository has no parameters for it",
    "Tags": "SAM marks the functions that it made: lambda:createdBy",
}


class NoPolicies:
    """Of AWS's managed policies none is needed: each function has its role."""

    def load(self):
        raise AssertionError("the SAM translator asks for managed policies")


@pytest.fixture(scope="module")
def expanded():
    from samtranslator.translator.transform import transform  # takes seconds to import

    filled = re.sub(r"CodeUri: (\S+)", r"CodeUri: s3://bucket/\1", TEXT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        return transform(yaml_parse(filled), {}, NoPolicies())


@pytest.fixture(scope="module")
def plain():
    return yaml_parse(PLAIN_TEXT)


def test_the_committed_template_is_that_of_distributed_yaml():
    if sam_template.template() != TEXT:
        pytest.fail(f"distributed.yaml has changed: {RENEW}", pytrace=False)


def test_it_expands_to_the_resources_of_distributed_yaml(expanded, plain):
    """Types, conditions, policies and properties; each difference has its reason above."""
    names = {RENAMED.get(name, name): name for name in plain["Resources"]}
    assert set(expanded["Resources"]) == set(names)

    for name, resource in expanded["Resources"].items():
        meant = plain["Resources"][names[name]]
        assert {key: value for key, value in resource.items() if key != "Properties"} == {
            key: value for key, value in meant.items() if key != "Properties"
        }, name
        allowed = set(OTHERWISE) if resource["Type"] == sam_template.FUNCTION else set()
        differ = {
            key
            for key in resource["Properties"] | meant["Properties"]
            if resource["Properties"].get(key) != meant["Properties"].get(key)
        }
        assert differ == allowed, f"{name} differs in {differ ^ allowed}"


def test_parameters_conditions_and_outputs_are_the_same(expanded, plain):
    """All but the parameters of where the code lies, and one output that names a renamed mapping."""
    assert expanded["Parameters"] == {
        name: one for name, one in plain["Parameters"].items() if name not in sam_template.CODE_PARAMETERS
    }
    assert expanded["Conditions"] == plain["Conditions"]
    assert set(expanded["Outputs"]) == set(plain["Outputs"])
    mapping = plain["Outputs"]["QueueToProcessorId"] | {"Value": {"Ref": RENAMED["QueueToProcessor"]}}
    assert expanded["Outputs"] == plain["Outputs"] | {"QueueToProcessorId": mapping}


def test_functions_and_their_queues_are_written_in_sams_types():
    """What somebody reads who knows SAM: CodeUri, Tracing, and the queue as the function's event."""
    written = yaml_parse(TEXT)["Resources"]
    functions = [one for one in written.values() if one["Type"] == "AWS::Serverless::Function"]

    assert len(functions) == 3
    assert {one["Properties"]["Tracing"] for one in functions} == {"Active"}
    events = [event for one in functions for event in one["Properties"].get("Events", {}).values()]
    assert [event["Type"] for event in events] == ["SQS", "SQS"]
    assert not {one["Type"] for one in written.values()} & {sam_template.FUNCTION, sam_template.MAPPING}


def test_cfn_lint_finds_nothing():
    assert linting.faults(COMMITTED) == []


def test_the_repository_takes_its_metadata():
    """Names, lengths and characters as its CreateApplication has them."""
    about = yaml_parse(TEXT)["Metadata"]["AWS::ServerlessRepo::Application"]
    project_file = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert about["SemanticVersion"] == project_file["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", about["SemanticVersion"])
    assert about["SpdxLicenseId"] == "MIT"
    assert re.fullmatch(r"[A-Za-z0-9-]{1,140}", about["Name"])
    assert re.fullmatch(r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", about["Author"])
    assert 1 <= len(about["Description"]) <= 256
    assert len(about["Labels"]) <= 10
    assert all(re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", label) for label in about["Labels"])
    for name in ("LicenseUrl", "ReadmeUrl"):
        assert (paths.cloudformation() / about[name]).is_file()
    assert "HomePageUrl" not in about  # there is none


def test_a_mapping_that_cannot_be_an_event_is_named():
    """Rather than lost on the way."""
    changed = PLAIN_TEXT.replace(
        f"  QueueToProcessor:\n    Type: {sam_template.MAPPING}\n",
        f"  QueueToProcessor:\n    Type: {sam_template.MAPPING}\n    Condition: HasQuota\n",
    )

    with pytest.raises(DeployError, match=r"QueueToProcessor of distributed\.yaml is more than a mapping"):
        sam_template.from_distributed(changed)
