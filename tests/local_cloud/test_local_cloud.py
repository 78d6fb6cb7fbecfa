"""The life of the local cloud, with the real emulator: started once, shared, and gone without a trace."""

import http.server
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import psutil
import pytest
import requests
from support import emulator
from support.waiting import eventually

from lambdist_lib.cloud import emulator_state as cloud_state
from lambdist_lib.cloud import local_cloud
from lambdist_lib.errors import LocalCloudError

LINGER_S = 0.5
LEASING = """
import sys, time
from pathlib import Path
from lambdist_lib.cloud import local_cloud
cloud = local_cloud.lease(Path(sys.argv[1]), linger_s=float(sys.argv[2]))
print(cloud.pid, flush=True)
time.sleep(60)
"""
ENDLESS_HANDLER = """
import os, pathlib, time
def handler(event, context):
    pathlib.Path(os.environ["TMPDIR"], "busy").touch()
    while True:
        time.sleep(0.1)
"""


@pytest.fixture
def state(tmp_path):
    """A state folder of its own; whatever a test left running there is ended."""
    folder = tmp_path / "state"
    yield folder
    local_cloud.stop(folder)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def traces(record):
    """What a cloud that has ended may not leave."""
    found = {f"process {process.pid}" for process in record.processes()}
    if record.supervisor.process():
        found.add("supervisor")
    if is_open(record.port):
        found.add("port")
    if Path(record.folder).exists():
        found.add("folder")
    return found


def has_ended(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE  # for init to reap


def leasing(state):
    """A process that leases the cloud of `state` and prints the emulator's pid."""
    command = [sys.executable, "-c", LEASING, str(state), str(LINGER_S)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def busy_worker(cloud, record):
    """Deploy a function that never ends, call it, and return its process."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("endless.py", ENDLESS_HANDLER)
    client = emulator.client(cloud, "lambda")
    client.create_function(
        FunctionName="endless",
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="endless.handler",
        Code={"ZipFile": code.getvalue()},
        Timeout=60,
    )
    client.invoke(FunctionName="endless", InvocationType="Event")
    client.close()
    assert eventually((Path(record.folder) / "busy").exists)
    return psutil.Process(cloud.pid).children(recursive=True)[0]


def test_a_started_cloud_answers_and_stop_leaves_nothing(state):
    """After stop no process, no port and no folder is left, only the log."""
    others = psutil.Process().children()  # other tests' servers
    cloud = local_cloud.start(state)
    record = cloud_state.read(state)
    assert is_open(cloud.port)
    local_cloud.require_alive(cloud)
    local_cloud.reset(cloud)

    assert local_cloud.stop(state) is True

    assert traces(record) == set()
    assert psutil.Process().children() == others  # not even a zombie of ours
    assert cloud.log.read_text().endswith("ended: stopped\n")
    assert local_cloud.find(state) is None
    assert local_cloud.stop(state) is False


def test_a_running_cloud_is_found_and_described(state):
    """A lease, `find` and `status` speak of the same cloud."""
    cloud = local_cloud.lease(state)

    found, status = local_cloud.find(state), local_cloud.status(state)

    assert found.endpoint_url == status.cloud.endpoint_url == cloud.endpoint_url
    assert (found.pid, found.kept, found.version) == (cloud.pid, False, cloud.version)
    assert status.holders == (os.getpid(),)
    assert status.workers == 0


def test_concurrent_starts_give_one_cloud(state):
    """Notebooks that start at the same time share one cloud, and it goes when both are killed."""
    with leasing(state) as first, leasing(state) as second:
        pids = {int(process.stdout.readline()) for process in (first, second)}
        record = cloud_state.read(state)
        assert pids == {record.emulator.pid}

        first.kill()
        time.sleep(2 * LINGER_S)
        assert local_cloud.find(state)  # the second still leases it
        second.kill()

        assert eventually(lambda: not traces(record), LINGER_S + 3)


def test_a_released_cloud_lingers_then_ends(state):
    """The cloud stays for `linger_s` after the release, so the next notebook finds it warm."""
    cloud = local_cloud.lease(state, linger_s=1.5)
    record = cloud_state.read(state)

    cloud.release()

    time.sleep(0.3)
    assert local_cloud.find(state).pid == cloud.pid
    assert eventually(lambda: not traces(record), 5)
    assert "no process has leased it for 1.5 s" in cloud.log.read_text()


def test_a_kept_cloud_outlives_its_leases(state):
    """`keep` turns a leased cloud into one that only `stop` ends."""
    leased = local_cloud.lease(state, linger_s=LINGER_S)

    kept = local_cloud.start(state, keep=True)
    leased.release()

    assert kept.kept
    time.sleep(3 * LINGER_S)
    assert local_cloud.find(state).pid == leased.pid


def test_iam_enforcement_is_not_silently_missing(state):
    """Asking for IAM enforcement while a cloud without it runs is an error, not a wrong result."""
    local_cloud.start(state)

    with pytest.raises(LocalCloudError, match="without IAM enforcement"):
        local_cloud.lease(state, auth=True)
    assert cloud_state.holders(state) == set()


def test_a_killed_supervisor_leaves_nothing_to_the_next_start(state):
    """Emulator, busy worker and folder of a cloud whose supervisor was killed go before a new one starts."""
    cloud = local_cloud.start(state)
    record = cloud_state.read(state)
    worker = busy_worker(cloud, record)
    os.kill(record.supervisor.pid, signal.SIGKILL)
    assert eventually(lambda: not record.supervisor.process())

    renewed = local_cloud.start(state)

    assert renewed.pid != cloud.pid
    assert traces(record) == set()
    assert has_ended(worker)
    assert local_cloud.find(state).pid == renewed.pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent-death signal")
def test_the_emulator_dies_with_its_supervisor(state):
    """After a killed supervisor nothing serves the port, even if nobody ever looks for the cloud again."""
    cloud = local_cloud.start(state)

    os.kill(cloud_state.read(state).supervisor.pid, signal.SIGKILL)

    assert eventually(lambda: not is_open(cloud.port), 3)


def test_a_killed_emulator_is_noticed(state):
    """`find` no longer gives it, its user is told where the log is, and nothing is left."""
    cloud = local_cloud.lease(state)
    record = cloud_state.read(state)

    os.kill(cloud.pid, signal.SIGKILL)

    assert eventually(lambda: local_cloud.find(state) is None, 3)
    with pytest.raises(LocalCloudError, match=r"has ended.*cloud\.log.*`lambdist cloud start`"):
        local_cloud.require_alive(cloud)
    with pytest.raises(LocalCloudError, match="has ended"):
        local_cloud.reset(cloud)
    assert eventually(lambda: not traces(record), 3)


def test_stop_ends_a_busy_worker(state):
    """A handler that never returns is gone after stop, and so is its inherited environment."""
    cloud = local_cloud.start(state)
    record = cloud_state.read(state)
    worker = busy_worker(cloud, record)
    assert worker.environ()["TMPDIR"] == record.folder

    local_cloud.stop(state)

    assert has_ended(worker)
    assert traces(record) == set()


def test_a_cloud_whose_state_is_deleted_ends(state):
    """`rm -rf .lambdist` does not leave a cloud that nobody can find."""
    local_cloud.start(state)
    record = cloud_state.read(state)

    (state / "cloud.json").unlink()

    assert eventually(lambda: not traces(record), 5)


class HealthyStranger(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def stranger_port():
    """A port on which some other server answers any health check."""
    with http.server.HTTPServer(("127.0.0.1", 0), HealthyStranger) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_taken_port_is_not_mistaken_for_ours(state, stranger_port):
    """When the port was taken meanwhile, the next one is tried."""
    free = next(local_cloud.free_ports())

    cloud = local_cloud.start(state, ports=[stranger_port, free])

    assert cloud.port == free
    assert {c.laddr.port for c in psutil.Process(cloud.pid).net_connections()} == {free}


def test_without_a_port_the_error_shows_the_log(state, stranger_port):
    """When no port can be had, the error names those tried and quotes the emulator."""
    with pytest.raises(LocalCloudError, match=rf"(?s)tried: {stranger_port}.*already in use.*cloud start"):
        local_cloud.start(state, ports=[stranger_port])

    assert local_cloud.find(state) is None


def test_nothing_of_the_persons_environment_gets_in(state, monkeypatch):
    """Profile, proxy, import path and secrets stay outside; the emulator listens on 127.0.0.1 only."""
    for name in ("AWS_PROFILE", "http_proxy", "HTTPS_PROXY", "PYTHONPATH", "FAKE_SECRET"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    cloud = local_cloud.start(state)
    local_cloud.reset(cloud)  # does not go through the proxy

    record = cloud_state.read(state)
    seen = [*record.processes(), record.supervisor.process()]
    assert all("http://127.0.0.1:9" not in process.environ().values() for process in seen)
    assert set(psutil.Process(cloud.pid).environ()) == {
        "PATH", "HOME", "TMPDIR", "BIND_HOST", "MINISTACK_HOST", "GATEWAY_PORT",
        "IOT_MTLS_ENABLED", "SFTP_ENABLED", "LOG_LEVEL", "PYTHONUSERBASE",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    }  # fmt: skip
    listening = [c.laddr for process in seen for c in process.net_connections() if c.status == "LISTEN"]
    assert listening == [("127.0.0.1", cloud.port)]


def refused(cloud, path="/2015-03-31/functions", **headers):
    """The status and the body of a call without the library."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = requests.post(f"{cloud.endpoint_url}{path}", json={}, headers=names, timeout=10)
    return answer.status_code, answer.text


def test_only_the_key_of_this_start_opens(state, tmp_path):
    """Unsigned calls, keys that the emulator would take, another start's key and web pages get 403."""
    cloud, other = local_cloud.start(state), local_cloud.start(tmp_path / "other")
    try:
        for key in ("", "test", "000000000000", other.key):
            signature = f"AWS4-HMAC-SHA256 Credential={key}/20261129/us-east-1/lambda/aws4_request"
            status, text = refused(cloud, **({"authorization": signature} if key else {}))
            assert (status, "lambdist cloud env" in text) == (403, True), key
            assert cloud.key not in text
        assert refused(cloud, "/_ministack/reset")[0] == 403
        assert refused(cloud, origin="http://example.com", x_lambdist_key=cloud.key)[0] == 403
        assert refused(cloud, host="example.com", x_lambdist_key=cloud.key)[0] == 403
        assert refused(cloud, "/restapis/a/v1/_user_request_/x")[0] == 404  # its own key would be asked for
        assert emulator.client(cloud, "lambda").list_functions()["Functions"] == []
    finally:
        local_cloud.stop(tmp_path / "other")


def test_its_files_are_the_users_alone(state):
    """State, log and the emulator's folder: 0700 and 0600; no command line has the key."""
    cloud = local_cloud.start(state)
    record = cloud_state.read(state)

    found = [state, Path(record.folder), *state.rglob("*"), *Path(record.folder).rglob("*")]
    assert [path for path in found if path.stat().st_mode & 0o077] == []
    processes = [*record.processes(), record.supervisor.process()]
    assert not [process for process in processes if cloud.key in " ".join(process.cmdline())]


def test_a_small_limit_of_a_shell_does_not_get_in(state):
    """A soft limit is raised before the emulator inherits it; a hard one ends the start in one line."""
    program = (
        "import resource, sys; from pathlib import Path; from lambdist_lib.cloud import local_cloud\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, int(sys.argv[2])))\n"
        "print(local_cloud.start(Path(sys.argv[1])).pid)\n"
    )

    def started(hard):
        command = [sys.executable, "-c", program, str(state), str(hard)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert started(64).stderr.splitlines()[-1].endswith("run `ulimit -n 512`, or use a new shell")
    done = started(1024)
    assert done.returncode == 0, done.stderr
    if sys.platform == "linux":
        assert psutil.Process(int(done.stdout)).rlimit(psutil.RLIMIT_NOFILE)[0] == 1024
