"""What AWS refuses ends in one line that names the cause and the next step, and no account, user or key."""

import contextlib
import http.server
import json
import threading

import botocore.session
import pytest
from botocore import exceptions
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.cloud import aws_errors, targets
from lambdist_lib.errors import AccessDeniedError, LocalCloudError, TargetError

ACCOUNT = "4711" + "08154711"
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
KEY_ID = "AKIA" + "Z" * 16
WHERE = aws_errors.Where(label="AWS eu-west-1", region="eu-west-1", profile="work")
DENIED = f"User: {USER} is not authorized to perform: sqs:CreateQueue"
DENIAL = f"{DENIED} on resource: arn:aws:sqs:eu-west-1:{ACCOUNT}:queue"


@pytest.fixture
def aws(monkeypatch, tmp_path):
    """`aws("http://…", AWS_PROFILE="x")`: the target `aws` of a person with these variables and no files."""

    def connected(endpoint_url="http://127.0.0.1:9", region="eu-west-1", **environment):
        for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        given = {
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": "nothing",
            **environment,
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(targets, "ATTEMPTS", 1)
        return targets.connect("aws", region=region, profile=environment.get("AWS_PROFILE", ""))

    return connected


@pytest.fixture
def answering():
    """`answering(status, code, message)`: URL of a server that refuses every call so."""
    servers = []

    def serve(status, code, message):
        class Refusing(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                query = "json" not in (self.headers.get("Content-Type") or "")
                error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
                xml = f"<ErrorResponse>{error}</ErrorResponse>"
                body = xml if query else json.dumps({"__type": code, "message": message})
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body.encode())

            do_GET = do_HEAD = do_PUT = do_POST

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Refusing)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def refused(call):
    """The error of a call, which says one line and gives nobody away."""
    with pytest.raises(AccessDeniedError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert not [secret for secret in (ACCOUNT, "alice", KEY_ID, "nothing at all") if secret in text]
    assert caught.value.__suppress_context__  # a notebook shows this error, not botocore's before it
    return caught.value


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("ExpiredToken", "have expired"),
        ("ExpiredTokenException", "have expired"),
        ("RequestExpired", "have expired"),
        ("InvalidClientTokenId", "rejects these credentials"),
        ("UnrecognizedClientException", "rejects these credentials"),
        ("SignatureDoesNotMatch", "the secret key belongs to another access key, or this machine's clock"),
        ("AccessDenied", "AWS eu-west-1 at 127.0.0.1 denies sqs:CreateQueue"),
        ("AccessDeniedException", "denies sqs:CreateQueue"),
        ("UnauthorizedOperation", "denies sqs:CreateQueue"),
    ],
)
def test_an_answer_that_a_person_can_mend_is_one_line(aws, answering, code, told):
    """Of a query service and of a JSON service alike, and of the next call as of the first."""
    target = aws(answering(403, code, DENIAL))

    for call in (
        lambda: target.client("sts").get_caller_identity(),
        lambda: target.client("dynamodb").list_tables(),
    ):
        error = refused(call)
        assert told in str(error)
        assert error.code == code


def test_a_denial_without_a_message_is_named_after_the_call(aws, answering):
    """S3 answers HEAD with a status and nothing else, and API Gateway's actions are methods."""
    target = aws(answering(403, "AccessDeniedException", "no"))

    assert refused(lambda: target.client("s3").head_bucket(Bucket="bucket")).action == "s3:ListBucket"
    assert refused(lambda: target.client("apigateway").get_account()).action == "apigateway:GET"
    assert (
        refused(lambda: target.client("lambda").get_account_settings()).action == "lambda:GetAccountSettings"
    )
    assert (
        refused(lambda: target.client("cloudwatch").describe_alarms()).action == "cloudwatch:DescribeAlarms"
    )


def test_what_the_code_expects_stays_as_it_is(aws, answering):
    """A stack that is not there, a failed condition, a throttle: the caller decides."""
    for code in ("ValidationError", "ConditionalCheckFailedException", "TooManyRequestsException"):
        target = aws(answering(400, code, "as expected"))
        with pytest.raises(exceptions.ClientError) as caught:
            target.client("dynamodb").list_tables()
        assert caught.value.response["Error"]["Code"] == code


def test_an_endpoint_that_does_not_answer(aws):
    """A network that is away is told from a Region that does not exist."""
    call = lambda region: aws(region=region).client("sts").get_caller_identity()  # noqa: E731

    assert "nothing answers at 127.0.0.1; check the network" in str(refused(lambda: call("eu-west-1")))
    away = str(refused(lambda: call("eu-wset-1")))
    assert "no Region is called eu-wset-1 (did you mean eu-west-1?)" in away
    assert "invalid region 'eu west'" in str(refused(lambda: call("eu west")))


def test_missing_and_incomplete_credentials(aws):
    """None at all, half of them, no region, no such profile: told before the first call."""
    with pytest.raises(TargetError, match="no AWS credentials were found; run `aws configure`"):
        aws(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert "AWS_SECRET_ACCESS_KEY is missing" in str(refused(lambda: aws(AWS_SECRET_ACCESS_KEY="")))
    with pytest.raises(TargetError, match="no AWS region is set; pass --region"):
        aws(region="")
    with pytest.raises(
        TargetError, match=r"\(nobody\) could not be found; see `aws configure list-profiles`"
    ):
        aws(AWS_PROFILE="nobody")


def test_a_profile_whose_sso_session_is_over(aws, tmp_path):
    """The message has the command, with the profile."""
    (tmp_path / "config").write_text(
        "[profile work]\nsso_session = s\nsso_account_id = 000000000000\nsso_role_name = r\n"
        "[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://example.com/start\n"
    )
    target = aws(AWS_PROFILE="work", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", HOME=str(tmp_path))

    error = refused(lambda: target.client("sts").get_caller_identity())

    assert "run `aws sso login --profile work`" in str(error)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (exceptions.NoCredentialsError(), "no AWS credentials were found"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="x"), "aws sso login --profile work"),
        (exceptions.UnauthorizedSSOTokenError(), "aws sso login --profile work"),
        (exceptions.SSOTokenLoadError(error_msg="x"), "aws sso login --profile work"),
        (exceptions.LoginRefreshRequired(), "run `aws login --profile work`"),
        (exceptions.CredentialRetrievalError(provider="p", error_msg=USER), "p gave no AWS credentials"),
        (exceptions.InvalidConfigError(error_msg=f"{USER} no"), "invalid AWS configuration"),
        (
            exceptions.ReadTimeoutError(endpoint_url="https://sqs.eu-west-1.example/"),
            "at sqs.eu-west-1.example",
        ),
    ],
)
def test_what_botocore_raises_before_an_answer(error, told):
    found = aws_errors.of_failure(error, WHERE)

    assert told in str(found)
    assert ACCOUNT not in str(found)


def test_a_local_cloud_that_has_ended_explains_itself():
    """What explains the silence better comes first."""

    def ended():
        raise LocalCloudError("it has ended")

    where = aws_errors.Where(label="local cloud", region="us-east-1", require_alive=ended)
    with pytest.raises(LocalCloudError, match="it has ended"):
        aws_errors.of_failure(exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), where)


def test_the_end_of_the_local_cloud_is_told_before_any_retry():
    """The retries of one call take half a minute, and nothing comes back meanwhile."""
    session, attempts = botocore.session.Session(), []

    def ended():
        raise LocalCloudError("it has ended")

    where = aws_errors.Where(label="local cloud", region="us-east-1", require_alive=ended)
    session.set_credentials("any", "any")
    aws_errors.watch(session.get_component("event_emitter"), where)
    client = session.create_client("sqs", "us-east-1", endpoint_url="http://127.0.0.1:9")
    client.meta.events.register("before-send.sqs.*", lambda **_: attempts.append(1))

    with pytest.raises(LocalCloudError, match="it has ended"):
        client.list_queues()

    assert len(attempts) == 1


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("Throttling", 400, "try again in a minute"),
        ("LimitExceededException", 400, "quota is used up"),
        ("InternalFailure", 500, "AWS failed; try again"),
    ],
)
def test_what_nobody_expected_and_is_no_bug_is_one_line_too(code, status, told):
    """Throttles, quotas and outages; a call that we made wrongly keeps its traceback."""

    def error(code, status):
        facts = {"Error": {"Code": code, "Message": DENIAL}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return exceptions.ClientError(facts, "CreateQueue")

    line = aws_errors.told(error(code, status))

    assert told in line
    assert f"CreateQueue ({code}: " in line
    assert ACCOUNT not in line
    assert aws_errors.told(error("ValidationError", 400)) == aws_errors.told(ValueError("bug")) == ""


@given(st.text(), st.from_regex(r"[0-9]{12}", fullmatch=True), st.text())
def test_no_account_survives_the_mask(before, account, after):
    """Wherever twelve digits stand alone; other text stays."""
    text = f"{before} {account} {after}"
    if account not in (before + after):
        assert account not in aws_errors.masked(text)
    assert aws_errors.masked("3 of 129 datapoints") == "3 of 129 datapoints"


@pytest.mark.parametrize(
    ("error", "is_certain"),
    [
        (AccessDeniedError("no", code="AccessDenied", action="s3:PutObject"), True),
        (AccessDeniedError("no", code="ExpiredToken"), True),
        (AccessDeniedError("no", code="ReadTimeoutError"), False),
        (exceptions.ClientError({"Error": {"Code": "Invalid"}}, "Call"), True),
        (exceptions.ClientError({"ResponseMetadata": {"HTTPStatusCode": 503}}, "Call"), False),
        (exceptions.ClientError({"ResponseMetadata": {"RetryAttempts": 1}}, "Call"), False),
        (LocalCloudError("it has ended"), False),
    ],
)
def test_a_refusal_is_certain_only_at_the_first_copy_of_a_call(error, is_certain):
    """The refusal of a later copy says nothing about an earlier one."""
    assert aws_errors.certainly_refused(error) == is_certain


@pytest.mark.parametrize(("attempts", "is_ignored"), [(0, False), (1, True)])
def test_only_the_refusal_of_a_second_copy_is_ignored(attempts, is_ignored):
    """Of one with another code nothing is."""
    response = {"Error": {"Code": "Conflict"}, "ResponseMetadata": {"RetryAttempts": attempts}}

    def call(code):
        with aws_errors.own_copy_ignored(code):
            raise exceptions.ClientError(response, "Call")

    with contextlib.nullcontext() if is_ignored else pytest.raises(exceptions.ClientError):
        call("Conflict")
    with pytest.raises(exceptions.ClientError):
        call("Other")


def test_every_operation_has_an_action():
    """As IAM writes them: a service's prefix, and the operation's name without its date."""
    session = botocore.session.get_session()
    model = session.get_service_model
    assert aws_errors.action_of(model("cloudformation").operation_model("CreateChangeSet")) == (
        "cloudformation:CreateChangeSet"
    )
    assert aws_errors.action_of(model("resourcegroupstaggingapi").operation_model("GetResources")) == (
        "tag:GetResources"
    )
    assert (
        aws_errors.action_of(model("logs").operation_model("DescribeLogGroups")) == "logs:DescribeLogGroups"
    )
