"""Wheels made on the spot, in an index that is a folder: for an installer without a network."""

import hashlib
import zipfile
from pathlib import Path


def make(
    folder: Path,
    name: str,
    code: dict[str, str],
    *,
    version: str = "1.0",
    tag: str = "py3-none-any",
    needs: tuple[str, ...] = (),
    script: str = "",
) -> None:
    """A wheel with these files, in the index of `folder`; `script` is an entry point: `tool = name:main`."""
    info = f"{name}-{version}.dist-info"
    required = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        **code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
        **({f"{info}/entry_points.txt": f"[console_scripts]\n{script}\n"} if script else {}),
    }
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place / f"{name}-{version}-{tag}.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
        record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
        wheel.writestr(f"{info}/RECORD", record)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in place.glob("*.whl")}
    links = [f'<a href="{file}#sha256={digest}">{file}</a>' for file, digest in sorted(digests.items())]
    (place / "index.html").write_text(f"<!DOCTYPE html><html><body>{'<br>'.join(links)}</body></html>")
