"""Poll in a thread beside a run; a poll that fails must not end the run."""

import contextlib
import threading
from collections.abc import Callable

JOIN_S = 1.0  # a poll that takes longer ends with the process


class Poller:
    """Call a function at intervals in a thread, from `start` to `stop`.

    Args:
        poll: Returns the seconds until its next call; after an error of AWS they stay as they were.
        name: Of the thread.
        first_s: Seconds until the first call.
    """

    def __init__(self, poll: Callable[[], float], *, name: str, first_s: float) -> None:
        self._poll, self._wait_s, self._ended = poll, first_s, threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_ended(self) -> bool:
        return self._ended.is_set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the polling; does nothing before `start`."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)

    def _run(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        from lambdist_lib.errors import LambdistError

        while not self._ended.wait(self._wait_s):
            with contextlib.suppress(BotoCoreError, ClientError, LambdistError):
                self._wait_s = self._poll()
