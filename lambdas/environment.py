"""The execution environment that a handler runs in: its id, its init, its first invocation.

Every handler imports this module first, so that the init clock sees boto3, the clients
and whatever `processing.py` does at module level. On AWS the runtime's own start-up comes
before; the REPORT line's Init Duration has it.
"""

import time
import uuid
from typing import Any

_born = time.perf_counter()
_id = uuid.uuid4().hex[:12]
_init_s: float | None = None
_used = False


def initialised() -> None:
    """Stop the init clock; the last line of a handler's module level."""
    global _init_s
    _init_s = round(time.perf_counter() - _born, 6)


def invocation(context: Any) -> dict[str, Any]:
    """What one invocation says of itself in its log line, its answer and the items that it writes.

    `cold` is true for the first invocation of an environment and belongs to the
    invocation: one cold batch of ten is one cold start.
    """
    global _used
    cold, _used = not _used, True
    return {"request_id": context.aws_request_id, "environment_id": _id, "cold": cold, "init_s": _init_s}
