"""Derive the SAM application's template from distributed.yaml.

Run after each change of distributed.yaml:

    python -m lambdist_lib.deployment.sam_template > cloudformation/distributed_sam.yaml

The result declares the functions and their queues in SAM's types. It is made from the text, so the comments
stay, and committed, so that it can be read where it is published; a test keeps it up to date. Two things keep
their CloudFormation types: the roles, because SAM's own grant more (any log group, any queue action), and the
API, because SAM validates bodies of application/json only.
"""

import re
import sys
import tomllib
from typing import Any

from lambdist_lib import paths
from lambdist_lib.errors import DeployError

FILE = "distributed_sam.yaml"
DOCUMENTS = ("../LICENSE", "distributed_sam.md")  # beside the template; the repository shows them
CODE_PARAMETERS = ("ArtifactBucket", "CollectorKey", "ProcessorKey", "DeadLetterKey")
FUNCTION, MAPPING = "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping"
LABELS = ("lambda", "sqs", "dynamodb", "fan-out", "benchmark", "dead-letters")
HEADER = """\
# Made from distributed.yaml by `python -m lambdist_lib.deployment.sam_template`; edit that file.
# `lambdist package --sam` builds the zips beside a copy of it, ready to publish or to deploy.
"""


def template() -> str:
    """Return the SAM application's template, made from distributed.yaml.

    Raises:
        DeployError: A mapping of distributed.yaml has no counterpart among SAM's events.
    """
    return from_distributed((paths.cloudformation() / "distributed.yaml").read_text(encoding="utf-8"))


def from_distributed(text: str) -> str:
    """Rewrite the distributed stack's template as a SAM application's."""
    text = _headed(text)
    for name in CODE_PARAMETERS:
        text = re.sub(rf"(?m)^  {name}:\n(?:    .*\n)+", "", text)
        text = text.replace(f"[{name}, ", "[")  # of the groups of parameters
    blocks = text.split("\n\n")
    mappings = [_Mapping(block) for block in blocks if f"    Type: {MAPPING}\n" in block]
    blocks = [block for block in blocks if f"    Type: {MAPPING}\n" not in block]
    text = "\n\n".join(_serverless(block, mappings) for block in blocks)
    for mapping in mappings:
        text = re.sub(rf"(!Ref |!GetAtt ){mapping.name}\b", rf"\g<1>{mapping.function}{mapping.name}", text)
    return text


def metadata() -> dict[str, Any]:
    """Return what the repository shows of the application; needs a checkout."""
    with (paths.root() / "pyproject.toml").open("rb") as file:
        about = tomllib.load(file)["project"]
    return {
        "Name": "lambdist-distributed",
        "Description": "Fans datapoints out over Lambdas: API, queue, results table, dead letters by e-mail.",
        "Author": "lambdist",
        "SpdxLicenseId": about["license"],
        "LicenseUrl": DOCUMENTS[0],
        "ReadmeUrl": DOCUMENTS[1],
        "Labels": list(LABELS),
        "SemanticVersion": about["version"],
    }


def _headed(text: str) -> str:
    lines = ["  AWS::ServerlessRepo::Application:"]
    for name, value in metadata().items():
        written = f"[{', '.join(value)}]" if isinstance(value, list) else value
        lines.append(f'    {name}: "{written}"' if ":" in str(written) else f"    {name}: {written}")
    version, rest = text.split("\n", 1)
    rest = rest.replace("\nMetadata:\n", "\nMetadata:\n" + "\n".join(lines) + "\n", 1)
    return f"{HEADER}{version}\nTransform: AWS::Serverless-2016-10-31\n{rest}"


class _Mapping:
    """Rewrite an event source mapping's block as an event of its function."""

    def __init__(self, block: str) -> None:
        head, properties = block.split("    Properties:\n", 1)
        self.name = re.findall(r"(?m)^  (\w+):$", head)[-1]
        [self.function] = re.findall(r"(?m)^      FunctionName: !Ref (\w+)$", properties) or [""]
        if not self.function or len(re.findall(r"(?m)^    \w", head)) > 1:
            raise DeployError(
                f"{self.name} of distributed.yaml is more than a mapping of one function; extend sam_template"
            )
        kept = re.sub(r"(?m)^      FunctionName: .*\n?", "", properties)
        kept = kept.replace("      EventSourceArn:", "      Queue:")
        self.event = f"        {self.name}:\n          Type: SQS\n          Properties:\n" + "\n".join(
            f"      {line}" for line in kept.rstrip("\n").split("\n")
        )


def _serverless(block: str, mappings: list[_Mapping]) -> str:
    """Return a function's block in SAM's types, any other block unchanged."""
    if f"    Type: {FUNCTION}\n" not in block:
        return block
    [name] = re.findall(rf"(?m)^  (\w+):\n    Type: {FUNCTION}$", block)
    [module] = re.findall(r"(?m)^      Handler: (\w+)\.handler", block)
    block = block.replace(FUNCTION, "AWS::Serverless::Function")
    block = re.sub(r"(?m)^      Code:\n(?:        .*\n)+", f"      CodeUri: {module}.zip\n", block)
    block = block.replace("      TracingConfig:\n        Mode: Active\n", "      Tracing: Active\n")
    events = [mapping.event for mapping in mappings if mapping.function == name]
    return "\n".join([block.rstrip("\n"), *(["      Events:", *events] if events else [])])


if __name__ == "__main__":
    sys.stdout.write(template())
