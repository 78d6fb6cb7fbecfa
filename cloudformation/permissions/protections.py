"""What protects data, keys and the account: how, and which test tries it.

A test is named by its function; where none can try it, the row says whose word it is.
"""

AWS_SAYS = "AWS's documentation says so"

PROTECTIONS = [  # what, how, tests or whose word
    (
        "queues at rest", "encrypted by keys of SQS's own (SSE-SQS)",
        "test_data_at_rest_is_encrypted",
    ),
    (
        "topic at rest",
        "encrypted by a key of yours, `topic_key_arn`: AWS's own key for SNS would let no alarm in. "
        "Without one SNS keeps messages on encrypted disks; they hold counts and causes, no payload, unless "
        "`digest_examples` asks for it",
        "test_data_at_rest_is_encrypted test_the_mail_counts_by_cause_and_run_and_quotes_no_payload",
    ),
    (
        "table at rest", "encrypted by AWS's key for DynamoDB in the account's KMS",
        "test_data_at_rest_is_encrypted",
    ),
    (
        "artifact bucket",
        "SSE-S3, no public access, every version kept and expired after a while, only ever of this account",
        "test_the_bucket_is_private_versioned_encrypted_and_expires",
    ),
    ("logs and traces at rest", "CloudWatch Logs and X-Ray encrypt all that they keep; no setting", AWS_SAYS),
    (
        "in transit",
        "API Gateway speaks HTTPS only; queues, topic and bucket refuse what comes without TLS",
        "test_queues_and_topic_refuse_plain_http "
        "test_plain_http_is_refused_by_the_policies_that_demand_tls",
    ),
    (
        "API key",
        "read from API Gateway at run time, held in an object that neither prints, logs, copies nor pickles; "
        "never in a template's output, a run's folder or a command line",
        "test_writing_it_shows_nothing test_what_would_take_it_along_does_not "
        "test_no_file_of_a_run_has_a_key",
    ),
    (
        "what a stranger can send",
        "nothing without the key; with it a body of one shape, several datapoints in at most 256 KiB, "
        "a quota and a rate; `web_acl_arn` puts a web ACL of yours before the stage",
        "test_posting_takes_a_key_and_a_checked_body "
        "test_the_request_model_takes_both_forms_and_checks_shape_only test_the_request_model_is_enforced "
        "test_a_request_beyond_the_size_limit_is_rejected_whole test_a_web_acl_stands_before_the_stage",
    ),
    (
        "who did what",
        "traces of every function and of the API's stage; with `api_access_logs` a line for each request, "
        "without its sender's address, key or body",
        "test_a_function_is_traced_and_its_handler_exists "
        "test_the_stage_is_traced_and_its_log_names_no_sender",
    ),
    (
        "how long data stays",
        "items `item_days`, logs `log_retention_days`, messages 4 and 14 days; all goes with the stack",
        "test_items_expire_by_the_field_that_the_handlers_write test_log_groups_expire",
    ),
    (
        "committed files",
        "no key, token, account id, home folder or registry's name in any of them, results, notebooks' "
        "outputs and packed tables included",
        "test_the_scan_finds test_the_scan_reads_what_a_notebook_printed "
        "test_no_committed_file_holds_what_is_forbidden",
    ),
]  # fmt: skip


def rows() -> list[tuple[str, str, str]]:
    """Rows of the page, tests as code."""
    return [
        (what, how, tried if tried == AWS_SAYS else ", ".join(f"`{name}`" for name in tried.split()))
        for what, how, tried in PROTECTIONS
    ]


def tests() -> set[str]:
    """The names of all tests that rows rest on."""
    return {name for _, _, tried in PROTECTIONS if tried != AWS_SAYS for name in tried.split()}
