"""Require what the limits of a shell (`ulimit`) must leave, and keep them out of the local cloud."""

import contextlib
import os
import sys

from lambdist_lib.errors import LambdistError, LocalCloudError

LIMITS = (  # name in `resource`, option of ulimit, its unit, what the local cloud needs, in words
    ("RLIMIT_NOFILE", "n", 1, 512, "open files"),
    ("RLIMIT_AS", "v", 1024, 4 * 2**30, "KiB of memory"),
    ("RLIMIT_DATA", "d", 1024, 4 * 2**30, "KiB of data"),
    ("RLIMIT_FSIZE", "f", 1024, 2**30, "KiB per file"),
    ("RLIMIT_CPU", "t", 1, 86_400, "seconds of processor time"),
)
FILES_MAX = 65_536  # macOS takes no "unlimited" for open files
NO_LIMIT = float("inf")
# Address space of a command: 750 MB after the imports, and more while it reads and draws. OpenBLAS, in numpy
# and in scipy, maps 32 MiB for each core, and where that fails it tries without end, inside the import (seen
# at 0.6 and at 1.5 GB, not at 1.8 GB).
COMMAND_BYTES, CORE_BYTES = 2**31, 2**26


def raise_and_require() -> None:
    """Raise this process's limits as far as it may, for the processes that it starts.

    Raises:
        LocalCloudError: A limit stays too small for the local cloud.
    """
    if sys.platform == "win32":
        return
    import resource

    for name, option, unit, needed, words in LIMITS:
        number = getattr(resource, name)
        soft, hard = (_finite(value) for value in resource.getrlimit(number))
        wanted = min(hard, FILES_MAX) if name == "RLIMIT_NOFILE" else hard
        if soft < wanted:
            with contextlib.suppress(ValueError, OSError):
                new = resource.RLIM_INFINITY if wanted == NO_LIMIT else int(wanted)
                resource.setrlimit(number, (new, resource.getrlimit(number)[1]))
                soft = wanted
        if soft < needed:
            raise LocalCloudError(
                f"the local cloud does not start in this shell: it allows {int(soft // unit)} {words}, and "
                f"{needed // unit} are needed; run `ulimit -{option} {needed // unit}`, or use a new shell"
            )


def require_memory(cores: int | None = None) -> None:
    """Refuse a command that this shell's limit of memory would let hang.

    Args:
        cores: Of this machine; None asks the system.

    Raises:
        LambdistError: The limit is too small; the message has the command that raises it.
    """
    try:
        import resource
    except ImportError:  # Windows
        return

    needed = COMMAND_BYTES + CORE_BYTES * (cores or os.cpu_count() or 1)
    if (allowed := _finite(resource.getrlimit(resource.RLIMIT_AS)[0])) < needed:
        raise LambdistError(
            f"out of memory: this shell allows {int(allowed // 1024)} KiB, and {needed // 1024} are needed; "
            f"run `ulimit -v {needed // 1024}`, or use a new shell"
        )


def _finite(value: int) -> float:
    return NO_LIMIT if value < 0 or value >= 2**62 else value
