"""Write a folder with zips, templates and commands, to deploy by hand.

    packaging.write("build/package")                            both stacks
    packaging.write("build/sam", as_sam=True, bucket="mine")    the SAM application, to deploy or to publish

The same files give the same bytes on any machine. Nothing here calls AWS.
"""

import importlib.metadata
import re
import string
from pathlib import Path

from lambdist_lib import paths
from lambdist_lib.deployment import bundles, sam_template, stacks, tags, templates
from lambdist_lib.errors import DeployError, UsageError

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # as ArtifactBucket of the templates takes it
PLACEHOLDER = "YOUR-BUCKET"
COMMANDS = "COMMANDS.md"
TEXTS = "commands"  # below cloudformation/


def write(
    folder: str | Path, *, as_sam: bool = False, bucket: str = "", processing: Path | None = None
) -> list[Path]:
    """Write the folder; replaces the files of an earlier package.

    Args:
        as_sam: Write the SAM application instead of the two stacks.
        bucket: S3 bucket of the zips, filled into the templates.
        processing: Folder with processing.py (`bundles.folder`), default lambdas/; its packages are
            those for the templates' default runtime and architecture.

    Returns:
        The files, sorted by name.

    Raises:
        UsageError: The folder holds other files, or the bucket's name is invalid.
        DeployError: A function's code cannot be bundled.
    """
    if bucket and not BUCKET.fullmatch(bucket):
        raise UsageError(f"invalid bucket name {bucket!r}: use 3 to 63 of a-z, 0-9, - and .")
    kinds = ("distributed",) if as_sam else templates.KINDS
    built = {kind: stacks.build_bundles(kind, {}, processing) for kind in kinds}
    files = {bundle.key: bundle.content for keys in built.values() for bundle in keys.values()}
    files |= _application(built["distributed"], bucket) if as_sam else _stacks(built, bucket)
    return _put(Path(folder), files)


def _put(folder: Path, files: dict[str, bytes]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in folder.iterdir()}
    if names and COMMANDS not in names:
        raise UsageError(f"{paths.shown(folder)} holds {min(names)}, which no package has; name a new folder")
    for name in names:
        if name.endswith((".zip", ".yaml")):  # of the earlier code
            (folder / name).unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in sorted(files)]


def _stacks(built: dict[str, dict[str, bundles.Bundle]], bucket: str) -> dict[str, bytes]:
    """Return both templates with the zips' names filled in, and the commands."""
    files = {}
    for kind, keys in built.items():
        values = {"ArtifactBucket": bucket} if bucket else {}
        values |= {key: bundle.key for key, bundle in keys.items()}
        files[f"{kind}.yaml"] = _with_defaults(templates.body(kind), values).encode()
    return files | {COMMANDS: _commands("stacks", bucket)}


def _with_defaults(text: str, values: dict[str, str]) -> str:
    """Return a template with these defaults for parameters that have none."""
    for name, value in values.items():
        declared = re.search(rf"(?m)^  {name}:\n(?:    .*\n)+", text)
        if declared is None:
            raise AssertionError(f"the template does not declare {name}")
        filled = f'{declared[0]}    Default: "{value}"\n'.replace("No default; it carries", "It carries")
        filled = filled.replace(
            "No default; `lambdist deploy` uploads them first.", "They lie beside this file."
        )
        text = text.replace(declared[0], filled)
    return text


def _application(keys: dict[str, bundles.Bundle], bucket: str) -> dict[str, bytes]:
    """Return the SAM application: template with the zips' places, documents and commands."""
    where = f"s3://{bucket}/" if bucket else ""
    text = templates.with_deployment_hash(
        (paths.cloudformation() / sam_template.FILE).read_text(encoding="utf-8")
    )
    for bundle in keys.values():
        text = text.replace(f"CodeUri: {bundle.handler}.zip\n", f"CodeUri: {where}{bundle.key}\n")
    for document in sam_template.DOCUMENTS:
        text = text.replace(f"Url: {document}\n", f"Url: {where}{Path(document).name}\n")
    documents = {Path(name).name: _document(name) for name in sam_template.DOCUMENTS}
    return {sam_template.FILE: text.encode(), COMMANDS: _commands("sam", bucket), **documents}


def _document(name: str) -> bytes:
    """Read a document beside the template; an installed package keeps its licence with its metadata."""
    path = paths.cloudformation() / name
    if path.is_file():
        return path.read_bytes()
    text = importlib.metadata.distribution("lambdist-lib").read_text(f"licenses/{path.name}")
    if text is None:
        raise DeployError(f"the installation lacks {path.name}: install lambdist-lib again")
    return text.encode()


def _commands(name: str, bucket: str) -> bytes:
    text = (paths.cloudformation() / TEXTS / f"{name}.md").read_text(encoding="utf-8")
    values = {"bucket": bucket or PLACEHOLDER, "tag": tags.STACK}
    return string.Template(text).substitute(values).encode()
