"""Install the packages of a job's requirements.txt, for one Python on one platform.

The first call writes `requirements.lock` beside it, with the exact version and hashes of every
package. From then on the lock decides: equal locks give equal files on any machine. An edited
requirements.txt is locked again, with as few other versions as necessary. uv does the work and
finds indexes as usual (uv.toml, UV_INDEX and so on).
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lambdist_lib import paths
from lambdist_lib.errors import DeployError, MissingExtraError
from lambdist_lib.results.files import whole_folder

REQUIREMENTS, LOCK = "requirements.txt", "requirements.lock"
OLDEST = "3.11"  # the lock is for this Python and later ones
GLIBC = {"python3.11": "manylinux_2_17"}  # of Amazon Linux 2, whose 2.26 no wheel is tagged with
GLIBC_NEWER = "manylinux_2_34"  # of Amazon Linux 2023: AWS's guide, "Lambda runtimes"
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
HINTS = {  # by a part of uv's message: what to do
    "not found in the package registry": "check the name",
    "no wheels with a matching": "use a version or a package that has one",
    "no usable wheels": "use a version or a package that has one",
    "Failed to fetch": "check the network and the index (UV_INDEX)",
}
# an installer's own records, and scripts that hold the path of this machine's Python
NOT_BUNDLED = re.compile(
    r"bin/|\.lock$|(.*/)?__pycache__/|[^/]+\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_\w+\.json)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """Name the Python that imports the packages; `platform` is uv's name, "" for this machine."""

    version: str
    platform: str = ""

    def __str__(self) -> str:
        return f"Python {self.version} on {self.platform or 'this machine'}"


HERE = Interpreter(version=".".join(platform.python_version_tuple()[:2]))  # as the local cloud's Lambdas


def of_lambda(runtime: str, architecture: str) -> Interpreter:
    """Return the interpreter of a template's parameters Runtime and Architecture."""
    machine, glibc = MACHINES[architecture], GLIBC.get(runtime, GLIBC_NEWER)
    return Interpreter(version=runtime.removeprefix("python"), platform=f"{machine}-{glibc}")


def installed(folder: Path, interpreter: Interpreter = HERE) -> Path | None:
    """Install what `folder`'s requirements.txt names; returns their folder, None if it names none.

    The folder is in the state folder, so only the first call for a lock needs a network.

    Raises:
        DeployError: uv cannot install them for this interpreter; the message has its reason.
        MissingExtraError: uv is not installed.
    """
    requirements = folder / REQUIREMENTS
    if not requirements.is_file() or not re.search(
        r"^\s*[^#\s]", requirements.read_text(encoding="utf-8"), re.MULTILINE
    ):
        return None
    lock = _locked(folder)
    here = "" if interpreter.platform else sysconfig.get_platform()
    digest = hashlib.sha256(f"{interpreter}\0{here}\0{lock.read_text(encoding='utf-8')}".encode())
    kept = paths.state() / "dependencies" / digest.hexdigest()[:20]
    if not kept.exists():
        with whole_folder(kept) as partial:
            _install(lock, partial, interpreter)
    return kept


def files(packages: Path) -> dict[str, bytes]:
    """Return the files of installed packages for a zip, by name; the same on any machine."""
    by_name = {path.relative_to(packages).as_posix(): path for path in packages.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in by_name.items() if not NOT_BUNDLED.match(name)}


def sha256(contents: Mapping[str, bytes]) -> str:
    """Return the hash of files by their names and contents."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(f"{name}\0{len(contents[name])}\0".encode() + contents[name])
    return digest.hexdigest()


def modules(names: Iterable[str]) -> set[str]:
    """Return the top-level modules among files of these names."""
    tops = {name.partition("/")[0] for name in names}
    return {top.partition(".")[0] for top in tops if not top.endswith((".dist-info", ".pth"))}


def _locked(folder: Path) -> Path:
    """Return the lock of a requirements.txt, written first if it is missing or of another text."""
    lock, requirements = folder / LOCK, (folder / REQUIREMENTS).read_bytes()
    text = re.sub(rb"\s+", b" ", requirements).strip()  # a checkout may change the ends of lines
    head = f"# {REQUIREMENTS} ({hashlib.sha256(text).hexdigest()[:12]}) in full, by lambdist; commit it\n"
    if lock.exists() and lock.read_text(encoding="utf-8").startswith(head):
        return lock
    with tempfile.TemporaryDirectory() as scratch:
        new = Path(scratch) / LOCK
        if lock.exists():
            shutil.copyfile(lock, new)  # uv keeps its versions where it can
        options = ["--universal", "--generate-hashes", "--no-header", "--no-annotate"]
        options += ["--python-version", OLDEST, "-o", str(new)]
        where = f"cannot resolve {paths.shown(folder / REQUIREMENTS)}"
        _uv("compile", [*options, REQUIREMENTS], where, cwd=folder)
        try:
            lock.write_text(head + new.read_text(encoding="utf-8"), encoding="utf-8")
        except OSError as error:
            raise DeployError(f"cannot write {paths.shown(lock)}: {error.strerror}") from error
    return lock


def _install(lock: Path, into: Path, interpreter: Interpreter) -> None:
    options = ["--require-hashes", "--no-deps", "--link-mode", "copy", "--target", str(into)]
    if interpreter.platform:
        options += ["--python-version", interpreter.version, "--python-platform", interpreter.platform]
    where = f"cannot install the packages of {paths.shown(lock)} for {interpreter}"
    _uv("install", [*options, "-r", LOCK], where, cwd=lock.parent)


def _uv(action: str, options: list[str], where: str, *, cwd: Path) -> None:
    """Run `uv pip`, with wheels only: a package built here might not run elsewhere."""
    common = ["-q", "--color", "never", "--python", sys.executable, "--only-binary", ":all:"]
    command = [_uv_program(), "pip", action, *common, *options]
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise DeployError(f"{where}: {_reason(done.stderr)}")


def _uv_program() -> str:
    """Return the path of uv: the installed package's, or else the one on PATH."""
    with suppress(ModuleNotFoundError, FileNotFoundError):
        from uv import find_uv_bin

        return find_uv_bin()
    if program := shutil.which("uv"):
        return program
    raise MissingExtraError("packages", f"a {REQUIREMENTS} beside processing.py", "uv")


def _reason(text: str) -> str:
    """Return uv's error on one line, without its warnings, and what to do about it."""
    _, _, error = f"\n{text}".partition("\nerror: ")
    words = " ".join((error or text).replace("cause: ", "").split())
    hints = [hint for sign, hint in HINTS.items() if sign in words]
    return "; ".join([words.rstrip("."), *hints[:1]])
