"""Keep the limits of one shell (`ulimit`) out of the local cloud, which later shells use, too."""

import contextlib
import sys

from lambdist_lib.errors import LocalCloudError

LIMITS = (  # name in `resource`, option of ulimit, its unit, what the local cloud needs, in words
    ("RLIMIT_NOFILE", "n", 1, 512, "open files"),
    ("RLIMIT_AS", "v", 1024, 4 * 2**30, "KiB of memory"),
    ("RLIMIT_DATA", "d", 1024, 4 * 2**30, "KiB of data"),
    ("RLIMIT_FSIZE", "f", 1024, 2**30, "KiB per file"),
    ("RLIMIT_CPU", "t", 1, 86_400, "seconds of processor time"),
)
FILES_MAX = 65_536  # macOS takes no "unlimited" for open files
NO_LIMIT = float("inf")


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


def _finite(value: int) -> float:
    return NO_LIMIT if value < 0 or value >= 2**62 else value
