"""Translate AWS's refusals and failed calls into one line each, with the next command.

    aws_errors.watch(session.events, where)    from then on every client raises AccessDeniedError

Only errors that a user can correct are translated: others stay botocore's, for the code that expects
them. No message names an account, a user or a key.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions

from lambdist_lib.errors import AccessDeniedError
from lambdist_lib.formatting import did_you_mean

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
INVALID = {
    "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure",
    "MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature",
}  # fmt: skip
UNSIGNED = {"SignatureDoesNotMatch", "InvalidSignatureException", "RequestTimeTooSkewed"}
ELSEWHERE = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
DENIED = re.compile(
    r"(KMS)?AccessDenied|UnauthorizedOperation|AuthorizationError|NotAuthorized|Forbidden|403"
)
CREDENTIALS = "run `aws configure`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
NO_CREDENTIALS = f"no AWS credentials were found; {CREDENTIALS}"
PERMISSION = re.compile(r"not authorized to perform:? `?([a-zA-Z0-9-]+:[A-Za-z0-9*]+)")
ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
KEY_ID = re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{12,}\b")
PERSON = re.compile(r"(?i)\b(user|principal|role): \S+")
ACTIONS = {  # operations that IAM knows by another name
    "s3": {
        "HeadBucket": "ListBucket",
        "ListObjectsV2": "ListBucket",
        "ListObjectVersions": "ListBucketVersions",
        "ListBuckets": "ListAllMyBuckets",
        "HeadObject": "GetObject",
        "DeleteObjects": "DeleteObject",
        "PutBucketEncryption": "PutEncryptionConfiguration",
        "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
        "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
        "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    },
    "lambda": {"Invoke": "InvokeFunction"},
}
CONFIGURATION = (
    exceptions.ConfigParseError, exceptions.ConfigNotFound, exceptions.InvalidConfigError,
    exceptions.UnknownCredentialError, exceptions.RefreshWithMFAUnsupportedError,
)  # fmt: skip
UNREACHABLE = (exceptions.ConnectionError, exceptions.HTTPClientError)
PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}  # of endpoints that IAM calls otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Name the target in messages, and the profile ("" if none was named)."""

    label: str
    region: str
    profile: str = ""
    # raises a better explanation of a silence, if it has one
    require_alive: Callable[[], None] = lambda: None

    def login(self, command: str) -> str:
        return f"`aws {command}{f' --profile {self.profile}' if self.profile else ''}`"


def watch(events: Any, where: Where) -> None:
    """Make every client of this session raise AccessDeniedError for the errors below."""

    def answered(parsed: Any, model: Any, **_: Any) -> None:
        error = parsed.get("Error") if isinstance(parsed, dict) else None
        if error and (denied := of_code(error, action_of(model), where)):
            raise denied from None

    def failed(exception: Exception, **_: Any) -> None:
        if denied := of_failure(exception, where):
            raise denied from None

    def attempted(exception: Exception | None, **_: Any) -> None:
        if isinstance(exception, UNREACHABLE):
            where.require_alive()  # before each of the call's retries, which take half a minute together

    events.register_first("response-received", attempted)
    events.register_last("after-call", answered)
    events.register_last("after-call-error", failed)


def of_code(error: dict[str, Any], action: str, where: Where) -> AccessDeniedError | None:
    """Translate an error response; None if the user cannot correct it.

    Args:
        error: Its `Code` and `Message`.
        action: The IAM action of the call; one that the message names is preferred.
    """
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    if code in EXPIRED:
        how = f"renew them, such as by {where.login('sso login')}, and run the command again"
        return AccessDeniedError(f"the AWS credentials have expired ({code}); {how}", code=code)
    if code in INVALID:
        return AccessDeniedError(
            f"AWS rejects these credentials ({code}): the access key is unknown or inactive, or "
            f"{where.region} is not enabled for the account; see {where.login('sts get-caller-identity')}",
            code=code,
        )
    if code in UNSIGNED:
        return AccessDeniedError(
            f"AWS rejects the signature ({code}): the secret key belongs to another access key, or "
            f"this machine's clock is wrong; compare `date`, then {CREDENTIALS}",
            code=code,
        )
    if code in ELSEWHERE:
        return AccessDeniedError(
            f"{action} belongs to another Region than {where.region}; name that one with --region", code=code
        )
    if DENIED.match(code):
        return _denied(code, message, action, where)
    return None


def of_failure(error: Exception, where: Where) -> AccessDeniedError | None:
    """Translate the error of a call without a response; None if the user cannot correct it."""
    if isinstance(error, AccessDeniedError):  # of the call for temporary credentials
        return error
    code, facts = type(error).__name__, getattr(error, "kwargs", {})
    if isinstance(error, exceptions.NoCredentialsError):
        text = NO_CREDENTIALS
    elif isinstance(error, exceptions.PartialCredentialsError):
        missing = facts.get("cred_var", "a part")
        text = f"the AWS credentials are incomplete: {missing} is missing; {CREDENTIALS}"
    elif isinstance(
        error, exceptions.SSOError | exceptions.TokenRetrievalError | exceptions.NoAuthTokenError
    ):
        text = f"the AWS SSO session has expired or was never started; run {where.login('sso login')}"
    elif isinstance(error, exceptions.LoginError):
        text = f"the AWS login has expired or lacks permissions; run {where.login('login')}"
    elif isinstance(error, exceptions.CredentialRetrievalError | exceptions.MetadataRetrievalError):
        provider = facts.get("provider", "the provider")
        text = f"{provider} gave no AWS credentials; {CREDENTIALS}"
    elif isinstance(error, exceptions.NoRegionError):
        text = "no AWS region is set; pass --region, or set AWS_DEFAULT_REGION"
    elif isinstance(error, exceptions.InvalidRegionError):
        near = did_you_mean(where.region, regions())
        text = f"invalid region {where.region!r}{near}; use one such as eu-west-1"
    elif isinstance(error, CONFIGURATION):
        text = f"invalid AWS configuration: {masked(str(error))}; correct it, or use another --profile"
    elif isinstance(error, UNREACHABLE):
        where.require_alive()
        text = _unreachable(facts.get("endpoint_url") or "", where)
    else:
        return None
    return AccessDeniedError(text, code=code)


def unusable_provider(error: Exception) -> str:
    """Describe what a provider of credentials raised, without what it printed: that may be a secret."""
    if isinstance(error, OSError):
        return f"AWS credentials could not be read: {error.strerror} ({error.filename})"
    return f"AWS credentials could not be read: their provider's answer is unusable ({type(error).__name__})"


def told(error: BaseException) -> str:
    """Translate throttling, used-up quotas and outages into one line; "" for any other error."""
    if not isinstance(error, exceptions.ClientError):
        return ""
    code, status = (
        error.response["Error"].get("Code", ""),
        error.response["ResponseMetadata"]["HTTPStatusCode"],
    )
    if re.search("Throttl|TooManyRequests|SlowDown|RequestLimit", code):
        advice = "other calls share the account's quota; try again in a minute"
    elif re.search("LimitExceeded|QuotaExceeded|TooManyBuckets|LimitReached", code):
        advice = (
            "the account's quota is used up; delete leftovers (`lambdist leaks`), or request a higher quota"
        )
    elif status >= 500:
        advice = "AWS failed; try again in a minute"
    else:
        return ""
    reason = masked(error.response["Error"].get("Message", ""))
    return f"AWS refused {error.operation_name} ({code}: {reason}); {advice}"


def certainly_refused(error: BaseException) -> bool:
    """Return whether AWS has carried out nothing of a call that raised this error.

    Without a response, after a failure of AWS's own, or where botocore sent the call again, an earlier copy
    may have succeeded: the error of the last one says nothing about it.
    """
    if isinstance(error, AccessDeniedError):
        return not issubclass(getattr(exceptions, error.code, object), UNREACHABLE)
    if not isinstance(error, exceptions.ClientError):
        return False
    metadata = error.response.get("ResponseMetadata", {})
    return metadata.get("HTTPStatusCode", 400) < 500 and not metadata.get("RetryAttempts", 0)


@contextlib.contextmanager
def own_copy_ignored(*codes: str) -> Iterator[None]:
    """Ignore these errors of a call that botocore sent again: its first copy, without a response, succeeded.

    For calls that name what they change by something random, so that nobody else's can be meant.
    """
    try:
        yield
    except exceptions.ClientError as error:
        is_again = error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0
        if not (is_again and error.response["Error"].get("Code") in codes):
            raise


def masked(text: str) -> str:
    """Return the text without accounts, users and keys."""
    text = PERSON.sub(lambda match: f"{match[1]}: ****", text)
    return KEY_ID.sub("****", ACCOUNT.sub("****", text))


def missing_permission(reason: str) -> str:
    """Return the IAM action that a refusal names, or ""."""
    match = PERMISSION.search(reason)
    return match[1] if match else ""


def action_of(model: Any) -> str:
    """Return the IAM action of an operation, derived from its name."""
    prefix, operation = model.service_model.endpoint_prefix, re.sub(r"\d{4}_\d\d_\d\d$", "", model.name)
    signing = model.service_model.metadata.get("signingName", prefix)
    service = PREFIXES.get(prefix, signing)
    if service == "apigateway":  # its actions are the HTTP methods
        return f"apigateway:{model.http['method']}"
    return f"{service}:{ACTIONS.get(service, {}).get(operation, operation)}"


def _denied(code: str, message: str, action: str, where: Where) -> AccessDeniedError:
    missing = missing_permission(message) or action
    if missing.partition(":")[2].islower():  # SQS spells its actions in lower case
        missing = action
    by = " (by an explicit deny)" if "explicit deny" in message else ""
    what = f"{where.label} denies {missing}{by}; "
    how = "have it added (cloudformation/deployer_policy.yaml lists all), or use another --profile"
    return AccessDeniedError(what + how, code=code, action=missing)


def _unreachable(url: str, where: Where) -> str:
    host = urlsplit(url).hostname or "its endpoint"
    if where.region and where.region not in regions():
        near = did_you_mean(where.region, regions())
        return f"nothing answers at {host}: no Region is called {where.region}{near}"
    return f"nothing answers at {host}; check the network, the proxy and AWS_ENDPOINT_URL, then try again"


def regions() -> list[str]:
    """Return every Region that this botocore knows, of all partitions."""
    import botocore.session

    session = botocore.session.Session()
    partitions = session.get_available_partitions()
    return [
        name
        for partition in partitions
        for name in session.get_available_regions("cloudformation", partition)
    ]
