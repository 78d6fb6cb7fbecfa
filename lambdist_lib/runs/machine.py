"""Record whose CPU time a run took: the client's, the local cloud's, that of other programs.

A sample is taken at the run's start, then twice a second, more often at first, and once its end is seen. The
first sample after the last datapoint was stored ends the account: the polls and the collecting after it do
not count.
"""

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from lambdist_lib.cloud.targets import Target

SAMPLE_S = 0.5  # between two samples, each of which takes about 5 ms of CPU
EARLY_S, EARLY_SAMPLE_S = 2.0, 0.2  # a run of less than a second would end between two samples
CGROUP = Path("/sys/fs/cgroup")  # version 2; there its `cpu.max` may leave a container fewer cores
MIN_SPAN_S = 0.1  # psutil counts CPU time in steps of 10 ms: shares of a shorter run would be noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """CPU seconds until now of the client, the local cloud (NaN without one) and the whole machine."""

    at: float  # seconds since the epoch
    monotonic_s: float
    client_s: float
    cloud_s: float
    busy_s: float


class Meter:
    """Take the samples of one run."""

    def __init__(self, target: Target | None) -> None:
        self._cloud_pid = target.cloud.pid if target and target.cloud else 0
        self._samples = [self._now()]

    def sample(self, *, now: bool = False) -> None:
        """Take a sample, unless the last one is younger than SAMPLE_S (early in a run EARLY_SAMPLE_S)."""
        first_s, last_s, now_s = self._samples[0].monotonic_s, self._samples[-1].monotonic_s, time.monotonic()
        between_s = EARLY_SAMPLE_S if now_s - first_s <= EARLY_S else SAMPLE_S
        if now or now_s - last_s >= between_s:
            self._samples.append(self._now())

    def facts(self, makespan_s: float | None) -> dict[str, Any]:
        """Return the columns of `schema.RUNS` for a run that took so long."""
        return account(self._samples, makespan_s, cores())

    def _now(self) -> Sample:
        own = psutil.Process().cpu_times()
        return Sample(
            at=time.time(),
            monotonic_s=time.monotonic(),
            client_s=own.user + own.system + own.children_user + own.children_system,
            cloud_s=_tree_s(self._cloud_pid) if self._cloud_pid else 0.0,
            busy_s=_busy_s(),
        )


def account(samples: Sequence[Sample], makespan_s: float | None, cores: float) -> dict[str, Any]:
    """Return CPU seconds and shares of the machine between a run's start and its last stored datapoint.

    `machine_share` is what client and local cloud used of the cores, `others_share` what other programs
    did; None where nothing was stored, or in too short a time.
    """
    nothing = dict.fromkeys(("client_cpu_s", "cloud_cpu_s", "machine_share", "others_share"))
    first, last = samples[0], samples[-1]
    if makespan_s is None or len(samples) < 2:
        return nothing
    for sample in samples[1:]:
        if sample.monotonic_s - first.monotonic_s >= makespan_s:
            last = sample
            break
    span_s = last.monotonic_s - first.monotonic_s
    if span_s < MIN_SPAN_S:
        return nothing
    client_s, cloud_s = last.client_s - first.client_s, max(last.cloud_s - first.cloud_s, 0.0)
    share = (client_s + cloud_s) / (cores * span_s)
    busy = (last.busy_s - first.busy_s) / (cores * span_s)
    return {
        "client_cpu_s": round(client_s, 3),
        "cloud_cpu_s": round(cloud_s, 3),
        "machine_share": round(min(share, 1.0), 4),
        "others_share": round(min(max(busy - share, 0.0), 1.0), 4),
    }


def cores(cgroup: Path = CGROUP) -> float:
    """Return how many cores this process and its like may use: fewer in a limited container."""
    with contextlib.suppress(OSError, ValueError):
        quota_us, period_us = (cgroup / "cpu.max").read_text().split()
        if quota_us != "max":
            return min(_usable(), float(quota_us) / float(period_us))
    return float(_usable())


def _usable() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def _busy_s(cgroup: Path = CGROUP) -> float:
    """Return the CPU seconds of everything: in a limited container, of everything in it."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        if not (cgroup / "cpu.max").read_text().startswith("max"):
            lines = (cgroup / "cpu.stat").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("usage_usec")) / 1e6
    times = psutil.cpu_times()
    idle_s = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "guest", 0.0)
    return float(sum(times) - idle_s - getattr(times, "guest_nice", 0.0))


def _tree_s(pid: int) -> float:
    """Return the CPU seconds of a process, of its children, and of those that have ended."""
    total_s = 0.0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total_s += times.user + times.system + times.children_user + times.children_system
    return total_s
