"""cloudformation/distributed_sam.yaml: the distributed stack for the Serverless Application Repository.

    python -m lambdist_lib.deployment.sam_template > cloudformation/distributed_sam.yaml

is typed after each change of distributed.yaml.

It is distributed.yaml with its functions and their queues in SAM's types, made from that file's text so that
the comments stay, and committed, so that it can be read where it is published; a test holds it up to date.
What stays as it was, and why: the roles, because SAM's own grant more (any log group, any queue action); the
API, because SAM checks bodies of application/json alone, and others would pass.
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
    """The SAM application's template, from distributed.yaml as it stands.

    Raises:
        DeployError: distributed.yaml has something that is not known how to write in SAM's types.
    """
    return from_distributed((paths.cloudformation() / "distributed.yaml").read_text(encoding="utf-8"))


def from_distributed(text: str) -> str:
    """The distributed stack's template as a SAM application's."""
    text = _headed(text)
    for name in CODE_PARAMETERS:
        text = re.sub(rf"(?m)^  {name}:\n(?:    .*\n)+", "", text)
        text = text.replace(f"[{name}, ", "[")  # of the groups of parameters
    blocks = text.split("\n\n")
    mappings = [_Mapping(block) for block in blocks if f"    Type: {MAPPING}\n" in block]
    blocks = [block for block in blocks if f"    Type: {MAPPING}\n" not in block]
    made = "\n\n".join(_serverless(block, mappings) for block in blocks)
    for one in mappings:
        made = re.sub(rf"(!Ref |!GetAtt ){one.name}\b", rf"\g<1>{one.function}{one.name}", made)
    return made


def metadata() -> dict[str, Any]:
    """What the repository shows of the application."""
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
    """An event source mapping's block, to become an event of its function."""

    def __init__(self, block: str) -> None:
        head, properties = block.split("    Properties:\n", 1)
        self.name = re.findall(r"(?m)^  (\w+):$", head)[-1]
        [self.function] = re.findall(r"(?m)^      FunctionName: !Ref (\w+)$", properties) or [""]
        if not self.function or len(re.findall(r"(?m)^    \w", head)) > 1:
            raise DeployError(
                f"{self.name} of distributed.yaml is more than a mapping of one function; see sam.py"
            )
        kept = re.sub(r"(?m)^      FunctionName: .*\n?", "", properties)
        kept = kept.replace("      EventSourceArn:", "      Queue:")
        self.event = f"        {self.name}:\n          Type: SQS\n          Properties:\n" + "\n".join(
            f"      {line}" for line in kept.rstrip("\n").split("\n")
        )


def _serverless(block: str, mappings: list[_Mapping]) -> str:
    """A function's block in SAM's types; any other as it is."""
    if f"    Type: {FUNCTION}\n" not in block:
        return block
    [name] = re.findall(rf"(?m)^  (\w+):\n    Type: {FUNCTION}$", block)
    [module] = re.findall(r"(?m)^      Handler: (\w+)\.handler", block)
    block = block.replace(FUNCTION, "AWS::Serverless::Function")
    block = re.sub(r"(?m)^      Code:\n(?:        .*\n)+", f"      CodeUri: {module}.zip\n", block)
    block = block.replace("      TracingConfig:\n        Mode: Active\n", "      Tracing: Active\n")
    events = [one.event for one in mappings if one.function == name]
    return "\n".join([block.rstrip("\n"), *(["      Events:", *events] if events else [])])


if __name__ == "__main__":
    sys.stdout.write(template())
