"""What is known of a run while it goes on, at a price that the run does not feel.

The client knows what it has sent. What became of it stands in the queue and the table, and to
look there takes requests from those who do the work: a thread looks, for the first time when
most runs are over, and never for more than a hundredth of the run's time. On AWS it asks for
the queue's depth only: counting a table costs money.
"""

import threading
import time
from collections.abc import Callable
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from lambdist_lib import settling
from lambdist_lib.counts import Counts
from lambdist_lib.receipts import Tally
from lambdist_lib.settling import Depth
from lambdist_lib.stacks import Stack
from lambdist_lib.targets import Target

FIRST_LOOK_S = 1.0
LOOK_EVERY_S = 1.0
SHARE = 0.01  # of the time, at most, that looks take
TROUBLES = ("rejected", "refused", "unknown", "retries")

Watch = Callable[[Counts], None]


class Watching:
    """Tells `watch` about one run of `submitted` datapoints, of which `before` were settled already.

        with Watching(watch, submitted=131) as watching:
            submission.submit(..., watch=watching.sending)

    Args:
        watch: None where nobody sees it: then nobody looks.
        where: Target, stack and run id whose queue and table may be looked at.
        is_queued: Whether an accepted datapoint is still to be processed; else it is stored.
    """

    def __init__(
        self,
        watch: Watch | None,
        *,
        submitted: int,
        before: int = 0,
        request_batch: int = 1,
        is_queued: bool = True,
        where: tuple[Target, Stack, str] | None = None,
    ) -> None:
        self._watch, self._where = watch, where
        self._submitted, self._before, self._batch = submitted, before, request_batch
        self._is_queued = is_queued
        self._tally, self._queued, self._dead = Tally(), None, None  # type: Tally, Depth | None, int | None
        self._began_s, self._ended = time.perf_counter(), threading.Event()
        self._looker: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._began_s = time.perf_counter()
        if self._watch and self._where and self._is_queued:
            target, *_ = self._where
            for service in ("sqs", "dynamodb"):
                target.client(service)  # made here: a session is not to be shared between threads
            self._looker = threading.Thread(target=self._look, name="watching", daemon=True)
            self._looker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._looker:
            self._looker.join(1.0)

    def sending(self, tally: Tally) -> None:
        self._tally = tally
        self._tell("sending")

    def waiting(self, queued: Depth) -> None:
        self._queued = queued
        self._tell("waiting for the queue" if self._is_queued else "waiting")

    def collecting(self) -> None:
        self._tell("collecting")

    def _tell(self, doing: str) -> None:
        if self._watch:
            self._watch(self._counts(doing))

    def _counts(self, doing: str) -> Counts:
        tally, settled, dead = self._tally, None, self._dead  # type: Tally, int | None, int | None
        accepted = self._before + tally.accepted
        if not self._is_queued:
            settled, dead = accepted + tally.dead, tally.dead
        elif self._queued:
            settled = max(0, accepted - self._queued.total)
        under_way = tally.in_flight * self._batch
        return Counts(
            doing=doing,
            submitted=self._submitted,
            answered=self._before + tally.settled,
            settled=settled,
            dead=dead,
            in_flight=under_way + (accepted + tally.dead - settled) if settled is not None else None,
            requests=tally.in_flight,
            in_work=self._queued.in_work if self._queued else None,
            troubles=tuple((name, count) for name in TROUBLES if (count := getattr(tally, name))),
            took_s=time.perf_counter() - self._began_s,
        )

    def _look(self) -> None:
        """Runs in a thread, with clients of its own connections."""
        assert self._where
        target, stack, run_id = self._where
        wait_s = FIRST_LOOK_S
        while not self._ended.wait(wait_s):
            began_s = time.perf_counter()
            try:
                self._queued = settling.depth(target, stack)
                if target.name == "local":
                    self._dead = settling.count_dead(target, stack, run_id, is_enough=self._ended.is_set)
            except (BotoCoreError, ClientError):
                self._queued = None  # who looks on is no reason for a run to end
            wait_s = max(LOOK_EVERY_S, (time.perf_counter() - began_s) / SHARE)
