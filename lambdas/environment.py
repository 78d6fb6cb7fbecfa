"""The execution environment of a handler: its id, its init duration, its first invocation.

Every handler imports this module first, so that the init clock covers boto3, the clients
and the module level of `processing.py`. On AWS the runtime starts before that; the REPORT
line's Init Duration includes it.

What an init imports stays: looking for garbage among it takes a fifth of the init, so that begins after it,
and leaves it out.
"""

import contextlib
import gc
import time
import uuid
from typing import Any

_born = time.perf_counter()
gc.disable()
_id = uuid.uuid4().hex[:12]
_init_s: float | None = None
_used = False


def initialised() -> None:
    """Stop the init clock; call it last at a handler's module level."""
    global _init_s
    gc.freeze()
    gc.enable()
    _init_s = round(time.perf_counter() - _born, 6)


def invocation(context: Any) -> dict[str, Any]:
    """Describe this invocation for its log line, its response and the items that it writes.

    `cold` is true for the first invocation of an environment: one cold batch of ten
    datapoints is one cold start.
    """
    global _used
    cold, _used = not _used, True
    return {"request_id": context.aws_request_id, "environment_id": _id, "cold": cold, "init_s": _init_s}


def log(line: str) -> None:
    """Print a log line if process() has not closed standard output: its results are stored anyway."""
    with contextlib.suppress(OSError, ValueError):
        print(line)
