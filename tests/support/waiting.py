"""Wait for what another process or the cloud does."""

import time


def eventually(condition, timeout_s=30.0, *, every_s=0.02):
    """What `condition()` gives once it is true, or at last."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(every_s)
    return value
