"""Report a run's progress without slowing it down.

The client knows what it has sent; the queue and the table know the outcomes. Polling them takes
CPU time from the pipeline, so a thread polls for the first time after a second, makes one small
call after another, and spends at most a hundredth of the run's time. On AWS it reads the queue's
depth only: counting a table costs money.
"""

import collections
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.queue_depth import QueueDepth
from lambdist_lib.progress import RunProgress
from lambdist_lib.protocol.contract import SHARDS, shard_keys
from lambdist_lib.submission.receipts import SubmissionCounts

if TYPE_CHECKING:  # an API outside this project has no stack, and needs no boto3
    from lambdist_lib.deployment.stacks import Stack
    from lambdist_lib.runs.machine import Meter

POLL_EVERY_S = 1.0
SHARE = 0.01  # of a run's time that polls may take together
PROBLEMS = ("rejected", "not_accepted", "unknown", "retries")

Watch = Callable[[RunProgress], None]


class Monitor:
    """Report one run of `submitted` datapoints, of which `before` were settled already.

        with Monitor(watch, submitted=131) as monitor:
            client.submit(..., watch=monitor.sending)

    Args:
        watch: Called with each RunProgress; None polls nothing.
        where: Target, stack and run id whose queue and table may be polled.
        depth: Counts what is in flight; by default the stack's queued messages.
        meter: Takes a sample of the CPU times now and then.
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
        where: "tuple[Target, Stack, str] | None" = None,
        depth: Callable[[], QueueDepth] | None = None,
        meter: "Meter | None" = None,
    ) -> None:
        self._meter = meter
        self._watch, self._where, self._depth = watch, where, depth
        self._submitted, self._before, self._batch = submitted, before, request_batch
        self._is_queued = is_queued
        self._tally, self._queued = SubmissionCounts(), QueueDepth()
        self._settled: int | None = None
        self._dead: int | None = None
        self._began_s, self._spent_s, self._ended = time.perf_counter(), 0.0, threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._began_s = time.perf_counter()
        if self._watch and self._where and self._is_queued:
            target, *_ = self._where
            for service in ("sqs", "dynamodb"):
                target.client(service)  # made here: a session must not be shared between threads
            self._thread = threading.Thread(target=self._poll, name="monitor", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join(1.0)

    def sending(self, tally: SubmissionCounts) -> None:
        self._tally = tally
        self._sample()
        self._tell("sending")

    def waiting(self, queued: QueueDepth) -> None:
        self._note(queued, self._tally.accepted)
        self._sample()
        self._tell("waiting for the queue" if self._is_queued else "waiting")

    def collecting(self) -> None:
        self._sample(now=True)
        self._tell("collecting")

    def _note(self, queued: QueueDepth, accepted: int) -> None:
        """Count what was accepted before the poll and is not queued as settled."""
        self._queued = queued
        if sent := self._before + accepted:
            self._settled = max(self._settled or 0, sent - queued.total)

    def _sample(self, *, now: bool = False) -> None:
        if self._meter:
            self._meter.sample(now=now)

    def _tell(self, phase: str) -> None:
        if self._watch:
            self._watch(self._counts(phase))

    def _counts(self, phase: str) -> RunProgress:
        tally, settled, dead = self._tally, self._settled, self._dead
        accepted = self._before + tally.accepted
        if not self._is_queued:
            settled, dead = accepted + tally.dead, tally.dead
        waiting = self._queued.total or None if settled is None else accepted + tally.dead - settled
        return RunProgress(
            phase=phase,
            submitted=self._submitted,
            answered=self._before + tally.settled,
            settled=settled,
            dead=dead,
            in_flight=None if waiting is None else tally.in_flight * self._batch + waiting,
            requests=tally.in_flight,
            processing=self._queued.in_work,
            problems=tuple((name, count) for name in PROBLEMS if (count := getattr(tally, name))),
            elapsed_s=time.perf_counter() - self._began_s,
        )

    def _poll(self) -> None:
        """Poll in a thread, over connections made for it."""
        from botocore.exceptions import BotoCoreError, ClientError

        from lambdist_lib.deployment import queue_depth
        from lambdist_lib.runs import completion

        assert self._where
        target, stack, run_id = self._where
        depth = self._depth or (lambda: queue_depth.queue_depth(target, stack))
        dead: dict[str, int] = {}
        shards = collections.deque(shard_keys(run_id) if target.name == "local" else [])
        while not self._ended.wait(POLL_EVERY_S):
            if not self._can_afford():
                continue
            try:
                with self._paid():
                    accepted = (
                        self._tally.accepted
                    )  # read before the poll: what is accepted meanwhile counts as queued
                    self._note(depth(), accepted)
                for _ in range(len(shards)):
                    if not self._can_afford():
                        break
                    with self._paid():
                        dead[shards[0]] = completion.count_dead(target, stack, shards[0])
                    shards.rotate(-1)
            except (BotoCoreError, ClientError):
                continue  # a failed progress check must not end the run
            self._dead = sum(dead.values()) if len(dead) == SHARDS else None

    def _can_afford(self) -> bool:
        return self._spent_s < SHARE * (time.perf_counter() - self._began_s) and not self._ended.is_set()

    @contextlib.contextmanager
    def _paid(self) -> Iterator[None]:
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self._spent_s += time.perf_counter() - began_s
