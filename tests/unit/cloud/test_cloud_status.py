"""The words of `lambdist cloud status`, for clouds that no test starts."""

import dataclasses
import os
import time
from pathlib import Path

import pytest

from lambdist_lib.cloud import cloud_status
from lambdist_lib.cloud.emulator_state import Identity
from lambdist_lib.cloud.local_cloud import LocalCloud, Status

SECRET = "0123456789abcdef"


@pytest.fixture
def status():
    cloud = LocalCloud(
        endpoint_url="http://127.0.0.1:4711", port=4711, pid=1, kept=True, auth=False, version="1",
        started_at=time.time() - 60, log=Path("cloud.log"), emulator=Identity(1, 0.0), key=SECRET,
    )  # fmt: skip
    return Status(cloud=cloud, holders=(), workers=3)


def test_a_kept_cloud_says_why_it_stays(status):
    """Unused, and yet it stays: the commands that asked for it, and the one that ends it."""
    lines = cloud_status.describe(status).splitlines()

    assert lines[0].startswith("the local cloud runs at http://127.0.0.1:4711 since ")
    assert lines[0].endswith("with 3 Lambda processes")
    assert lines[1] == "no process uses it"
    assert "`lambdist cloud stop`" in lines[2]
    assert "`lambdist deploy`" in lines[2]


def test_a_leased_cloud_names_its_users(status):
    """Each process with its command, and when the cloud ends."""
    cloud = dataclasses.replace(status.cloud, kept=False)
    status = dataclasses.replace(status, cloud=cloud, holders=(os.getpid(),), workers=1)

    lines = cloud_status.describe(status).splitlines()

    assert lines[0].endswith("with 1 Lambda process")
    assert lines[1].startswith(f"used by process {os.getpid()}: ")
    assert lines[2].startswith("it ends 60 s after")


def test_the_description_has_no_key(status):
    """Neither the words nor the objects' own texts."""
    assert SECRET not in cloud_status.describe(status) + repr(status)


def test_a_process_that_has_ended_is_unknown():
    """Its lease may still be there for a moment."""
    assert cloud_status.command_of(2**22 + 1) == "(unknown)"


def test_a_command_is_short():
    """No interpreter, no folders, at most a line."""
    command = cloud_status.command_of(os.getpid())

    assert len(command) <= cloud_status.COMMAND_MAX_CHARS
    assert os.sep + "bin" not in command
