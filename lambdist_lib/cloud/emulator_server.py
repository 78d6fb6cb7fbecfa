"""Serve the emulator by uvicorn, whose parser is in C.

The emulator's own server, hypercorn, parses and writes HTTP in Python, which takes a fifth of the CPU time
that the emulator spends on a datapoint.
"""

from types import ModuleType
from typing import Any

GRACE_S = 1  # as long as the supervisor leaves it


def patch(hypercorn: ModuleType) -> None:
    """Put this server in the place of `hypercorn.asyncio.serve`, before the emulator takes that."""
    hypercorn.serve = serve  # type: ignore[attr-defined]


async def serve(app: Any, config: Any) -> None:
    """Serve an ASGI application until SIGTERM.

    Args:
        config: hypercorn's; its first address and its `keep_alive_timeout` in seconds are used.
    """
    import uvicorn

    host, _, port = config.bind[0].rpartition(":")
    options = uvicorn.Config(
        app,
        host,
        int(port),
        http="httptools",
        ws="none",  # no stack of ours has a WebSocket API
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,  # the emulator writes the headers of AWS
        date_header=False,
        timeout_keep_alive=round(config.keep_alive_timeout),
        timeout_graceful_shutdown=GRACE_S,
    )
    await uvicorn.Server(options).serve()
