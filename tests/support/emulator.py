"""Calls to a local cloud past the library, as its AWS CLI or an SDK makes them: with the key of its start."""

from typing import Any

import boto3
import pytest

from lambdist_lib.cloud.local_cloud import LocalCloud


def client(cloud: LocalCloud, service: str) -> Any:
    """A boto3 client of a service of this local cloud."""
    given = cloud.environment()
    return boto3.client(
        service,
        endpoint_url=given["AWS_ENDPOINT_URL"],
        region_name=given["AWS_DEFAULT_REGION"],
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
    )


def as_aws(monkeypatch: pytest.MonkeyPatch, cloud: LocalCloud) -> None:
    """Make this local cloud what the target `aws` finds."""
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
