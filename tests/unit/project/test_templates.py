"""The templates agree with AWS, the handlers, the library and each other."""

import ast
import json
import re

import jsonschema
import pytest
import yaml
from support import linting

from lambdist_lib import paths
from lambdist_lib.deployment import templates
from lambdist_lib.protocol import contract

REPO = paths.root()
LAMBDAS = REPO / "lambdas"
KINDS = ("distributed", "single_node")

API_OUTPUTS = {"ApiUrl", "ApiId", "Stage", "ResourcePath", "ApiKeyId", "UsagePlanId"}
OUTPUTS = {
    "distributed": {
        *API_OUTPUTS,
        *("CollectorName", "CollectorLogGroup"),
        *("QueueUrl", "QueueArn", "QueueToProcessorId", "MaxReceives", "VisibilityTimeoutSeconds"),
        *("ProcessorName", "ProcessorLogGroup", "ProcessorTimeoutSeconds", "ExperimentControls"),
        *("DeadLetterQueueUrl", "DeadLetterQueueArn", "DeadLetterHandlerName", "DeadLetterLogGroup"),
        *("TableName", "TopicArn", "StorageFirstPath", "MapMachineArn"),
    },
    "single_node": {
        *API_OUTPUTS,
        *("SingleNodeName", "SingleNodeLogGroup", "SingleNodeTimeoutSeconds", "ExperimentControls"),
        *("MaxReceives", "TableName"),
    },
}
NAMES_THAT_STAY = {
    ("AWS::ApiGateway::RestApi", "Name"),  # required by the type, and APIs may share one
    ("AWS::ApiGateway::Stage", "StageName"),  # a part of the URL, unique only within its API
    ("AWS::IAM::Policy", "PolicyName"),  # required by the type, unique only within its role
}
NAMES_THAT_REFER = {
    ("AWS::Lambda::EventSourceMapping", "FunctionName"),
    ("AWS::Lambda::Permission", "FunctionName"),
    ("AWS::CloudWatch::Alarm", "MetricName"),
}
GIVEN_BY_LAMBDA = re.compile(r"AWS_|_X_AMZN_|LAMBDA_|_HANDLER$")


class Loader(yaml.SafeLoader):
    """YAML in which `!Ref X` is {"Ref": X} and `!Tag x` is {"Fn::Tag": x}."""


def _tagged(loader, tag, node):
    kinds = {yaml.ScalarNode: loader.construct_scalar, yaml.MappingNode: loader.construct_mapping}
    construct = kinds.get(type(node), loader.construct_sequence)
    value = construct(node) if isinstance(node, yaml.ScalarNode) else construct(node, deep=True)
    return {tag if tag == "Ref" else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", _tagged)

TEXTS = {kind: (REPO / "cloudformation" / f"{kind}.yaml").read_text(encoding="utf-8") for kind in KINDS}
TEMPLATES = {kind: yaml.load(text, Loader=Loader) for kind, text in TEXTS.items()}

each_template = pytest.mark.parametrize("kind", KINDS)


def resources(kind, type_=""):
    """Logical id -> resource, of one type if it is named."""
    return {
        name: resource
        for name, resource in TEMPLATES[kind]["Resources"].items()
        if type_ in ("", resource["Type"])
    }


def functions(kind):
    return {name: one["Properties"] for name, one in resources(kind, "AWS::Lambda::Function").items()}


each_function = pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name in functions(kind)]
)


def defaults(kind):
    return {name: one.get("Default") for name, one in TEMPLATES[kind]["Parameters"].items()}


def statements(kind):
    """(logical id, statement) of every policy in the template."""
    for name, resource in resources(kind).items():
        properties = resource["Properties"]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in documents:
            for statement in document["Statement"]:
                yield name, statement["Fn::If"][1] if "Fn::If" in statement else statement


def listed(value):
    return value if isinstance(value, list) else [value]


def module_of(function):
    return function["Handler"].partition(".")[0]


def sources(module):
    """The syntax trees of a handler and of every module of lambdas/ that it imports, directly or not."""
    trees, waiting = {}, [module]
    while waiting:
        name = waiting.pop()
        path = LAMBDAS / f"{name}.py"
        if name in trees or not path.exists():
            continue
        trees[name] = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(trees[name]):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting.append(node.module)
    return trees.values()


def environment_read(module):
    """Names that a handler reads: os.environ["X"], os.environ.get("X") and os.getenv("X")."""
    names = set()
    for tree in sources(module):
        for node in ast.walk(tree):
            match node:
                case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str(name))):
                    names.add(name)
                case ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    names.add(name)
                case ast.Call(func=ast.Attribute(attr="getenv"), args=[ast.Constant(value=str(name)), *_]):
                    names.add(name)
    return {name for name in names if not GIVEN_BY_LAMBDA.match(name)}


@each_template
def test_cfn_lint_finds_nothing(kind):
    """cfn-lint has no error and no warning, and no rule is switched off."""
    assert linting.faults(REPO / "cloudformation" / f"{kind}.yaml") == []
    assert "cfn-lint" not in TEMPLATES[kind]["Metadata"]


@each_template
def test_every_parameter_is_described_and_bounded(kind):
    """A parameter has a description and bounds; one without a default says so."""
    bounds = ({"MinValue", "MaxValue"}, {"AllowedValues"}, {"AllowedPattern"}, {"MaxLength"})
    for name, parameter in TEMPLATES[kind]["Parameters"].items():
        assert parameter["Description"] and parameter["Type"], name
        assert any(bound <= parameter.keys() for bound in bounds), name
        assert "Default" in parameter or "No default" in parameter["Description"], name


@each_template
def test_every_parameter_is_in_one_group(kind):
    """The console's form shows each parameter once, under a heading."""
    groups = TEMPLATES[kind]["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert grouped == list(TEMPLATES[kind]["Parameters"])


def test_shared_parameters_are_the_same():
    """A parameter that both templates have means the same in both."""
    ours, theirs = (TEMPLATES[kind]["Parameters"] for kind in KINDS)
    shared = ours.keys() & theirs.keys()
    assert len(shared) > 15
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}


@pytest.mark.parametrize("kind", KINDS)
def test_a_resource_refers_to_every_parameter(kind):
    """CloudFormation does not update a stack in which only outputs change: the old value would stay."""
    template = TEMPLATES[kind]
    used = json.dumps([template["Resources"], template.get("Conditions", {})])

    for name in template["Parameters"]:
        assert f'{{"Ref": "{name}"}}' in used or f"${{{name}}}" in used, name


def test_both_arms_have_the_same_api_and_table():
    """The arms differ only in the path of a datapoint, not in API and table; storage_first is off."""
    control = yaml.load(TEXTS["single_node"].replace("SingleNode", "Collector"), Loader=Loader)["Resources"]
    shared = [name for name in control if not name.startswith("Collector")]
    assert {"Api", "ApiMethod", "ApiStage", "UsagePlan", "RequestModel", "Table"} <= set(shared)
    own = {name: TEMPLATES["distributed"]["Resources"][name] for name in shared}
    deployment = own["Deployment0"]  # it waits for the path of storage_first, too
    own["Deployment0"] = {**deployment, "Properties": {"RestApiId": deployment["Properties"]["RestApiId"]}}
    assert {name: control[name] for name in shared} == own


def test_slow_batches_are_not_delivered_twice():
    """By default both queues hide a message for six times the function's timeout plus the window."""
    default = defaults("distributed")
    for visibility, timeout, window in [
        ("VisibilityTimeoutSeconds", "ProcessorTimeoutSeconds", "QueueWindowSeconds"),
        ("DeadLetterVisibilitySeconds", "DeadLetterTimeoutSeconds", "DigestWindowSeconds"),
    ]:
        assert default[visibility] >= 6 * default[timeout] + default[window]


def test_the_dead_letter_queue_keeps_longest():
    """A dead letter keeps the age it had, so its queue's retention is the longest and above the first's."""
    queues = {name: one["Properties"] for name, one in resources("distributed", "AWS::SQS::Queue").items()}
    fourteen_days_s = 14 * 24 * 3600
    assert queues["DeadLetterQueue"]["MessageRetentionPeriod"] == fourteen_days_s
    assert queues["Queue"]["MessageRetentionPeriod"] < fourteen_days_s


@each_template
def test_no_physical_names(kind):
    """CloudFormation names every resource, so that stacks never collide and replacements work."""
    for name, resource in resources(kind).items():
        for key in resource["Properties"]:
            if key.endswith("Name") and key != "DisplayName":
                assert (resource["Type"], key) in NAMES_THAT_STAY | NAMES_THAT_REFER, f"{name}.{key}"


@each_template
def test_posting_takes_a_key_and_a_checked_body(kind):
    """The API rejects a POST without key, and checks the body of any content type."""
    method = resources(kind)["ApiMethod"]["Properties"]
    assert method["ApiKeyRequired"] is True
    assert method["RequestValidatorId"] == {"Ref": "RequestValidator"}
    model = {"Ref": "RequestModel"}
    assert method["RequestModels"] == {"application/json": model, "$default": model}


@each_template
def test_permissions_are_narrow(kind):
    """A statement names its actions, and a `*` resource has its reason on its line."""
    wide = [line for line in TEXTS[kind].splitlines() if re.search(r"Resource: [\"']?\*", line)]
    assert wide and all(re.search(r"  # \w.{10}", line) for line in wide)
    for name, statement in statements(kind):
        if statement["Effect"] == "Allow":
            assert not any("*" in action for action in listed(statement["Action"])), name
            assert "NotAction" not in statement and "NotResource" not in statement, name


@each_template
def test_what_process_may_do_beyond_ours_is_the_persons_word(kind):
    """A user's policy is attached only to the role of the function that runs process()."""
    wider = {
        name: role["Properties"]["ManagedPolicyArns"]
        for name, role in resources(kind, "AWS::IAM::Role").items()
        if "ProcessingPolicyArn" in str(role["Properties"].get("ManagedPolicyArns"))
    }
    role = {"distributed": "ProcessorRole", "single_node": "SingleNodeRole"}[kind]
    given = {"Fn::If": ["HasProcessingPolicy", [{"Ref": "ProcessingPolicyArn"}], {"Ref": "AWS::NoValue"}]}
    assert wider == {role: given}
    assert defaults(kind)["ProcessingPolicyArn"] == ""


@each_function
def test_a_function_has_its_own_role_and_log_group(kind, name):
    """A function writes to a log group that is deleted with the stack, and may write to no other."""
    function = functions(kind)[name]
    role = function["Role"]["Fn::GetAtt"].removesuffix(".Arn")
    group = function["LoggingConfig"]["LogGroup"]["Ref"]
    assert group in resources(kind, "AWS::Logs::LogGroup")
    assert [other["Role"] for other in functions(kind).values()].count(function["Role"]) == 1
    logging = [
        statement["Resource"]
        for owner, statement in statements(kind)
        if owner == role and any(action.startswith("logs:") for action in listed(statement["Action"]))
    ]
    assert logging == [{"Fn::GetAtt": f"{group}.Arn"}]


@each_template
def test_log_groups_expire(kind):
    """No log is kept for ever."""
    groups = resources(kind, "AWS::Logs::LogGroup")
    assert groups
    assert all("RetentionInDays" in group["Properties"] for group in groups.values())


@each_template
def test_data_at_rest_is_encrypted(kind):
    """Every queue and table is encrypted; the topic only by a customer key, as no other allows alarms."""
    for queue in resources(kind, "AWS::SQS::Queue").values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
    for table in resources(kind, "AWS::DynamoDB::Table").values():
        assert table["Properties"]["SSESpecification"]["SSEEnabled"] is True
    for topic in resources(kind, "AWS::SNS::Topic").values():
        choice = topic["Properties"]["KmsMasterKeyId"]["Fn::If"]
        assert choice == ["HasTopicKey", {"Ref": "TopicKeyArn"}, {"Ref": "AWS::NoValue"}]
        using = [one["Action"] for _, one in statements(kind) if one["Resource"] == {"Ref": "TopicKeyArn"}]
        assert using == [["kms:Decrypt", "kms:GenerateDataKey"]]


def test_queues_and_topic_refuse_plain_http():
    """Each queue and the topic has a policy that denies requests without TLS, by default."""
    guarded = set()
    for name, statement in statements("distributed"):
        if statement["Effect"] == "Deny":
            assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            assert resources("distributed")[name]["Condition"] == "RequiresTls"
            properties = resources("distributed")[name]["Properties"]
            guarded |= {target["Ref"] for target in properties.get("Queues", properties.get("Topics"))}
    assert guarded == {
        *resources("distributed", "AWS::SQS::Queue"),
        *resources("distributed", "AWS::SNS::Topic"),
    }
    assert defaults("distributed")["RequireTls"] == "on"


def test_alarms_reach_the_people_whom_the_digest_reaches():
    """Dead datapoints, a failing dead-letter Lambda, an old queue and a failing API notify the topic."""
    alarms = {
        name: one["Properties"] for name, one in resources("distributed", "AWS::CloudWatch::Alarm").items()
    }
    assert {name: (one["Namespace"], one["MetricName"]) for name, one in alarms.items()} == {
        "DeadDatapoints": ("lambdist", "DeadDatapoints"),
        "DeadLettersStay": ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        "DatapointsWait": ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        "ApiFails": ("AWS/ApiGateway", "5XXError"),
    }
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [{"Ref": "Topic"}], name
        assert alarm["TreatMissingData"] == "notBreaching", name  # an unused stack is healthy
        assert alarm["AlarmDescription"], name
    letting_in = next(one for owner, one in statements("distributed") if owner == "TopicPolicy")
    assert (letting_in["Effect"], letting_in["Principal"]) == (
        "Allow",
        {"Service": "cloudwatch.amazonaws.com"},
    )
    default = defaults("distributed")
    assert default["QueueAgeAlarmSeconds"] == default["MaxReceives"] * default["VisibilityTimeoutSeconds"]


def test_mails_stay_rare():
    """SNS suspends an address at ten mails a second, so a window and a limit of two bound them."""
    mapping = resources("distributed", "AWS::Lambda::EventSourceMapping")["DeadLettersToHandler"][
        "Properties"
    ]
    assert mapping["MaximumBatchingWindowInSeconds"] == {"Ref": "DigestWindowSeconds"}
    assert TEMPLATES["distributed"]["Parameters"]["DigestWindowSeconds"]["MinValue"] >= 1
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert mapping["BatchSize"] >= 1000


def test_every_address_is_subscribed():
    """Each address has its own subscription, unless it is empty."""
    addresses = [name for name in TEMPLATES["distributed"]["Parameters"] if name.startswith("NotifyEmail")]
    subscribed = {
        one["Properties"]["Endpoint"]["Ref"]: one["Condition"]
        for one in resources("distributed", "AWS::SNS::Subscription").values()
    }
    assert subscribed == {name: f"Has{name}" for name in addresses}
    assert len(addresses) == templates.MAX_ADDRESSES


@each_function
def test_a_function_is_traced_and_its_handler_exists(kind, name):
    """The template's handler is a function of a file in lambdas/, traced by X-Ray."""
    function = functions(kind)[name]
    module, _, handler = function["Handler"].partition(".")
    tree = ast.parse((LAMBDAS / f"{module}.py").read_text(encoding="utf-8"))
    assert handler in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert function["TracingConfig"] == {"Mode": "Active"}


@each_function
def test_a_function_gets_the_environment_that_it_reads(kind, name):
    """No variable is missing or unused."""
    function = functions(kind)[name]
    given = function["Environment"]["Variables"].keys()
    assert given == environment_read(module_of(function))


@each_template
def test_the_stage_is_traced_and_its_log_names_no_sender(kind):
    """X-Ray traces each request from its start; the optional access log has no address, key or body."""
    stage = resources(kind)["ApiStage"]["Properties"]
    assert stage["TracingEnabled"] is True
    condition, setting, otherwise = stage["AccessLogSetting"]["Fn::If"]
    assert (condition, otherwise) == ("LogsAccess", {"Ref": "AWS::NoValue"})
    logged = set(re.findall(r"\$context\.([\w.]+)", setting["Format"]))
    assert {"requestId", "status"} <= logged
    assert not [name for name in logged if re.match("identity|authorizer|path|requestOverride", name)]
    assert defaults(kind)["ApiAccessLogs"] == "off"  # it sets a role for the whole account


@each_template
def test_a_web_acl_stands_before_the_stage(kind):
    """It is the user's, if one is named; none is created, as it costs $5 a month."""
    association = resources(kind, "AWS::WAFv2::WebACLAssociation")["WebAclAssociation"]
    assert association["Condition"] == "HasWebAcl"
    assert association["Properties"]["WebACLArn"] == {"Ref": "WebAclArn"}
    assert association["Properties"]["ResourceArn"]["Fn::Sub"].endswith("/restapis/${Api}/stages/${ApiStage}")
    assert defaults(kind)["WebAclArn"] == ""


@each_template
def test_items_expire_by_the_field_that_the_handlers_write(kind):
    """DynamoDB deletes by this field; test_items.py checks that each write sets it."""
    expiry = resources(kind)["Table"]["Properties"]["TimeToLiveSpecification"]
    assert expiry == {"AttributeName": "expires_at", "Enabled": True}
    assert f'"{expiry["AttributeName"]}": self._expires_at()' in (LAMBDAS / "items.py").read_text()


def test_reported_failures_are_retried():
    """A mapping to a handler with batchItemFailures requests them; otherwise SQS deletes failed messages."""
    reporting = set()
    for name, mapping in resources("distributed", "AWS::Lambda::EventSourceMapping").items():
        function = functions("distributed")[mapping["Properties"]["FunctionName"]["Ref"]]
        source = (LAMBDAS / f"{module_of(function)}.py").read_text(encoding="utf-8")
        asked = mapping["Properties"].get("FunctionResponseTypes", [])
        if isinstance(asked, dict):  # a parameter decides; it is on unless an experiment turns it off
            condition, asked, _ = asked["Fn::If"]
            assert condition == "ReportsPartialBatches"
        assert ("batchItemFailures" in source) == ("ReportBatchItemFailures" in asked), name
        reporting.add(name)
    assert reporting == {"QueueToProcessor", "DeadLettersToHandler"}
    assert defaults("distributed")["PartialBatchResponses"] == "on"


@each_template
def test_outputs(kind):
    """Every output of scripts and the library exists and has a description."""
    outputs = TEMPLATES[kind]["Outputs"]
    assert set(outputs) == OUTPUTS[kind]
    assert all(output["Description"] for output in outputs.values())


@each_template
def test_the_deployment_can_be_renamed(kind):
    """`Deployment0` is in its definition and in the stage, where a hash replaces its 0."""
    text = TEXTS[kind]
    assert text.count("Deployment0") == 2
    assert resources(kind)["ApiStage"]["Properties"]["DeploymentId"] == {"Ref": "Deployment0"}
    made_before = set(resources(kind)["Deployment0"]["DependsOn"])
    snapshot = ("AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse")
    served = {
        name: one.get("Condition") for type_ in snapshot for name, one in resources(kind, type_).items()
    }
    assert made_before == {name for name, condition in served.items() if not condition}
    description = str(resources(kind)["Deployment0"]["Properties"].get("Description", ""))
    for name, condition in served.items():  # DependsOn may not name what may be absent
        assert not condition or (f"${{{name}}}" in description and condition in description)


@each_template
def test_limits_are_the_contract_s(kind):
    """Limits in the template and in contract.py are equal."""
    parameters = TEMPLATES[kind]["Parameters"]
    model = resources(kind)["RequestModel"]["Properties"]["Schema"]
    assert parameters["DatapointMaxChars"]["Default"] == contract.DATAPOINT_MAX_CHARS
    assert parameters["DatapointMaxChars"]["MaxValue"] == contract.DATAPOINT_CEILING_CHARS
    assert model["properties"]["datapoints"]["maxItems"] == contract.REQUEST_MAX_DATAPOINTS


GOOD_BODIES = [
    {"data": "word"},
    {"data": "", "work": "none", "fault": "none"},
    {"run_id": "r1", "datapoints": [{"n": 0, "data": "Sed"}, {"n": 7, "data": "ut", "attempt": 2}]},
    {"run_id": "r1", "datapoints": [{"n": n, "data": "Sed"} for n in range(100)], "work": "io:100ms"},
]
BAD_BODIES = [
    {},
    [],
    "word",
    None,
    {"data": 5},
    {"data": "word", "work": 5},
    {"run_id": "r1"},
    {"run_id": 5, "datapoints": [{"n": 0, "data": "Sed"}]},
    {"run_id": "r1", "datapoints": []},
    {"run_id": "r1", "datapoints": [{"n": n, "data": "Sed"} for n in range(101)]},
    {"run_id": "r1", "datapoints": ["Sed"]},
    {"run_id": "r1", "datapoints": [{"n": -1, "data": "Sed"}]},
    {"run_id": "r1", "datapoints": [{"n": "0", "data": "Sed"}]},
    {"run_id": "r1", "datapoints": [{"n": 0}]},
    {"run_id": "r1", "datapoints": [{"n": 0, "data": "Sed", "attempt": 0}]},
    {"data": "word", "run_id": "r1", "datapoints": [{"n": 0, "data": "Sed"}]},
]


@each_template
def test_the_request_model_takes_both_forms_and_checks_shape_only(kind):
    """The original's {"data": "word"}, batches and empty datapoints pass; other forms do not."""
    schema = resources(kind)["RequestModel"]["Properties"]["Schema"]
    validator = jsonschema.Draft4Validator(schema)
    assert [body for body in GOOD_BODIES if not validator.is_valid(body)] == []
    assert [body for body in BAD_BODIES if validator.is_valid(body)] == []


def test_the_template_is_within_an_inline_body():
    """CloudFormation takes 51,200 bytes of text; a larger template would need a bucket's URL."""
    assert all(len(text.encode()) < 51_200 for text in TEXTS.values())


def test_storage_first_is_off_and_makes_no_error_an_acceptance():
    """Only SQS's 2xx is a 200; anything else, and what no pattern matches, is the default."""
    assert defaults("distributed")["StorageFirst"] == "off"
    own = {name: one for name, one in resources("distributed").items() if name.startswith("StorageFirst")}
    assert {one["Condition"] for one in own.values()} == {"StoresFirst"}
    integration = own["StorageFirstMethod"]["Properties"]["Integration"]
    answers = {one["StatusCode"]: one.get("SelectionPattern") for one in integration["IntegrationResponses"]}
    assert answers == {"200": r"2\d{2}", "503": None}
    assert integration["PassthroughBehavior"] == "NEVER"


def test_the_distributed_map_is_off_and_each_failure_of_it_ends_as_a_dead_letter():
    """Throttles are retried first and apart; the map itself tolerates any number of failures."""
    assert defaults("distributed")["DistributedMap"] == "off"
    own = {name: one for name, one in resources("distributed").items() if name.startswith("Map")}
    assert {one["Condition"] for one in own.values()} == {"HasMap"}
    text, numbers = own["MapMachine"]["Properties"]["DefinitionString"]["Fn::Sub"]
    tries = TEMPLATES["distributed"]["Parameters"]["MaxReceives"]["MaxValue"]
    assert numbers["Retries"]["Fn::Select"][1] == ["", *range(tries)]  # a retry less than tries
    state = json.loads(re.sub(r'(?<!")\$\{\w+\}', "1", text))["States"]["Map"]
    assert state["ToleratedFailurePercentage"] == 100
    states = state["ItemProcessor"]["States"]
    retried = [retrier["ErrorEquals"][0] for retrier in states["Process"]["Retry"]]
    assert retried == ["Lambda.TooManyRequestsException", map_line_error(), "States.ALL"]
    [catcher] = states["Process"]["Catch"]
    assert catcher == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "DeadLetter"}
    assert "since" in states["DeadLetter"]["Parameters"]["MessageAttributes"]


def map_line_error():
    """Name of the exception that the processor raises for a line without time, as Lambda reports it."""
    tree = ast.parse((LAMBDAS / "map_line.py").read_text(encoding="utf-8"))
    [name] = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and "Time" in node.name]
    return name
