"""Who runs and who uses the local cloud, read from files and processes; no emulator here."""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lambdist_lib.cloud import emulator_state as cloud_state
from lambdist_lib.cloud import local_cloud, locks
from lambdist_lib.cloud.emulator_state import Identity
from lambdist_lib.errors import BusyError, LocalCloudError, MissingExtraError

# What a supervisor's or an emulator's command line holds is taken from an argument.
SLEEP = "import time; print('up', flush=True); time.sleep(60)"


@contextmanager
def sleeping(*arguments, **options):
    """A process of ours that does nothing, for a minute at most."""
    command = [sys.executable, "-c", SLEEP, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as process:
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def record_of(supervisor, emulator, folder="/nowhere"):
    return cloud_state.Record(
        supervisor=supervisor,
        emulator=emulator,
        port=1,
        key="secret",
        kept=False,
        auth=False,
        folder=str(folder),
        version="0",
        started_at=0.0,
    )


def later(identity):
    """The identity of an earlier process whose pid `identity` now has."""
    return replace(identity, created=identity.created - 100)


def test_a_process_is_found_by_pid_and_creation():
    """A process is itself; another one that got its pid later is not."""
    with sleeping() as process:
        identity = Identity.of(process.pid)

        assert identity.process().pid == process.pid
        assert later(identity).process() is None
    assert identity.process() is None


def test_a_process_with_another_command_line_is_not_ours():
    """Same pid and time are not enough to end a process: its command line must fit."""
    with sleeping(cloud_state.EMULATOR) as process:
        assert Identity.of(process.pid).process(cloud_state.EMULATOR)
        assert Identity.of(process.pid).process(cloud_state.SUPERVISOR) is None


def test_a_zombie_does_not_run():
    """A killed kernel that nobody has reaped holds no lease."""
    with sleeping() as process:
        identity = Identity.of(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is not reaped

        assert identity.process() is None


def test_a_record_is_read_as_written(tmp_path):
    """cloud.json gives back what was written."""
    record = record_of(Identity.of(), Identity(1, 2.5))

    cloud_state.write(tmp_path, record)

    assert cloud_state.read(tmp_path) == record


def test_the_state_is_private(tmp_path, monkeypatch):
    """Folders 0700 and files 0600, whatever the umask; no text of a record has the key."""
    before = os.umask(0)
    try:
        state = tmp_path / "deep" / "state"
        lease = cloud_state.hold(state)
        cloud_state.write(state, record_of(Identity.of(), Identity.of()))
    finally:
        os.umask(before)

    assert {path.stat().st_mode & 0o777 for path in (state.parent, state, lease.parent)} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in (lease, state / "cloud.json")} == {0o600}
    assert "secret" not in repr(cloud_state.read(state))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"supervisor": 1}', '{"port": 1}'])
def test_a_broken_state_file_is_no_cloud(tmp_path, content):
    """A file that is cut short, or of another version, counts as none."""
    (tmp_path / "cloud.json").write_text(content)

    assert local_cloud.find(tmp_path) is None


def test_looking_leaves_no_folder(tmp_path):
    """Asking for a cloud that was never started creates nothing."""
    state = tmp_path / "state"

    assert local_cloud.find(state) is None
    assert local_cloud.status(state) is None
    assert local_cloud.stop(state) is False
    assert not state.exists()


def test_a_reused_pid_is_left_alone(tmp_path):
    """A state file whose pids belong to others by now is removed, and the others live on."""
    with sleeping(cloud_state.EMULATOR) as first, sleeping(cloud_state.SUPERVISOR) as second:
        supervisor, emulator = Identity.of(second.pid), Identity.of(first.pid)
        cloud_state.write(tmp_path, record_of(later(supervisor), later(emulator)))

        assert local_cloud.find(tmp_path) is None
        assert not (tmp_path / "cloud.json").exists()
        assert first.poll() is None
        assert second.poll() is None


def test_what_a_dead_supervisor_left_is_ended(tmp_path):
    """Looking for a cloud ends the emulator and a worker that lost their supervisor, and their folder."""
    folder = tempfile.mkdtemp(prefix=cloud_state.FOLDER_PREFIX, dir=tmp_path)
    (Path(folder) / "code").write_text("left")
    with sleeping(cloud_state.EMULATOR) as emulator, sleeping(env={"TMPDIR": folder}) as worker:
        gone = later(Identity.of())
        cloud_state.write(tmp_path, record_of(gone, Identity.of(emulator.pid), folder))

        assert local_cloud.find(tmp_path) is None
        assert emulator.poll() is not None
        assert worker.poll() is not None
    assert not Path(folder).exists()


def test_only_a_folder_of_ours_is_removed(tmp_path):
    """A state file that names any other folder does not get it deleted."""
    cloud_state.write(tmp_path, record_of(later(Identity.of()), later(Identity.of()), tmp_path))

    local_cloud.find(tmp_path)

    assert tmp_path.exists()


def test_a_lease_ends_with_its_process_or_its_release(tmp_path):
    """Living processes hold leases; dead ones, reused pids and broken files do not, and are tidied away."""
    with sleeping() as other:
        mine = cloud_state.hold(tmp_path)
        for name, holder in {"a": Identity.of(other.pid), "b": later(Identity.of())}.items():
            (tmp_path / "leases" / f"{name}.json").write_text(json.dumps(asdict(holder)))
        (tmp_path / "leases" / "c.json").write_text("{")

        assert {holder.pid for holder in cloud_state.holders(tmp_path)} == {os.getpid(), other.pid}

    mine.unlink()
    assert cloud_state.holders(tmp_path) == set()
    assert list((tmp_path / "leases").iterdir()) == []


def test_an_interrupted_start_leaves_the_lock_to_its_supervisor(tmp_path):
    """Ctrl-C during a start does not let a second one in before the first is over."""
    with pytest.raises(KeyboardInterrupt), locks.transition(tmp_path) as lock:
        inherited = os.dup(lock)
        raise KeyboardInterrupt

    with (
        pytest.raises(BusyError, match="starting or stopping") as busy,
        locks.transition(tmp_path, timeout_s=0.1),
    ):
        raise AssertionError("two processes hold the lock")
    assert busy.value.pid == os.getpid()
    os.close(inherited)
    with locks.transition(tmp_path, timeout_s=0.1):
        pass


def test_a_missing_emulator_says_how_to_install_it():
    """Without the extra the error names the commands that bring it."""

    def lacking(name):
        raise importlib.metadata.PackageNotFoundError(name)

    with pytest.raises(MissingExtraError) as missing:
        local_cloud.require_emulator(lacking)

    assert (missing.value.extra, missing.value.package) == ("local", "ministack")


@pytest.mark.parametrize(
    ("python", "fits"), [((3, 10), False), ((3, 11), True), ((3, 14), True), ((3, 15), False)]
)
def test_only_pythons_that_the_emulator_runs_on(python, fits):
    """Python 3.11 to 3.14 start the local cloud; any other is told so."""
    if fits:
        assert local_cloud.require_emulator(lambda name: "1.5.33", python) == "1.5.33"
    else:
        with pytest.raises(LocalCloudError, match=r"needs Python 3\.11 to 3\.14, and this is 3\.1"):
            local_cloud.require_emulator(lambda name: "1.5.33", python)


def test_free_ports_can_be_bound():
    """Each port that is offered is one that a server may open."""
    ports = local_cloud.free_ports()

    assert all(1024 < next(ports) < 65536 for _ in range(3))
