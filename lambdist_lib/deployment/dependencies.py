"""requirements.txt beside processing.py -> the packages' files, for one Python on one platform.

The first time `requirements.lock` is written beside it, with every package's exact version and
hashes; from then on the lock decides, and equal locks give equal files on any machine. A
requirements.txt that was edited is locked anew, with as few other versions as that needs.
uv does the work; it finds indexes as it always does (its uv.toml, UV_INDEX and so on).
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
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lambdist_lib import paths
from lambdist_lib.errors import DeployError, MissingExtraError

REQUIREMENTS, LOCK = "requirements.txt", "requirements.lock"
OLDEST = "3.11"  # Python that the lock is for, and any later one
GLIBC = {"python3.11": "manylinux_2_17"}  # of Amazon Linux 2, whose 2.26 no wheel is tagged with
GLIBC_NEWER = "manylinux_2_34"  # of Amazon Linux 2023: AWS's guide, "Lambda runtimes"
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
HINTS = {  # what to do about what uv says
    "not found in the package registry": "is the name right?",
    "no wheels with a matching": "take a version or a package that has one, or do without",
    "no usable wheels": "take a version or a package that has one, or do without",
    "Failed to fetch": "is there a network, and the right index (UV_INDEX)?",
}
# what an installer notes of itself, and scripts with the path of this machine's Python
NOT_BUNDLED = re.compile(
    r"bin/|\.lock$|(.*/)?__pycache__/|[^/]+\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_\w+\.json)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python that is to import the packages; `platform` is uv's name of it, "" for this machine."""

    version: str
    platform: str = ""

    def __str__(self) -> str:
        return f"Python {self.version} on {self.platform or 'this machine'}"


HERE = Interpreter(version=".".join(platform.python_version_tuple()[:2]))  # as the local cloud's Lambdas


def of_lambda(runtime: str, architecture: str) -> Interpreter:
    """The interpreter behind a template's parameters Runtime and Architecture."""
    machine, glibc = MACHINES[architecture], GLIBC.get(runtime, GLIBC_NEWER)
    return Interpreter(version=runtime.removeprefix("python"), platform=f"{machine}-{glibc}")


def installed(folder: Path, interpreter: Interpreter = HERE) -> Path | None:
    """A folder with the packages that `folder`'s requirements.txt names; None if it names none.

    Kept below .lambdist/, so that only the first call for a lock needs a network.

    Raises:
        DeployError: They cannot be had for this interpreter; the message has uv's reason.
    """
    asked = folder / REQUIREMENTS
    if not asked.is_file() or not re.search(r"^\s*[^#\s]", asked.read_text(encoding="utf-8"), re.MULTILINE):
        return None
    lock = _locked(folder)
    here = "" if interpreter.platform else sysconfig.get_platform()
    digest = hashlib.sha256(f"{interpreter}\0{here}\0{lock.read_text(encoding='utf-8')}".encode())
    kept = paths.state() / "dependencies" / digest.hexdigest()[:20]
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as partial:
            _install(lock, Path(partial) / "packages", interpreter)
            try:
                (Path(partial) / "packages").rename(kept)
            except OSError:  # another process was faster
                if not kept.exists():
                    raise
    return kept


def files(packages: Path) -> dict[str, bytes]:
    """What a zip holds of installed packages, by name; the same on any machine."""
    found = {path.relative_to(packages).as_posix(): path for path in packages.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not NOT_BUNDLED.match(name)}


def modules(names: Iterable[str]) -> set[str]:
    """The top-level modules that files of these names make importable."""
    tops = {name.partition("/")[0] for name in names}
    return {top.partition(".")[0] for top in tops if not top.endswith((".dist-info", ".pth"))}


def _locked(folder: Path) -> Path:
    """The lock of a requirements.txt, written if there is none or if it is of another text."""
    lock, asked = folder / LOCK, (folder / REQUIREMENTS).read_bytes()
    text = re.sub(rb"\s+", b" ", asked).strip()  # a checkout may change the ends of lines
    head = f"# {REQUIREMENTS} ({hashlib.sha256(text).hexdigest()[:12]}) in full, by lambdist; commit it\n"
    if lock.exists() and lock.read_text(encoding="utf-8").startswith(head):
        return lock
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / LOCK
        if lock.exists():
            shutil.copyfile(lock, made)  # uv keeps its versions where it can
        options = ["--universal", "--generate-hashes", "--no-header", "--no-annotate"]
        options += ["--python-version", OLDEST, "-o", str(made)]
        where = f"{paths.shown(folder / REQUIREMENTS)} cannot be resolved"
        _uv("compile", [*options, REQUIREMENTS], where, cwd=folder)
        try:
            lock.write_text(head + made.read_text(encoding="utf-8"), encoding="utf-8")
        except OSError as error:
            raise DeployError(f"{paths.shown(lock)} cannot be written: {error.strerror}") from error
    return lock


def _install(lock: Path, into: Path, interpreter: Interpreter) -> None:
    options = ["--require-hashes", "--no-deps", "--link-mode", "copy", "--target", str(into)]
    if interpreter.platform:
        options += ["--python-version", interpreter.version, "--python-platform", interpreter.platform]
    where = f"the packages of {paths.shown(lock)} cannot be had for {interpreter}"
    _uv("install", [*options, "-r", LOCK], where, cwd=lock.parent)


def _uv(action: str, options: list[str], where: str, *, cwd: Path) -> None:
    """`uv pip`, with wheels only: what had to be built here would not run elsewhere."""
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


def _reason(said: str) -> str:
    """uv's own words on one line, without the warnings before them, and what to do about it."""
    _, _, error = f"\n{said}".partition("\nerror: ")
    words = " ".join((error or said).replace("cause: ", "").split())
    hints = [hint for sign, hint in HINTS.items() if sign in words]
    return "; ".join([words.rstrip("."), *hints[:1]])
