"""Describe in words who uses the local cloud and why it stays."""

import os
import time
from pathlib import Path

import psutil

from lambdist_lib.cloud.local_cloud import LINGER_S, Status
from lambdist_lib.formatting import shortened

COMMAND_MAX_CHARS = 60
KEPT = (
    "it stays until `lambdist cloud stop`, used or not: "
    "`lambdist cloud start`, `lambdist deploy` or kept stacks asked for that"
)


def describe(status: Status) -> str:
    """Return the state of the local cloud as lines of text."""
    cloud = status.cloud
    day = "" if time.time() - cloud.started_at < 43_200 else "%Y-%m-%d "
    since = time.strftime(f"{day}%H:%M", time.localtime(cloud.started_at))
    workers = f"{status.workers} Lambda process{'es' * (status.workers != 1)}"
    lines = [f"the local cloud runs at {cloud.endpoint_url} since {since}, with {workers}"]
    lines += [f"used by process {pid}: {command_of(pid)}" for pid in status.holders] or ["no process uses it"]
    if cloud.kept:
        return "\n".join([*lines, KEPT])
    lines.append(f"it ends {LINGER_S:g} s after the end of the last process that uses it")
    return "\n".join(lines)


def command_of(pid: int) -> str:
    """Return what a process was started as, without the interpreter and the folders."""
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.Error:
        return "(unknown)"
    if words and Path(words[0]).name.startswith("python"):
        words = words[1:] or words
    text = " ".join(Path(word).name if word.startswith(os.sep) else word for word in words)
    return shortened(text, COMMAND_MAX_CHARS)
