"""Read the parameters of a stack that a run records beside its conditions."""

SETTINGS = (  # those that a prediction needs and that no column of the runs has
    "processor_timeout_seconds",
    "queue_window_seconds",
    "visibility_timeout_seconds",
    "max_receives",
    "retry_delay_seconds",
    "permanent_at_once",
    "map_children",
    "architecture",
    "experiment_controls",
    "throttle_rate",
    "throttle_burst",
    "quota_requests",
    "quota_period",
)


def parse_settings(text: object) -> dict[str, str]:
    """Return the settings in the text that a run has of them; none for a run of an older version.

    >>> parse_settings("max_receives=2 architecture=arm64")
    {'max_receives': '2', 'architecture': 'arm64'}
    """
    return dict(part.split("=", 1) for part in text.split()) if isinstance(text, str) else {}
