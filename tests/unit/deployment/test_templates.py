"""Settings in Python's spelling become the templates' parameters."""

import pytest

from lambdist_lib.deployment import templates
from lambdist_lib.errors import UsageError


def test_settings_become_parameters_of_their_template():
    """Spelling and types become CloudFormation's; settings of the other stack are left out."""
    settings = {"memory_mb": 256, "experiment_controls": True, "queue_batch": "10", "require_tls": False}

    assert templates.to_parameters("distributed", settings) == {
        "MemoryMb": "256", "ExperimentControls": "on", "QueueBatch": "10", "RequireTls": "off",
    }  # fmt: skip
    assert templates.to_parameters("single_node", settings) == {"MemoryMb": "256", "ExperimentControls": "on"}


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("memmory_mb", 256, r"unknown setting 'memmory_mb' \(did you mean memory_mb\?\)"),
        ("colour", "red", "unknown setting 'colour'; known: .*architecture"),
        ("memory_mb", 127, "memory_mb is 127; write a whole number from 128 to 10240"),
        ("memory_mb", "10241", "memory_mb is 10241; write"),
        ("memory_mb", 256.5, "memory_mb is 256.5; write a whole number"),
        ("memory_mb", "-128", "memory_mb is -128; write"),
        ("memory_mb", "256\n", "write a whole number"),
        ("memory_mb", True, "memory_mb is on; write a whole number"),
        ("runtime", "python2.7", "runtime is 'python2.7'; write one of python3.11"),
        ("experiment_controls", "yes", "experiment_controls is 'yes'; write one of on, off"),
        ("notify_email", "nobody", "notify_email is 'nobody'; E-mail address"),
        ("notify_email", "a@b,nobody", "notify_email2 is 'nobody'; A second address"),
        (
            "notify_email",
            "a@b,b@b,c@b,d@b",
            "has 4 addresses, at most 3 are possible: use a mailing list",
        ),
        ("log_retention_days", 2, "log_retention_days is '2'; write one of 1, 3, 5"),
        ("datapoint_pattern", "[", r"datapoint_pattern '\[' is not a regular expression"),
    ],
)
def test_an_invalid_setting_is_a_usage_error(setting, value, message):
    """Misspelt names and values out of bounds, choices or patterns fail before CloudFormation."""
    with pytest.raises(UsageError, match=message):
        templates.to_parameters("distributed", {setting: value})


def test_several_addresses_are_one_setting():
    """Commas with or without spaces separate them; a single address is unchanged."""
    assert templates.to_parameters("distributed", {"notify_email": "a@b, c@d"}) == {
        "NotifyEmail": "a@b",
        "NotifyEmail2": "c@d",
    }
    assert templates.to_parameters("distributed", {"notify_email": "a@b"}) == {"NotifyEmail": "a@b"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ProcessorTimeoutSeconds": "31"}, "visibility_timeout_seconds is 180, .* at least 186"),
        ({"QueueWindowSeconds": "1"}, "at least 181"),
        ({"DigestWindowSeconds": "300"}, "dead_letter_visibility_seconds is 240, .* at least 480"),
    ],
)
def test_visibility_covers_timeouts_and_window(values, message):
    """Below six timeouts and the window, slow batches would be delivered twice."""
    templates.require_visibility({})  # the defaults keep the rule

    with pytest.raises(UsageError, match=message):
        templates.require_visibility(values)


@pytest.mark.parametrize(
    "values", [{"ProcessorTimeoutSeconds": "60"}, {"MaxReceives": "9"}, {"RetryDelaySeconds": "20"}]
)
def test_tries_of_an_express_child_fit_its_five_minutes(values):
    """Otherwise Step Functions would end it without a dead letter; Standard children may take longer."""
    templates.require_map_time({"DistributedMap": "on"})  # the defaults keep the rule
    templates.require_map_time(values)  # without a map there is no such child
    templates.require_map_time({**values, "DistributedMap": "on", "MapChildren": "STANDARD"})

    with pytest.raises(UsageError, match="map_children=STANDARD"):
        templates.require_map_time({**values, "DistributedMap": "on"})


def test_only_a_changed_api_gets_a_new_deployment():
    """API Gateway serves a snapshot, which CloudFormation replaces only under a new logical id."""
    for kind in templates.KINDS:
        body = templates.body(kind)
        assert "Deployment0:" not in body
        assert templates.body(kind) == body
        assert templates.body(kind, {"ResourcePath": "words"}) != body


@pytest.mark.parametrize("kind", templates.KINDS)
def test_every_default_is_a_valid_setting(kind):
    """The defaults are within the bounds."""
    defaults = templates.defaults(kind)
    settings = {templates._setting(name): value for name, value in defaults.items()}

    assert templates.to_parameters(kind, settings) == defaults
