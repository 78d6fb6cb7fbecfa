"""The bucket of the functions' zips, and of files on their way through a Distributed Map.

It is private, TLS-only, encrypted, versioned, with expiry.

It is created before the first stack and deleted with the last. Bucket names are global: the name has
a hash of the account, and each call names the account that must own it.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import tags
from lambdist_lib.deployment.bundles import Bundle
from lambdist_lib.deployment.polling import polls
from lambdist_lib.errors import AccessDeniedError, DeployError, TargetError
from lambdist_lib.progress import Log

KEPT_DAYS = 90  # a zip: CloudFormation needs the former one to roll an update back
OLD_VERSION_DAYS = 7  # a key carries its content's hash, so an old version is the same content
BUSY_S = 180.0  # S3 keeps the name of a deleted bucket for a while
ABSENT = ("404", "NoSuchBucket", "NoSuchKey")
RUNS = "runs"  # begin of the keys of files that a Distributed Map reads
PART = "-artifacts-"  # of the name, between the stacks' name and the hash


def bucket_name(target: Target, name: str) -> str:
    owner_hash = hashlib.sha256(f"{_account(target)}:{target.region}".encode()).hexdigest()[:12]
    return f"{name}{PART}{owner_hash}-{target.region}"


def ensure(target: Target, name: str) -> str:
    """Create the bucket if necessary and secure it; returns its name.

    Raises:
        TargetError: It belongs to another account.
    """
    s3, bucket = target.client("s3"), bucket_name(target, name)
    owner = {"Bucket": bucket, "ExpectedBucketOwner": _account(target)}
    try:
        s3.head_bucket(**owner)
    except AccessDeniedError as error:
        if not error.action:  # expired or unreachable: not about this bucket
            raise
        raise TargetError(f"the artifact bucket {bucket} belongs to another account, or {error}") from None
    except ClientError as error:
        if _code(error) not in ABSENT:
            raise
        _create(target, bucket)
    if not _is_safe(s3, owner):
        _make_safe(target, owner, name)
    return bucket


def upload(target: Target, bucket: str, built: list[Bundle], log: Log) -> None:
    """Upload missing bundles and check that all exist: a stack needs its code.

    Raises:
        DeployError: A bundle is not in the bucket after its upload.
    """
    s3, owner = target.client("s3"), {"Bucket": bucket, "ExpectedBucketOwner": _account(target)}
    for bundle in built:
        if not _is_there(s3, owner, bundle.key):
            s3.put_object(**owner, Key=bundle.key, Body=bundle.content)
            log(f"uploaded {bundle.key}")
            if not _is_there(s3, owner, bundle.key):
                raise DeployError(f"{bundle.key} was uploaded but is not in the bucket: deploy again")


def delete(target: Target, bucket: str) -> None:
    """Delete the bucket with every version of its objects; an absent one is ignored.

    Raises:
        DeployError: S3 could not delete an object.
    """
    s3, owner = target.client("s3"), {"Bucket": bucket, "ExpectedBucketOwner": _account(target)}
    try:
        for page in s3.get_paginator("list_object_versions").paginate(**owner):
            versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            keys = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
            if keys and (kept := s3.delete_objects(**owner, Delete={"Objects": keys}).get("Errors")):
                raise DeployError(
                    f"the bucket {bucket} could not delete {kept[0]['Key']} ({kept[0].get('Code')}): "
                    "empty it by hand, then run the command again"
                )
        s3.delete_bucket(**owner)
    except ClientError as error:
        if _code(error) not in ABSENT:
            raise


def _create(target: Target, bucket: str) -> None:
    s3 = target.client("s3")
    where = {"CreateBucketConfiguration": {"LocationConstraint": target.region}}
    for _ in polls(target, f"the end of an earlier bucket {bucket}", deadline_s=BUSY_S):
        try:
            s3.create_bucket(Bucket=bucket, **({} if target.region == "us-east-1" else where))
            return
        except ClientError as error:
            if _code(error) == "BucketAlreadyOwnedByYou":  # the first copy of a call that was sent again
                return
            if _code(error) != "OperationAborted":
                raise


def _is_safe(s3: Any, owner: dict[str, str]) -> bool:
    """Whether `_make_safe` has completed: its last call sets a tag."""
    try:
        return tags.STACK in tags.read(s3.get_bucket_tagging(**owner)["TagSet"])
    except ClientError as error:
        if _code(error) == "NoSuchTagSet":
            return False
        raise


def _make_safe(target: Target, owner: dict[str, str], name: str) -> None:
    s3 = target.client("s3")
    shut = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(**owner, PublicAccessBlockConfiguration=dict.fromkeys(shut, True))
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(**owner, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_bucket_versioning(**owner, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_lifecycle_configuration(**owner, LifecycleConfiguration={"Rules": _expiry()})
    if target.speaks_tls():
        s3.put_bucket_policy(**owner, Policy=json.dumps(_tls_only(s3.meta.partition, owner["Bucket"])))
    marks = {tags.STACK: name, tags.CREATED: tags.written(datetime.now(UTC))}
    s3.put_bucket_tagging(**owner, Tagging={"TagSet": tags.listed(marks)})


def _expiry() -> list[dict[str, Any]]:
    every = {"Status": "Enabled", "Filter": {"Prefix": ""}}
    return [
        {
            "ID": "zips",
            **every,
            "Expiration": {"Days": KEPT_DAYS},
            "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSION_DAYS},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
        {  # files of runs, which are datapoints: deleted when the run has ended, or was given up
            "ID": "runs",
            "Status": "Enabled",
            "Filter": {"Prefix": f"{RUNS}/"},
            "Expiration": {"Days": 1},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
        {"ID": "markers", **every, "Expiration": {"ExpiredObjectDeleteMarker": True}},
    ]


def _tls_only(partition: str, bucket: str) -> dict[str, Any]:
    arns = [f"arn:{partition}:s3:::{bucket}", f"arn:{partition}:s3:::{bucket}/*"]
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": arns, "Condition": plain}
    return {"Version": "2012-10-17", "Statement": [deny]}


def _is_there(s3: Any, owner: dict[str, str], key: str) -> bool:
    try:
        s3.head_object(**owner, Key=key)
    except ClientError as error:
        if _code(error) in ABSENT:
            return False
        raise
    return True


def _account(target: Target) -> str:
    return str(target.client("sts").get_caller_identity()["Account"])


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
