"""Killed, interrupted, failed, expired: a deployment ends clean, or what remains is told and can go."""

import contextlib
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from support.waiting import eventually

from lambdist_lib import paths
from lambdist_lib.cloud import local_cloud
from lambdist_lib.deployment import artifact_bucket, change_sets, leaks, stacks, tags, templates
from lambdist_lib.errors import DeployError, UncollectedError

POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'
TAGS = {tags.STACK, tags.REGION, tags.CREATED, tags.EXPIRES}


def shown(rows):
    return {(row.state, row.resource.kind) for row in rows}


@pytest.fixture
def begun(empty):
    """`begun()`: `lambdist deploy` on the session's local cloud, under way in a process of its own."""
    processes = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", "from lambdist_lib.cloud import targets; "
             "from lambdist_lib.deployment import stacks; stacks.apply_stacks(targets.connect('local'))"],
            cwd=paths.root(), env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def has_bucket(target):
    return bool(target.client("s3").list_buckets()["Buckets"])


def has_stack(target):
    return bool(target.client("cloudformation").list_stacks()["StackSummaries"])


@pytest.mark.parametrize("moment", [has_bucket, has_stack], ids=lambda moment: moment.__name__)
def test_a_killed_deployment_is_listed_and_removed_and_can_be_made_again(empty, begun, moment, left):
    """SIGKILL with the bucket there, and with a stack begun: nothing of it passes for live."""
    process = begun()
    assert eventually(lambda: moment(empty), every_s=0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL

    rows = leaks.find(empty)

    assert ("cut short" if moment is has_stack else "orphaned", "bucket") in shown(rows)
    assert leaks.LIVE not in {row.state for row in rows}
    leaks.delete(empty)
    assert (leaks.find(empty), left(empty)) == ([], {})
    stacks.apply_stacks(empty)
    assert {row.state for row in leaks.find(empty)} == {leaks.LIVE}


def test_ctrl_c_in_a_deployment_says_what_remains(empty):
    """One line with each thing that is there, and both ways on; --delete takes one of them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lambdist_lib", "deploy"],
        cwd=paths.root(), env=dict(os.environ), text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert eventually(lambda: has_bucket(empty), every_s=0.005)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)

    rows = leaks.find(empty)

    if process.returncode == 0:  # it was over in the moment between
        pytest.skip("the deployment was faster than the signal")
    assert process.returncode == 130
    line = told.splitlines()[-1]
    assert line.startswith("lambdist: interrupted; on local cloud remain ")
    assert all(row.resource.name in line for row in rows)
    assert "`lambdist deploy --target local` goes on" in line
    leaks.delete(empty)
    assert leaks.find(empty) == []
    assert local_cloud.find() is not None


def test_everything_that_can_be_tagged_is_and_the_estimate_counts_what_is_made(empty):
    """By each service's own word; and as many resources as the preflight counts."""
    deployed = stacks.apply_stacks(empty)
    client = empty.client

    found = {}
    for page in client("resourcegroupstaggingapi").get_paginator("get_resources").paginate():
        found |= {one["ResourceARN"]: tags.read(one["Tags"]) for one in page["ResourceTagMappingList"]}
    for name in [one["RoleName"] for one in client("iam").list_roles()["Roles"]]:
        found[name] = tags.read(client("iam").list_role_tags(RoleName=name)["Tags"])
    for call in ("get_rest_apis", "get_api_keys", "get_usage_plans"):
        found |= {one["id"]: one["tags"] for one in getattr(client("apigateway"), call)()["items"]}
    for group in client("logs").describe_log_groups()["logGroups"]:
        found[group["logGroupArn"]] = client("logs").list_tags_for_resource(resourceArn=group["logGroupArn"])[
            "tags"
        ]
    bucket = artifact_bucket.bucket_name(empty, stacks.NAME)
    assert TAGS - set(found.pop(f"arn:aws:s3:::{bucket}")) == {tags.REGION, tags.EXPIRES}
    assert {tags.STACK, tags.REGION} <= set(
        found.pop(next(name for name in found if "lambdist-mail-" in name))
    )
    assert len(found) == 4 + 2 + 1 + 2 + 4 + 3 * 2 + 4  # functions, queues, topic, tables, roles, APIs, logs
    assert [name for name, own in found.items() if not set(own) >= TAGS] == []
    for kind, stack in deployed.items():
        made = client("cloudformation").list_stack_resources(StackName=stack.name)["StackResourceSummaries"]
        assert len(made) == sum(templates.count_resources(kind, stack.parameters).values())


def test_the_bucket_is_private_versioned_encrypted_and_expires(empty):
    """Also one whose making was cut short; and it goes with all versions and markers of what it held."""
    s3, bucket = empty.client("s3"), artifact_bucket.bucket_name(empty, stacks.NAME)
    s3.create_bucket(Bucket=bucket)

    assert artifact_bucket.ensure(empty, stacks.NAME) == bucket

    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    [encryption] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    rules = {one["ID"]: one for one in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    assert rules["zips"]["Expiration"]["Days"] == artifact_bucket.KEPT_DAYS
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="key", Body=body)
    s3.delete_object(Bucket=bucket, Key="key")
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 2
    artifact_bucket.delete(empty, bucket)
    assert s3.list_buckets()["Buckets"] == []
    artifact_bucket.delete(empty, bucket)  # of nothing


def test_an_expired_stack_goes_and_what_is_live_stays(empty, deploy, left):
    """With the bucket of its own; results that were not fetched hold it back."""
    stacks.apply_stacks(empty, ["single_node"])
    [old] = deploy("old", ["single_node"]).values()
    old.post({"run_id": "r", "datapoints": [{"n": 0, "data": "word"}]})
    stacks.apply_stacks(empty, ["single_node"], name="old", lifetime_s=1.0)
    tomorrow = datetime.now(UTC) + timedelta(hours=2)
    assert {row.state for row in leaks.find(empty, name="old", now=tomorrow)} == {leaks.EXPIRED, leaks.LIVE}
    assert eventually(
        lambda: shown(leaks.find(empty, name="old")) >= {("expired", "stack"), ("expired", "bucket")}
    )

    with pytest.raises(UncollectedError, match=r"old-single-node holds results that were not fetched \(r\)"):
        leaks.delete(empty, name="old")
    gone = leaks.delete(empty, name="old", force=True)

    assert {row.resource.kind for row in gone} == {"stack", "bucket"}
    assert [row.resource.stack for row in gone] == ["old-single-node", "old"]
    assert left(empty)["stacks"] == ["lambdist-single-node"]
    assert {row.state for row in leaks.find(empty)} == {leaks.LIVE}


def test_what_no_stack_has_is_an_orphan_and_others_things_are_nobodys_business(empty, left):
    """By name, by tag; a role only if it says that it is of this Region."""
    client = empty.client
    client("sqs").create_queue(QueueName="lambdist-distributed-Queue-ABC")
    client("sqs").create_queue(QueueName="mine", tags={tags.STACK: "lambdist-distributed"})
    client("sqs").create_queue(QueueName="acme-distributed-Queue-ABC")
    client("logs").create_log_group(logGroupName="/aws/lambda/lambdist-single-node-SingleNode-ABC")
    client("sns").create_topic(Name="lambdist-distributed-Topic-ABC")
    table = {"TableName": "lambdist-distributed-Table-ABC", "BillingMode": "PAY_PER_REQUEST"}
    table["KeySchema"] = [{"AttributeName": "k", "KeyType": "HASH"}]
    table["AttributeDefinitions"] = [{"AttributeName": "k", "AttributeType": "S"}]
    client("dynamodb").create_table(**table)
    marks = {tags.STACK: "lambdist-distributed"}
    api = client("apigateway").create_rest_api(name="lambdist-distributed", tags=marks)["id"]
    key = client("apigateway").create_api_key(name="k", tags=marks)["id"]
    plan = client("apigateway").create_usage_plan(name="p", tags=marks)["id"]
    for region in ("eu-west-1", empty.region):
        name = f"lambdist-distributed-Role-{region}"
        own = [*tags.listed({**marks, tags.REGION: region})]
        client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=own)
        client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=POLICY)
    client("cloudwatch").put_metric_alarm(
        AlarmName="lambdist-distributed-Alarm-ABC", Namespace="n", MetricName="m", Period=60, Threshold=1.0,
        EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
    )  # fmt: skip

    found = {
        row.resource.id if row.resource.kind.startswith(("API", "usage")) else row.resource.name
        for row in leaks.find(empty)
    }

    assert found == {
        *("lambdist-distributed-Queue-ABC", "mine", api, key, plan),
        *("/aws/lambda/lambdist-single-node-SingleNode-ABC", "lambdist-distributed-Topic-ABC"),
        *("lambdist-distributed-Table-ABC", "lambdist-distributed-Alarm-ABC"),
        "lambdist-distributed-Role-us-east-1",
    }
    leaks.delete(empty)
    assert leaks.find(empty) == []
    others = left(empty)
    assert [url.rpartition("/")[2] for url in others.pop("queues")] == ["acme-distributed-Queue-ABC"]
    assert [role["RoleName"] for role in others.pop("roles")] == ["lambdist-distributed-Role-eu-west-1"]
    assert others == {}


@pytest.mark.parametrize("how", [stacks.delete_stacks, leaks.delete], ids=["destroy", "leaks"])
def test_what_cannot_be_deleted_is_told_and_all_else_goes(empty, left, how):
    """Here a protected stack; once that is mended, the same command goes on."""
    stacks.apply_stacks(empty)
    protect = empty.client("cloudformation").update_termination_protection
    protect(StackName="lambdist-single-node", EnableTerminationProtection=True)
    options = {"everything": True} if how is leaks.delete else {}

    with pytest.raises(
        DeployError, match=r"lambdist-single-node.* cannot be deleted: .*TerminationProtection"
    ):
        how(empty, **options)

    assert left(empty)["stacks"] == ["lambdist-single-node"]
    protect(StackName="lambdist-single-node", EnableTerminationProtection=False)
    how(empty, **options)
    assert left(empty) == {}


def test_nothing_is_left_of_the_logs_of_what_has_run(empty, left):
    """A function writes into the group that its template declares, and no late line makes another."""
    for kind, stack in stacks.apply_stacks(empty, settings={"experiment_controls": True}).items():
        name = stack.outputs["CollectorName" if kind == "distributed" else "SingleNodeName"]
        empty.client("lambda").invoke(FunctionName=name, Payload=b"{}")

    stacks.delete_stacks(empty)

    assert left(empty) == {}


def test_a_change_set_that_nobody_executes_leaves_no_empty_stack(empty, monkeypatch, left):
    """An error between a change set and its execution takes both back."""

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(change_sets, "_has_changes", fail)
    with contextlib.suppress(KeyboardInterrupt):
        stacks.apply_stacks(empty, ["single_node"])

    assert "stacks" not in left(empty)
    leaks.delete(empty)
    assert left(empty) == {}
