"""Why each permission is there, and which of them a local cloud was seen to enforce."""

ENFORCED, DERIVED, UNPROVABLE = "enforced", "derived", "not provable here"

# Taken away in turn on a local cloud that enforces them: exactly the step that needs it fails
TAKEN_AWAY = {
    ("CollectorRole", "sqs:SendMessage", "Queue"),
    ("ProcessorRole", "sqs:ChangeMessageVisibility", "Queue"),
    ("ProcessorRole", "sqs:DeleteMessage", "Queue"),
    ("ProcessorRole", "sqs:SendMessage", "DeadLetterQueue"),
    ("ProcessorRole", "sqs:SendMessage", "Queue"),
    ("ProcessorRole", "dynamodb:GetItem", "Table"),
    ("ProcessorRole", "dynamodb:UpdateItem", "Table"),
    ("DeadLetterRole", "dynamodb:GetItem", "Table"),
    ("DeadLetterRole", "dynamodb:UpdateItem", "Table"),
    ("DeadLetterRole", "sns:Publish", "Topic"),
    ("SingleNodeRole", "dynamodb:UpdateItem", "Table"),
}
# Calls of the library's own that were made, and then refused without their permission
CALLS_TAKEN_AWAY = {
    f"{service}:{name}"
    for service, names in {
        "apigateway": "GET",
        "cloudformation": "CreateChangeSet DescribeChangeSet ExecuteChangeSet DeleteStack DescribeStackEvents"
        " DescribeStacks ListStackResources",
        "cloudwatch": "DescribeAlarms",
        "dynamodb": "ListTables Query Scan UpdateItem",
        "iam": "ListRoles ListRoleTags",
        "lambda": "GetFunctionConfiguration InvokeFunction ListEventSourceMappings ListFunctions"
        " PutFunctionConcurrency UpdateFunctionConfiguration",
        "logs": "DescribeLogGroups FilterLogEvents",
        "s3": "CreateBucket DeleteBucket DeleteObject GetBucketTagging GetObject ListAllMyBuckets ListBucket"
        " ListBucketVersions PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning"
        " PutEncryptionConfiguration PutLifecycleConfiguration PutObject",
        "sns": "ListTopics",
        "sqs": "GetQueueAttributes ListQueues",
        "states": "DescribeExecution ListStateMachines",
        "tag": "GetResources",
    }.items()
    for name in names.split()
}

# Tried by test_a_direct_sender_needs_its_policy_and_no_other
SIGNED_AND_DENIED = {"WriteToQueue", "InvokeSingleNode"}
FOR_THE_LIBRARY = {  # statements on what the library itself calls; the others are for CloudFormation
    *("Stacks", "ArtifactBucket", "Artifacts", "FindStacks", "ReadApiKey"),
    *("MakeColdAndThrottle", "WatchQueues", "FetchAndRedrive", "ReadLogs"),
    *("Quotas", "QuotasOfApis", "ListLeaks", "ListLogGroups", "ListAlarms", "ListStacks", "TagsOfRoles"),
}

WHY = {
    "logs:CreateLogStream": "Lambda keeps what the function prints",
    "logs:PutLogEvents": "Lambda keeps what the function prints",
    "xray:PutTraceSegments": "Lambda sends the trace of each invocation",
    "xray:PutTelemetryRecords": "Lambda sends the trace of each invocation",
    "sqs:ReceiveMessage": "the mapping polls with this role",
    "sqs:GetQueueAttributes": "the mapping polls with this role",
    "sqs:DeleteMessage": "the mapping deletes what is done with this role",
    "sns:Publish": "the digest",
    "kms:Decrypt": "publishing to a topic that a customer key encrypts",
    "kms:GenerateDataKey": "publishing to a topic that a customer key encrypts",
    "CollectorRole sqs:SendMessage Queue": "queues each good datapoint; tried as sqs:SendMessageBatch, "
    "the local cloud's name for it",
    "ProcessorRole sqs:ChangeMessageVisibility Queue": "releases a failed message after its delay",
    "ProcessorRole sqs:DeleteMessage Queue": "deletes what it has handed on; the mapping, what is done",
    "ProcessorRole sqs:SendMessage DeadLetterQueue": "a permanent failure goes there at once",
    "ProcessorRole sqs:SendMessage Queue": "hands on a message whose batch gave it no chance",
    "ProcessorRole dynamodb:GetItem Table": "looks whether an earlier receive left a trace",
    "ProcessorRole dynamodb:UpdateItem Table": "stores results, and attempts that failed",
    "DeadLetterRole dynamodb:GetItem Table": "reads what the attempts left, to tell the cause",
    "DeadLetterRole dynamodb:UpdateItem Table": "writes down the death",
    "SingleNodeRole dynamodb:UpdateItem Table": "stores results, failed attempts and deaths",
}
WHY["StorageFirstRole sqs:SendMessage Queue"] = "API Gateway queues each datapoint, with `storage_first` on"
WHY |= {
    "MapRole s3:GetObject ": "the state machine reads a run's file, with `distributed_map` on",
    "MapRole lambda:InvokeFunction Processor": "its children hand their line to the processor",
    "MapRole sqs:SendMessage DeadLetterQueue": "a child whose tries are used up sends its line there",
    "MapRole states:StartExecution MapMachine": "a map's children are executions of its machine",
    "MapRole states:DescribeExecution ": "the map follows its children",
    "MapRole states:StopExecution ": "the map ends its children if it is stopped",
}
WHY_OF_STATEMENT = {
    "Stacks": "change sets, their events, and the end",
    "ArtifactBucket": "the bucket of the functions' zips is made, shut and removed",
    "Artifacts": "zips are put there, seen by Lambda, and removed",
    "Apis": "API, key and usage plan are made",
    "ApiContents": "what is in the API: its path, model, methods, answers, snapshot and stage",
    "ApiKeys": "the key",
    "UsagePlans": "the usage plan, with the key in it",
    "ApiTags": "the stack's tags on them",
    "Functions": "functions, the right of the API to call them, their places; one call, to see them start",
    "CreateMapping": "queue to function",
    "Mappings": "queue to function",
    "MappingTags": "the stack's tags on it",
    "Queues": "queue and dead-letter queue with their policies",
    "Tables": "the table of results",
    "Topics": "topic, its policy and subscriptions",
    "Alarms": "four alarms",
    "LogGroups": "a log group for each function",
    "DescribeLogs": "CloudFormation looks whether it is there",
    "BoundedRoles": "a role for each function, only inside the boundary",
    "Roles": "the same roles; nothing here widens one",
    "PassToLambda": "a function gets its role; no other service does",
    "AccountSetting": "API Gateway writes access logs with a role of the account's",
    "AccountRole": "that role; its trust is the template's",
    "AccountRolePolicy": "that role gets AWS's own policy for it, and can get no other",
    "PassToApiGateway": "the account's setting gets that role; with `storage_first` the API gets its own",
    "WriteToQueue": "the arm `queue_client` writes its messages itself",
    "UploadRun": "the arm `distributed_map` uploads the file, and deletes it when the run has ended",
    "StartMap": "the arm `distributed_map` starts an execution",
    "WatchMap": "whether its map has ended",
    "CountMap": "how many of its children are under way",
    "Machines": "the state machine, with `distributed_map` on",
    "PassToStepFunctions": "it gets its role; no other service does",
    "InvokeSingleNode": "the arm `invoke` calls the function itself",
    "WebAclOfStage": "a web ACL before the stage",
    "WebAcl": "a web ACL before the stage",
    "WebAclAndStage": "a web ACL before the stage",
    "FindStacks": "URL, table and queue of a stack",
    "ReadApiKey": "the API key's value, held in memory only",
    "MakeColdAndThrottle": "fresh environments for cold runs; places taken away by the fault `throttle`",
    "WatchQueues": "whether a run has ended",
    "FetchAndRedrive": "results; runs that were not fetched; a mark on redriven datapoints",
    "ReadLogs": "one line of each invocation",
    "Quotas": "how many Lambdas the account may run at once; without it a deploy goes on",
    "QuotasOfApis": "how many requests a second its APIs take; without it a deploy goes on",
    "ListLeaks": "what any run has left; without it that kind is `unknown` in `lambdist leaks`",
    "ListLogGroups": "what any run has left",
    "ListAlarms": "what any run has left",
    "ListStacks": "all stacks with their tags, and what is a part of them",
    "TagsOfRoles": "whose a role is, and of which Region",
}
LISTS = "AWS has no resource for a list of all"
WHY_WHOLE = {
    "xray:PutTraceSegments": "X-Ray has no resource for it",
    "xray:PutTelemetryRecords": "X-Ray has no resource for it",
    "lambda:CreateEventSourceMapping": "Lambda has no resource for it; a condition names the functions",
    "lambda:GetAccountSettings": "it is of the whole account",
    **dict.fromkeys(
        (
            "dynamodb:ListTables", "iam:ListRoles", "lambda:ListEventSourceMappings", "lambda:ListFunctions",
            "logs:DescribeIndexPolicies", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
            "s3:ListAllMyBuckets", "sns:ListTopics", "sqs:ListQueues", "states:ListStateMachines",
            "tag:GetResources",
        ),
        LISTS,
    ),
}  # fmt: skip
NOT_IDENTITIES = [  # not a statement of a role or a managed policy
    (
        "every role of a function", "sts:AssumeRole by lambda.amazonaws.com", "the role",
        "Lambda alone takes it on", UNPROVABLE,
    ),
    (
        "ApiAccountRole, StorageFirstRole", "sts:AssumeRole by apigateway.amazonaws.com", "the role",
        "API Gateway alone takes it on", UNPROVABLE,
    ),
    (
        "MapRole", "sts:AssumeRole by states.amazonaws.com", "the role", "Step Functions alone takes it on",
        UNPROVABLE,
    ),
    (
        "CollectorPermission, SingleNodePermission", "lambda:InvokeFunction by apigateway.amazonaws.com",
        "the function", "only POST on the path of this API calls it", UNPROVABLE,
    ),
    (
        "QueuePolicy, DeadLetterQueuePolicy", "denies sqs:* without TLS", "the queue",
        "nothing travels readable", ENFORCED,
    ),
    ("TopicPolicy", "denies sns:Publish without TLS", "the topic", "nothing travels readable", ENFORCED),
    (
        "TopicPolicy", "sns:Publish by cloudwatch.amazonaws.com", "the topic",
        "alarms of this account", UNPROVABLE,
    ),
]  # fmt: skip
