"""Connect to the local cloud or to AWS. The only module that creates boto3 sessions.

    with targets.connect("local") as target: ...    starts or finds the local cloud
    targets.connect("aws", region="eu-west-1")      boto3's usual chain of credentials

On AWS, `AWS_ENDPOINT_URL` is honoured as boto3 does: the same code path can be tested
against any endpoint.
"""

import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from lambdist_lib.cloud import local_cloud
from lambdist_lib.errors import TargetError, UsageError

NAMES = ("local", "aws")
LOCAL_REGION = local_cloud.REGION
LOCAL_LABEL = "local cloud"
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10, 65
ATTEMPTS = 5  # of a call, with up to 20 s between two of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Hold a place to deploy to, with its session.

    label: Its name in tables and figures. endpoint_url: None for AWS's own.
    """

    name: str
    region: str
    label: str
    endpoint_url: str | None
    session: Any = field(repr=False)
    cloud: local_cloud.LocalCloud | None = None
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service; threads may share it."""
        if service not in self._clients:
            self._clients[service] = self._made(service)
        return self._clients[service]

    def _made(self, service: str) -> Any:
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=32,
            proxies={} if self.name == "local" else None,
        )
        return self.session.client(service, endpoint_url=self.endpoint_url, config=config)

    def speaks_tls(self) -> bool:
        """Return whether the API uses HTTPS: an emulator does not."""
        return self.endpoint_url is None or self.endpoint_url.startswith("https:")

    def api_url(self, outputs: dict[str, str]) -> str:
        """Return the URL of a stack's API on this target."""
        if self.endpoint_url is None:
            return outputs["ApiUrl"]
        base = self.endpoint_url.rstrip("/")
        return (
            f"{base}/restapis/{outputs['ApiId']}/{outputs['Stage']}/_user_request_/{outputs['ResourcePath']}"
        )


def connect(name: str = "local", *, region: str = "", profile: str = "") -> Target:
    """Return the target `name`; on the local cloud, lease it until this process ends.

    Args:
        name: `local` or `aws`.
        region, profile: Of AWS; by default those of its configuration and environment.

    Raises:
        UsageError: The target is unknown.
        TargetError: Credentials or region are missing or invalid. Any later call of the target's
            clients may raise AccessDeniedError (`aws_errors`).
        LocalCloudError: The local cloud does not start.
    """
    if name == "local":
        return _local()
    if name == "aws":
        return _aws(region, profile)
    raise UsageError(f"target {name!r} is unknown; use one of {', '.join(NAMES)}")


def _local() -> Target:
    import boto3

    from lambdist_lib.cloud import aws_errors

    cloud = local_cloud.lease()
    session = boto3.Session(
        aws_access_key_id=cloud.key,
        aws_secret_access_key="any",  # only the key id is a secret there
        region_name=LOCAL_REGION,
        botocore_session=_isolated_session(),
    )
    where = aws_errors.Where(
        label=LOCAL_LABEL, region=LOCAL_REGION, require_alive=lambda: local_cloud.require_alive(cloud)
    )
    aws_errors.watch(session.events, where)
    return Target(
        name="local",
        region=LOCAL_REGION,
        label=LOCAL_LABEL,
        endpoint_url=cloud.endpoint_url,
        session=session,
        cloud=cloud,
    )


def _isolated_session() -> Any:
    """Return a botocore session that reads neither a profile nor a file of the user."""
    import botocore.session

    nothing = dict.fromkeys(("profile", "ca_bundle"), (None, None, None, None))
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return botocore.session.Session(session_vars={**nothing, **files})


def _aws(region: str, profile: str) -> Target:
    import boto3
    from botocore.exceptions import BotoCoreError, ProfileNotFound
    from botocore.utils import validate_region_name

    from lambdist_lib.cloud import aws_errors

    try:
        session = boto3.Session(profile_name=profile or None, region_name=region or None)
    except ProfileNotFound as error:
        raise TargetError(f"{error}; see `aws configure list-profiles`") from None
    except BotoCoreError as error:  # a configuration file that cannot be parsed
        nowhere = aws_errors.Where(label="AWS", region=region, profile=profile)
        raise aws_errors.of_failure(error, nowhere) or error from None
    endpoint_url = os.environ.get("AWS_ENDPOINT_URL") or None
    at = f" at {urlsplit(endpoint_url).hostname}" if endpoint_url else ""
    where = aws_errors.Where(
        label=f"AWS {session.region_name}{at}", region=session.region_name or "", profile=profile
    )
    aws_errors.watch(session.events, where)
    try:
        credentials = session.get_credentials()
        if credentials is not None and credentials.method == "assume-role-with-web-identity":
            credentials.get_frozen_credentials()  # reads the token's file, which botocore else does late
        validate_region_name(session.region_name)
    except BotoCoreError as error:
        raise aws_errors.of_failure(error, where) or error from None
    except (OSError, ValueError, KeyError) as error:  # botocore lets the errors of a provider through
        raise TargetError(f"{aws_errors.unusable_provider(error)}; {aws_errors.CREDENTIALS}") from None
    if not session.region_name:
        raise TargetError("no AWS region is set; pass --region, or set AWS_DEFAULT_REGION")
    if credentials is None:
        raise TargetError(aws_errors.NO_CREDENTIALS)
    return Target(
        name="aws",
        region=session.region_name,
        label=where.label,
        endpoint_url=endpoint_url,
        session=session,
    )
