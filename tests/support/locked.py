"""Whether the lock of a target's stacks is held, as another process would see it."""

from concurrent.futures import ThreadPoolExecutor

from lambdist_lib.cloud import locks
from lambdist_lib.errors import BusyError


def is_locked(target) -> bool:
    """Try the lock in a thread, to which the locks of this one are another's."""

    def attempt() -> bool:
        try:
            with locks.stacks(target, "a test", timeout_s=0.0, log=lambda line: None):
                return False
        except BusyError:
            return True

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(attempt).result()
