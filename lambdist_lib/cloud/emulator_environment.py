"""What the emulator's process finds: its environment variables and its temporary folder."""

import importlib.resources
import json
import os
import shutil
import site
import sys
import tempfile
from pathlib import Path

from lambdist_lib.cloud import emulator_state as cloud_state

LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def interpreter_environment() -> dict[str, str]:
    """Return the variables that this Python may need to start and to find its packages.

    A Python built as a shared library may need its library's folder, and `pip install --user`
    puts packages below a home folder that the emulator does not see.
    """
    passed_on = {name: os.environ[name] for name in LIBRARY_PATHS if name in os.environ}
    return {**passed_on, "PYTHONUSERBASE": site.getuserbase()}


def emulator_folder(parent: str) -> str:
    """Create the temporary folder of the emulator and its workers."""
    with cloud_state.writable(parent, "TMPDIR"):
        folder = tempfile.mkdtemp(prefix=cloud_state.FOLDER_PREFIX, dir=parent)
        try:
            spare_endpoint_data(folder)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return folder


def environment(port: int, folder: str, key: str, *, auth: bool = False) -> dict[str, str]:
    """Return the whole environment of the emulator, which its workers inherit.

    Workers sign with their account as key id, or with their role's key where permissions are enforced;
    without that they get the key of this start as session token.

    HOME is the temporary folder: botocore in the workers must not read the user's ~/.aws/config.
    """
    return {
        **interpreter_environment(),
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "HOME": folder,
        "TMPDIR": folder,
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",  # or queue URLs say localhost
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # both listen on 0.0.0.0 once their packages are installed
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": "any",
        **({"AUTH": "true"} if auth else {"AWS_SESSION_TOKEN": key}),
    }


def spare_endpoint_data(folder: str) -> None:
    """Write the one partition that a worker needs to where its botocore looks first, below HOME.

    botocore's own file costs each worker 8 MiB, for hosts that AWS_ENDPOINT_URL replaces anyway:
    with 50 environments that is a fifth of the main job's memory. Services with one endpoint for
    the whole partition stay (S3, IAM, STS and others): their clients need it.
    """
    file = importlib.resources.files("botocore").joinpath("data", "endpoints.json")
    known = json.loads(file.read_text(encoding="utf-8"))
    [partition] = [entry for entry in known["partitions"] if entry["partition"] == "aws"]
    path = Path(folder) / ".aws" / "models" / "endpoints.json"
    path.parent.mkdir(parents=True)
    services = {name: entry for name, entry in partition["services"].items() if "partitionEndpoint" in entry}
    lean = {"version": known["version"], "partitions": [{**partition, "services": services}]}
    path.write_text(json.dumps(lean), encoding="utf-8")
