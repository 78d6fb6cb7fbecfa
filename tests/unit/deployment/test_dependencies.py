"""A user's packages in the zips: the right ones for the target, the same bytes, and clear refusals."""

import io
import zipfile

import pytest
from support import wheels

from lambdist_lib import paths
from lambdist_lib.data.datapoints import Line
from lambdist_lib.deployment import bundles, dependencies
from lambdist_lib.deployment.dependencies import of_lambda
from lambdist_lib.errors import DeployError, UsageError
from lambdist_lib.runs import local_pool_worker, preview

SHOUT = {"shout/__init__.py": "def louder(text):\n    return text.upper() + '!'\n"}
PROCESSING = "import shout\n\ndef process(data):\n    return shout.louder(data)\n"
NOWHERE = "http://127.0.0.1:9/"
HANDLERS = ["collector", "processor", "dead_letter", "single_node"]


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """The only index there is; nothing else is asked, and nothing kept from other tests."""
    folder = tmp_path / "index"
    wheels.make(folder, "shout", SHOUT)
    monkeypatch.setenv("UV_DEFAULT_INDEX", folder.as_uri())
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("LAMBDIST_STATE", str(tmp_path / "state"))
    return folder


@pytest.fixture
def job(tmp_path, shelf):
    """`job("shout\\n")`: a folder with a processing.py and this requirements.txt."""

    def made(requirements="shout\n", code=PROCESSING, name="job", **neighbours):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "processing.py").write_text(code)
        for neighbour, text in neighbours.items():
            (folder / f"{neighbour}.py").write_text(text)
        if requirements is not None:
            (folder / "requirements.txt").write_text(requirements)
        return folder

    return made


def contents(bundle):
    archive = zipfile.ZipFile(io.BytesIO(bundle.content))
    return {name: archive.read(name).decode() for name in archive.namelist()}


def built(handler, folder, **options):
    return bundles.build(handler, processing=folder, **options)


def test_packages_go_into_the_zips_that_run_process_and_into_no_other(job):
    """Our handlers, the person's processing.py and its packages; the collector stays as it was."""
    folder = job()

    for handler in ("processor", "single_node"):
        files = contents(built(handler, folder))
        assert files["processing.py"] == PROCESSING
        assert files["shout/__init__.py"] == SHOUT["shout/__init__.py"]
        assert f"{handler}.py" in files
        assert "shout-1.0.dist-info/METADATA" in files  # importlib.metadata reads it
    for handler in ("collector", "dead_letter"):
        assert built(handler, folder) == bundles.build(handler)


@pytest.mark.parametrize("requirements", [None, "", "# nothing yet\n\n  # nor here\n"])
def test_without_packages_a_zip_is_what_it_was(job, requirements):
    """No requirements.txt, an empty one, one of comments: the same key, and no lock is written."""
    code = (paths.lambdas() / "processing.py").read_text()
    folder = job(requirements, code)

    assert [built(one, folder).key for one in HANDLERS] == [bundles.build(one).key for one in HANDLERS]
    assert not (folder / "requirements.lock").exists()


def test_packages_of_packages_come_along_and_scripts_do_not(job, shelf):
    """A script would hold the path of this machine's Python, and so would the installer's notes."""
    wheels.make(shelf, "choir", {"choir.py": "import shout\n"}, needs=("shout>=1",), script="sing = choir:go")

    files = contents(built("processor", job("choir\n", "import choir\n\ndef process(data):\n    return 1\n")))

    assert {"choir.py", "shout/__init__.py"} <= set(files)
    notes = ("bin/", "RECORD", "INSTALLER", "REQUESTED", ".lock", "__pycache__", "direct_url")
    assert [name for name in files if any(note in name for note in notes)] == []


def test_the_same_lock_gives_the_same_bytes_on_another_machine(job, tmp_path, monkeypatch):
    """Another folder, another cache, another day."""
    first = built("processor", job())
    lock = (tmp_path / "job" / "requirements.lock").read_text()
    monkeypatch.setenv("LAMBDIST_STATE", str(tmp_path / "other-state"))
    other = job(name="clone")
    (other / "requirements.lock").write_text(lock)

    assert built("processor", other) == first


def test_a_lock_stays_until_its_requirements_change(job, shelf):
    """A newer version on the shelf changes nothing; an edit adds what is new and keeps the rest."""
    folder = job()
    before = built("processor", folder)
    lock = (folder / "requirements.lock").read_text()
    assert "commit it" in lock.splitlines()[0]
    assert "shout==1.0" in lock and "--hash=sha256:" in lock
    wheels.make(shelf, "shout", {"shout/__init__.py": "NEW = True\n"}, version="2.0")
    wheels.make(shelf, "echo", {"echo.py": "AGAIN = 2\n"})

    assert built("processor", folder) == before
    (folder / "requirements.txt").write_text("shout\r\n")  # a checkout on Windows
    assert built("processor", folder) == before
    (folder / "requirements.txt").write_text("shout\necho\n")
    files = contents(built("processor", folder))

    assert "echo.py" in files
    assert files["shout/__init__.py"] == SHOUT["shout/__init__.py"]
    (folder / "requirements.txt").write_text("shout>=2\n")
    assert contents(built("processor", folder))["shout/__init__.py"] == "NEW = True\n"


def test_a_lock_serves_without_any_index(job, monkeypatch):
    """What was installed once is kept below .lambdist/."""
    folder = job()
    before = built("processor", folder)
    monkeypatch.setenv("UV_DEFAULT_INDEX", NOWHERE)

    assert built("processor", folder) == before


@pytest.mark.parametrize(
    ("runtime", "architecture", "expected"),
    [
        ("python3.13", "x86_64", "for Intel"),
        ("python3.13", "arm64", "for ARM"),
        ("python3.11", "x86_64", "for an old glibc"),
        ("python3.14", "x86_64", "for any"),
    ],
)
def test_a_wheel_is_the_targets_own(job, shelf, runtime, architecture, expected):
    """Python, processor and glibc of the Lambda decide, whatever runs here; else pure Python serves."""
    tags = {
        "cp313-cp313-manylinux_2_28_x86_64": "for Intel",
        "cp313-cp313-manylinux2014_aarch64": "for ARM",
        "cp311-cp311-manylinux_2_28_x86_64": "for a glibc that Amazon Linux 2 has not",
        "cp311-cp311-manylinux2014_x86_64": "for an old glibc",
        "py3-none-any": "for any",
    }
    for tag, text in tags.items():
        wheels.make(shelf, "built", {"built.py": f"WHERE = {text!r}\n"}, tag=tag)
    folder = job("built\n", "import built\n\ndef process(data):\n    return built.WHERE\n")

    files = contents(built("processor", folder, interpreter=of_lambda(runtime, architecture)))

    assert files["built.py"] == f"WHERE = {expected!r}\n"


def test_a_package_that_only_this_machine_has_is_refused_for_lambda(job, shelf):
    """By its name, with the platform that is missing, before anything is uploaded."""
    wheels.make(shelf, "onlywin", {"onlywin.py": ""}, tag="cp313-cp313-win_amd64")
    folder = job("onlywin\n", "import onlywin\n\ndef process(data):\n    return 1\n")

    message = r"for Python 3\.13 on aarch64-manylinux_2_34: .*onlywin==1\.0.*use a version or"
    with pytest.raises(DeployError, match=message):
        built("processor", folder, interpreter=of_lambda("python3.13", "arm64"))


@pytest.mark.parametrize(
    ("requirements", "message"),
    [
        ("no-such-package\n", r"cannot resolve .*requirements\.txt: .*no-such-package"),
        ("shout>=9\n", r"cannot resolve .*requirements\.txt: .*shout>=9"),
        ("shout ==\n", r"cannot resolve .*requirements\.txt: .*requirements\.txt"),
    ],
)
def test_what_cannot_be_resolved_is_said_on_one_line(job, requirements, message):
    """An unknown package, a version that nobody made, a line that is no requirement."""
    with pytest.raises(DeployError, match=message) as caught:
        built("processor", job(requirements))

    assert "\n" not in str(caught.value)


def test_a_missing_network_is_said(job, monkeypatch):
    """With what may be wrong: the network, or the index."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", NOWHERE)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")

    with pytest.raises(DeployError, match=r"check the network and the index"):
        built("processor", job("elsewhere\n"))


def test_code_beyond_lambdas_limit_is_refused_with_the_largest_parts(job, shelf):
    """250 MiB unzipped; here a smaller one."""
    wheels.make(shelf, "vast", {"vast/table.py": "# " + "x" * 300_000})
    folder = job("vast\n", "import vast.table\n\ndef process(data):\n    return 1\n")

    with pytest.raises(DeployError, match=r"MiB unzipped, and Lambda allows 0; largest: vast 0\.3, "):
        built("processor", folder, max_bytes=200_000)


def test_an_import_that_no_package_provides_is_refused(job):
    """With the file in which to ask for it."""
    code = "import pandas\n\ndef process(data):\n    return 1\n"

    with pytest.raises(DeployError, match=r"imports pandas, which Lambda does not have; add its package"):
        built("processor", job("shout\n", code))


def test_a_package_that_hides_one_of_our_modules_is_refused(job, shelf):
    """A zip has one folder for all."""
    wheels.make(shelf, "hiding", {"items.py": ""})

    with pytest.raises(DeployError, match=r"requirements\.txt installs a module items"):
        built("processor", job("hiding\n", "def process(data):\n    return 1\n"))


def test_a_neighbour_that_hides_one_of_our_modules_is_refused(job):
    """In the user's folder; a folder with its own handlers is taken as it is."""
    with pytest.raises(UsageError, match=r"messages\.py has the name of a module of lambdas/; rename it"):
        built("processor", job(messages="HELLO = 1\n"))


def test_try_and_the_local_pool_find_the_packages(job, tmp_path):
    """And another folder's neighbour of the same name is not mistaken for this one's."""
    (tmp_path / "data.txt").write_text("one\n")
    data = str(tmp_path / "data.txt")
    code = "import shout, tail\n\ndef process(data):\n    return shout.louder(data) + tail.END\n"
    folder = job(code=code, tail="END = '?'\n")
    other = job(None, "import tail\n\ndef process(data):\n    return tail.END\n", "other", tail="END = '.'\n")

    for place, result in ((folder, "ONE!?"), (other, ".")):
        assert list(preview.preview(data, 1, processing=place)) == [{"n": 0, "data": "one", "result": result}]
    controls = {"processes": 1, "work": "none", "fault": "none", "tries": 1}
    assert (
        local_pool_worker.process_all([Line(0, "one")], processing=folder, **controls)[0]["result"]
        == '"ONE!?"'
    )


def test_a_folder_is_found_from_here_and_from_the_project(tmp_path, monkeypatch):
    """As data files are; its processing.py names it as well."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "processing.py").write_text("def process(data):\n    return 1\n")
    monkeypatch.chdir(tmp_path)

    assert bundles.folder("") == paths.lambdas()
    assert bundles.folder("lambdas") == paths.lambdas()
    assert bundles.folder("own") == bundles.folder(own / "processing.py") == own
    with pytest.raises(UsageError, match=r"there is no nowhere/processing\.py; name a folder"):
        bundles.folder("nowhere")


def test_a_namespace_and_an_extension_module_are_known_by_their_first_name():
    """What stands in the zip decides what can be imported."""
    names = [
        "google/cloud/storage.py",
        "_fast.cpython-313-x86_64-linux-gnu.so",
        "six.py",
        "x-1.dist-info/METADATA",
    ]

    assert dependencies.modules(names) == {"google", "_fast", "six"}
