"""The emulator's process sees the user's packages and libraries, and nothing else of the user."""

import os
import site
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from lambdist_lib.cloud import emulator_environment, emulator_supervisor, local_cloud
from lambdist_lib.cloud import emulator_state as cloud_state
from lambdist_lib.errors import LocalCloudError


def test_the_emulators_environment_is_complete_and_ours(monkeypatch):
    """Only what Python needs to start comes from the user; nothing listens beyond this machine."""
    monkeypatch.setenv("LD_LIBRARY_PATH", "/libraries")
    monkeypatch.delenv("DYLD_LIBRARY_PATH", raising=False)
    monkeypatch.setenv("AWS_PROFILE", "mine")
    environment = emulator_environment.environment(4711, "/folder", "secret", auth=True)

    assert environment == {
        "LD_LIBRARY_PATH": "/libraries",
        "PYTHONUSERBASE": site.getuserbase(),
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "HOME": "/folder",
        "TMPDIR": "/folder",
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": "4711",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "AWS_ACCESS_KEY_ID": "secret",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AUTH": "true",
    }
    plain = emulator_environment.environment(4711, "/folder", "secret")
    assert "AUTH" not in plain
    assert plain["AWS_SESSION_TOKEN"] == "secret"  # what a Lambda's calls carry


def test_packages_of_the_user_site_reach_the_emulator(tmp_path, monkeypatch):
    """After `pip install --user` they lie below a home folder that the emulator does not see."""
    monkeypatch.setattr(site, "USER_BASE", str(tmp_path / "base"))
    folder = tmp_path / "base" / Path(sysconfig.get_path("purelib", "posix_user")).relative_to(
        sysconfig.get_config_var("userbase")
    )  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "of_the_user.py").write_text("print('found')\n")
    environment = emulator_environment.environment(4711, str(tmp_path / "home"), "secret")

    # an environment of venv has no user site; the Python that it was made with has
    command = [sys._base_executable, "-P", "-c", "import of_the_user"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "found\n"), done.stderr


@pytest.mark.parametrize("name", ["types", "items", "lambdist_lib", "ministack"])
def test_a_users_file_hides_no_module_of_the_local_cloud(tmp_path, monkeypatch, name):
    """The processes of the local cloud import nothing from the folder in which they are started."""
    (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    for command in (local_cloud.SUPERVISOR_COMMAND, emulator_supervisor.EMULATOR_COMMAND):
        done = subprocess.run(
            [*command[:-2], "-c", f"import {name}"],
            env={**emulator_environment.environment(4711, str(tmp_path), "secret")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "imported" not in done.stderr


def test_workers_find_lean_endpoint_data(tmp_path):
    """botocore looks below HOME before it reads its own megabyte, and makes the same clients of it."""
    emulator_environment.spare_endpoint_data(str(tmp_path))
    code = (
        "import boto3, botocore.session\n"
        "session = botocore.session.get_session()\n"
        "print(len(session.get_data('endpoints')['partitions'][0]['services']) < 30)\n"
        "for name in ('sqs', 's3', 'iam', 'sts'):\n"
        "    print(boto3.client(name, region_name='eu-west-1').meta.endpoint_url)\n"
    )
    environment = {**emulator_environment.environment(4711, str(tmp_path), "secret")}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)

    hosts = ["sqs.eu-west-1", "s3.eu-west-1", "iam", "sts.eu-west-1"]
    assert done.stdout.split() == ["True", *(f"https://{host}.amazonaws.com" for host in hosts)], done.stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """A file in its place, a full disk or a missing permission: one line with the folder and the variable."""
    (tmp_path / "state").write_text("a file")

    with pytest.raises(LocalCloudError, match=r"folder .*state/leases: .*LAMBDIST_STATE"):
        cloud_state.hold(tmp_path / "state")
    with pytest.raises(LocalCloudError, match=r"nowhere: .*TMPDIR"):
        emulator_environment.emulator_folder(str(tmp_path / "nowhere"))
