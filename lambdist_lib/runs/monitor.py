"""Report a run's progress without slowing it down.

The client knows what it has sent; the queue and the table know the outcomes. Polling them takes
CPU time from the pipeline, so a thread polls for the first time after a second, makes one small
call after another, and spends at most a hundredth of the run's time. On AWS it reads the queue's
depth only: counting a table costs money.
"""

import collections
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.queue_depth import QueueDepth
from lambdist_lib.progress import RunProgress, Watcher
from lambdist_lib.protocol.contract import SHARDS, shard_keys
from lambdist_lib.runs.poller import Poller
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
        watch: Called with each RunProgress; None polls nothing, nor does a `Watcher` that is not live.
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
        self._began_s, self._spent_s = time.perf_counter(), 0.0
        self._dead_by_shard: dict[str, int] = {}
        counted = where and where[0].name == "local"  # on AWS a count costs money
        self._shards = collections.deque(shard_keys(where[2]) if where and counted else [])
        self._poller = Poller(self._poll, name="monitor", first_s=POLL_EVERY_S)

    def __enter__(self) -> Self:
        self._began_s = time.perf_counter()
        is_log = isinstance(self._watch, Watcher) and not self._watch.is_live
        if self._watch and not is_log and self._where and self._is_queued:
            target, *_ = self._where
            for service in ("sqs", "dynamodb"):
                target.client(service)  # made here: a session must not be shared between threads
            self._poller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._poller.stop()

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

    def _poll(self) -> float:
        """Read the queue's depth and count the dead ones, in a thread; return the pause until the next."""
        from lambdist_lib.deployment import queue_depth
        from lambdist_lib.runs import completion

        assert self._where
        if not self._can_afford():
            return POLL_EVERY_S
        target, stack, _ = self._where
        with self._paid():
            accepted = self._tally.accepted  # before the poll: what is accepted meanwhile counts as queued
            self._note(self._depth() if self._depth else queue_depth.queue_depth(target, stack), accepted)
        for _ in range(len(self._shards)):
            if not self._can_afford():
                break
            with self._paid():
                self._dead_by_shard[self._shards[0]] = completion.count_dead(target, stack, self._shards[0])
            self._shards.rotate(-1)
        is_known = len(self._dead_by_shard) == SHARDS
        self._dead = sum(self._dead_by_shard.values()) if is_known else None
        return POLL_EVERY_S

    def _can_afford(self) -> bool:
        return self._spent_s < SHARE * (time.perf_counter() - self._began_s) and not self._poller.is_ended

    @contextlib.contextmanager
    def _paid(self) -> Iterator[None]:
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self._spent_s += time.perf_counter() - began_s
