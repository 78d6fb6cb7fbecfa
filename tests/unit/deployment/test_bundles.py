"""The zips of the functions: reproducible, complete, small, and importable where Lambda has nothing else."""

import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import pytest

from lambdist_lib import paths
from lambdist_lib.deployment import bundles
from lambdist_lib.errors import DeployError, UsageError

HANDLERS = ["collector", "processor", "dead_letter", "single_node"]
OF_BOTO3 = ["boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"]
IN_LAMBDA = """
import importlib, sys
archive, packages, handler, *given = sys.argv[1:]

class Guard:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in given:
            raise ImportError(f"{name} is not in a Lambda")

sys.meta_path.insert(0, Guard())
sys.path[:] = [archive, *sys.path, packages]
module = importlib.import_module(handler)
ours = [m.__file__ for n, m in sys.modules.items() if n.startswith("lambdist_lib") or n in given[7:]]
assert all(file.startswith(archive) for file in ours), ours
print(callable(module.handler), len(ours))
"""
SETTINGS = (
    "MAX_CHARS=9 PATTERN= FUNCTION_TIMEOUT_S=9 EXPERIMENT_CONTROLS=off QUEUE_URL=q DEAD_LETTER_QUEUE_URL=d "
    "RETRY_DELAY_S=1 MAX_RECEIVES=5 TABLE_NAME=t PARTIAL_BATCH_RESPONSES=on PERMANENT_AT_ONCE=on "
    "ITEM_DAYS=1 TOPIC_ARN=a STACK_NAME=s DIGEST_EXAMPLES=0 "
    "AWS_DEFAULT_REGION=eu-west-1"
)


@pytest.fixture
def lambdas(tmp_path):
    """A copy of lambdas/ that a test may edit."""
    return shutil.copytree(paths.lambdas(), tmp_path / "lambdas")


def names(bundle):
    return set(zipfile.ZipFile(io.BytesIO(bundle.content)).namelist())


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_bundle_imports_where_lambda_has_nothing_else(handler, tmp_path):
    """Standard library, boto3 and the zip's own files are enough, and ours come out of the zip."""
    bundle = bundles.build(handler)
    archive = tmp_path / "function.zip"
    archive.write_bytes(bundle.content)
    own = [name.partition(".")[0].partition("/")[0] for name in names(bundle)]
    packages = Path(boto3.__file__).parents[1]

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IN_LAMBDA, archive, packages, handler, *OF_BOTO3, *own],
        env=dict(setting.split("=") for setting in SETTINGS.split()),
        capture_output=True,
        text=True,
    )

    assert done.stderr == ""
    assert done.stdout.startswith("True")


def test_equal_code_gives_equal_bytes_wherever_and_whenever(lambdas):
    """Neither the folder nor a file's time is in the zip, so unchanged code is an unchanged stack."""
    for path in lambdas.glob("*.py"):
        os.utime(path, (1, 1))

    for handler in HANDLERS:
        assert bundles.build(handler, processing=lambdas) == bundles.build(handler)


def test_a_change_gives_a_new_key_to_those_that_hold_it(lambdas):
    """processing.py is in two bundles; the other two keep their names."""
    before = {handler: bundles.build(handler, processing=lambdas).key for handler in HANDLERS}
    with (lambdas / "processing.py").open("a") as file:
        file.write("\n# a word more\n")

    after = {handler: bundles.build(handler, processing=lambdas).key for handler in HANDLERS}

    changed = {handler for handler in HANDLERS if after[handler] != before[handler]}
    assert changed == {"processor", "single_node"}
    assert all(key.startswith(handler) and key.endswith(".zip") for handler, key in after.items())


def test_a_bundle_holds_what_its_handler_imports_and_nothing_else():
    """The collector needs neither processing.py nor the table; nobody needs pandas."""
    assert names(bundles.build("collector")) == {
        "collector.py", "environment.py", "api_request.py", "experiment_controls.py",
        "lambdist_lib/__init__.py", "lambdist_lib/errors.py", "lambdist_lib/protocol/__init__.py",
        "lambdist_lib/protocol/arm_limits.py", "lambdist_lib/protocol/arms.py",
        "lambdist_lib/protocol/causes.py",
        "lambdist_lib/protocol/contract.py", "lambdist_lib/protocol/faults.py",
    }  # fmt: skip
    assert "processing.py" in names(bundles.build("processor"))
    assert all(len(bundles.build(handler).content) < 50_000 for handler in HANDLERS)


def test_neighbours_of_processing_go_along(lambdas):
    """A module that processing.py imports, even inside a function, is in the zip with what it imports."""
    (lambdas / "processing.py").write_text(
        "def process(data):\n    import model\n    return model.of(data)\n"
    )
    (lambdas / "model.py").write_text("import weights\n\ndef of():\n    return weights.W\n")
    (lambdas / "weights.py").write_text("W = 1\n")

    assert names(bundles.build("processor", processing=lambdas)) >= {
        "processing.py",
        "model.py",
        "weights.py",
    }
    assert "model.py" not in names(bundles.build("collector", processing=lambdas))


def test_files_in_a_bundle_can_be_read_by_lambdas_user():
    """Whatever this machine's umask was."""
    archive = zipfile.ZipFile(io.BytesIO(bundles.build("processor").content))

    assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import pandas\n", "processing.py imports pandas, which Lambda does not have; add its package"),
        ("def process(data:\n", "processing.py does not parse: .*, line 1"),
        (
            "from lambdist_lib import no_such_module\n",
            "imports lambdist_lib.no_such_module, which Lambda does not have",
        ),
    ],
)
def test_code_that_lambda_could_not_import_is_refused(lambdas, code, message):
    """Before anything is uploaded, naming file and import."""
    (lambdas / "processing.py").write_text(code)

    with pytest.raises(DeployError, match=message):
        bundles.build("processor", processing=lambdas)


def test_a_missing_handler_is_named(lambdas):
    """A folder without the handler's file is no folder of Lambdas."""
    (lambdas / "collector.py").unlink()

    with pytest.raises(DeployError, match=r"collector\.py does not exist"):
        bundles.build("collector", processing=lambdas)


# -- The folder of a job ------------------------------------------------------------------------


@pytest.fixture
def job(tmp_path):
    """`job(code, {"path": "text"})`: a folder with this processing.py and these files."""

    def written(code="def process(data):\n    return data\n", files=()):
        folder = tmp_path / "job"
        for name, text in {"processing.py": code, **dict(files)}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder

    return written


def test_the_whole_folder_of_a_job_ships(job):
    """Data, packages with and without __init__.py, and a module that only a string names."""
    files = ["table.csv", "words/de.txt", "pack/__init__.py", "pack/sub/deep.py", "loose/part.py", "named.py"]
    folder = job(files=dict.fromkeys(files, ""))

    for handler in ("processor", "single_node"):
        assert names(bundles.build(handler, processing=folder)) >= {"processing.py", *files}
    assert not names(bundles.build("collector", processing=folder)).intersection(files)


def test_data_beside_our_own_processing_ships(lambdas):
    """Who edits lambdas/processing.py puts a table there, too; other handlers stay out."""
    (lambdas / "table.csv").write_text("1,2")
    (lambdas / "words").mkdir()
    (lambdas / "words" / "de.txt").write_text("Wort")

    assert names(bundles.build("processor", processing=lambdas)) - names(bundles.build("processor")) == {
        "table.csv",
        "words/de.txt",
    }


def test_what_a_zip_has_no_use_for_stays_out(job):
    """Caches, environments, secrets, results, notebooks, and what .lambdistignore names."""
    ignored = [
        ".git/config", ".venv/lib/x.py", "venv/x.py", "__pycache__/a.pyc", "pack/__pycache__/a.pyc", ".env",
        "results/a/run.json", "job.ipynb", ".ipynb_checkpoints/job.ipynb", "node_modules/x/index.js",
        "x.egg-info/PKG-INFO", "raw/big.bin", "pack/notes.txt", "deep/in/raw/other.bin",
    ]  # fmt: skip
    own = {".lambdistignore": "# mine\nraw\n*/notes.txt\n", "kept.txt": "", "pack/kept.txt": ""}
    folder = job(files={**dict.fromkeys(ignored, ""), **own})

    shipped = names(bundles.build("processor", processing=folder))

    assert shipped >= {"kept.txt", "pack/kept.txt"}
    assert shipped.isdisjoint({*ignored, ".lambdistignore"})


def test_links_are_followed_once(job, tmp_path):
    """A link to data elsewhere ships what it points to; one in a circle ends."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "table.csv").write_text("1")
    folder = job()
    (folder / "data").symlink_to(tmp_path / "elsewhere")
    (folder / "circle").symlink_to(folder)
    (folder / "broken").symlink_to(folder / "nowhere")

    bundle = bundles.build("processor", processing=folder)

    assert "data/table.csv" in names(bundle)
    assert not any(name.startswith(("circle", "broken")) for name in names(bundle))


def test_a_folder_beyond_lambdas_limit_is_refused_with_its_largest_files(job):
    """Before it is read: it may be larger than memory."""
    folder = job(files={"models/large.bin": b"0" * 3_000_000, "small.bin": b"0" * 500_000})
    os.truncate(folder / "models" / "large.bin", 400 * 2**20)  # sparse

    with pytest.raises(
        DeployError, match=r"allows 250; largest: models/large\.bin 400\.0, small\.bin 0\.5, .*ignore"
    ):
        bundles.build("processor", processing=folder)


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    import orjson\nexcept ImportError:\n    orjson = None\n",
        "try:\n    from orjson import loads\nexcept (ValueError, ModuleNotFoundError):\n    pass\n",
        "try:\n    import orjson\nexcept:\n    pass\n",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import orjson\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\n",
        "try:\n    import helper\nexcept ImportError:\n    helper = None\n",
    ],
)
def test_an_optional_import_may_be_missing(job, code):
    """And so may what an optional module imports."""
    folder = job(code + "\ndef process(data):\n    return data\n", {"helper.py": "import orjson\n"})

    assert bundles.build("processor", processing=folder)


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    import orjson\nexcept KeyError:\n    pass\n",
        "try:\n    pass\nexcept ImportError:\n    import orjson\n",
        "import pack.inner\n",
        "from pack import inner\n",
        "from loose import part\n",
        "import pack\n",
    ],
)
def test_an_import_that_is_needed_is_not_optional(job, code):
    """Also in the modules of a package, however they are imported."""
    files = {"pack/__init__.py": "from . import inner\n", "pack/inner.py": "import orjson\n"}
    folder = job(code, {**files, "loose/part.py": "from pack.inner import x\n"})

    with pytest.raises(DeployError, match="imports orjson, which Lambda does not have"):
        bundles.build("processor", processing=folder)


@pytest.mark.parametrize(
    "source",
    [
        "# -*- coding: latin-1 -*-\nNAME = 'é'\n".encode("latin-1"),
        b"\xef\xbb\xbfNAME = '\xc3\xa9'\n",
    ],
    ids=["cookie", "byte order mark"],
)
def test_a_sources_encoding_is_honoured(job, source):
    """Python reads it, so the zip may hold it."""
    assert "helper.py" in names(
        bundles.build("processor", processing=job("import helper\n", {"helper.py": source}))
    )


@pytest.mark.parametrize("source", [b"\0", b"# coding: nonsense\n", b"NAME = '\xe9'\n"])
def test_a_source_that_python_cannot_read_is_refused(job, source):
    """With its name, not a traceback."""
    with pytest.raises(DeployError, match=r"helper\.py does not parse"):
        bundles.build("processor", processing=job("import helper\n", {"helper.py": source}))


def test_a_package_that_hides_one_of_our_modules_is_refused(job):
    """A folder with modules is one, whether it has an __init__.py or not."""
    with pytest.raises(UsageError, match="items has the name of a module of lambdas/; rename it"):
        bundles.build("processor", processing=job(files={"items/one.py": ""}))


def test_a_stage_holds_what_the_zip_holds(job, tmp_path):
    """`try` and the local pool import from it."""
    folder = job(files={"table.csv": "1,2", "pack/__init__.py": ""})

    [task] = bundles.stage(folder, tmp_path / "task")

    staged = {path.relative_to(task).as_posix() for path in Path(task).rglob("*") if path.is_file()}
    assert staged == names(bundles.build("processor", processing=folder))
