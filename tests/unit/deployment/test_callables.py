"""A function as a folder with a processing.py: by value, complete, and the same for the same function."""

import io
import subprocess
import sys
import threading
import types
import zipfile
from functools import partial

import pytest

from lambdist_lib.deployment import bundles, callables
from lambdist_lib.deployment.dependencies import HERE
from lambdist_lib.errors import DeployError, UsageError
from lambdist_lib.runs import preview

RUN = """
import sys
sys.path[:0] = sys.argv[2:]
import processing
print(repr(processing.process(sys.argv[1])))
"""


COUNTER = """
class Counter:
    def __init__(self, start):
        self.start = start

    def __call__(self, number):
        return self.start + number
"""


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMBDIST_STATE", str(tmp_path / "state"))


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """A module beside a notebook, and a package."""
    (tmp_path / "helper_beside.py").write_text("import re\n\ndef twice(value):\n    return 2 * value\n")
    package = tmp_path / "package_beside"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import thrice\n")
    (package / "inner.py").write_text("def thrice(value):\n    return 3 * value\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def of_notebook(source, name="process", **names):
    """A function as a notebook's cell defines it."""
    module = types.ModuleType("__main__")
    module.__dict__.update(names)
    exec(compile(source, f"/tmp/ipykernel_{id(module)}/123.py", "exec"), module.__dict__)
    return module.__dict__[name]


def ran(folder, data):
    """Call the folder's zip in a Python that has nothing else."""
    zipped = folder / "zip"
    zipfile.ZipFile(io.BytesIO(bundles.build("processor", processing=folder).content)).extractall(zipped)
    command = [sys.executable, "-I", "-S", "-c", RUN, data, str(zipped)]
    return subprocess.run(command, capture_output=True, text=True)


def called(folder, data):
    """What that call answers."""
    done = ran(folder, data)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_functions_of_every_kind_travel_by_value(helper):
    """A closure, a lambda, an instance with state, a method of str, a function with modules beside it."""
    import helper_beside
    import package_beside

    factor = 3
    counter = of_notebook(COUNTER, "Counter")(10)

    assert called(callables.write(lambda number: number * factor), "5") == "15"
    assert called(callables.write(counter), "5") == "15"
    assert called(callables.write(str.upper), '"word"') == "'WORD'"
    assert called(callables.write(partial(max, 7)), "5") == "7"
    assert called(callables.write(helper_beside.twice, modules=[helper_beside]), "5") == "10"
    assert called(callables.write(lambda x: helper_beside.twice(x), modules=["helper_beside"]), "5") == "10"
    package = str(helper / "package_beside")
    assert called(callables.write(lambda x: package_beside.thrice(x), modules=[package]), "5") == "15"


def test_items_arrive_as_objects_and_datapoints_of_a_file_as_strings():
    """Which of both is a matter of the written code, so no datapoint is ambiguous."""
    assert called(callables.write(lambda item: item), '{"a": [1, null]}') == "{'a': [1, None]}"
    assert called(callables.write(lambda item: item, as_json=False), "5") == "'5'"


def test_a_zip_is_named_for_its_function_and_for_what_it_takes():
    """`lambdist submit` reads there what runs in a stack; the other zips hold no function."""
    objects, strings = callables.write(str.upper), callables.write(str.upper, as_json=False)

    keys = [bundles.build(handler, processing=objects).key for handler in ("collector", "processor")]
    assert callables.takes_json(keys) == "upper"
    assert callables.takes_json(keys[:1]) == ""
    assert callables.takes_json([bundles.build("single_node", processing=objects).key]) == "upper"
    assert callables.takes_json([bundles.build("processor", processing=strings).key]) == ""
    assert callables.takes_json([bundles.build("processor").key]) == ""


def test_a_line_that_is_not_json_dies_at_once_and_says_what_to_do():
    """A client of the API sends text to whatever is deployed."""
    done = ran(callables.write(lambda item: item), "word")

    cause = done.stderr.strip().splitlines()[-1]
    assert "PermanentError: not JSON, and this stack runs a function" in cause
    assert "`lambdist deploy`" in cause


def test_an_equal_function_is_the_same_folder_in_any_kernel():
    """Neither the process id in a cell's file name nor the hash seed of strings is in it."""
    source = "def process(item):\n    return {'a', 'b', 'c'} & set(item) or SHIFT"
    first = callables.write(of_notebook(source, SHIFT=1))

    assert callables.write(of_notebook(source, SHIFT=1)) == first
    assert callables.write(of_notebook(source, SHIFT=2)) != first
    assert callables.write(of_notebook(source, SHIFT=1), requirements=["six"]) != first

    code = (
        "from lambdist_lib.deployment import callables\n"
        "def process(item):\n    return [len(part) for part in item.split() if part in ('a', 'b')]\n"
        "print(callables.write(process))"
    )
    names = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONHASHSEED": seed}
        ).stdout.rpartition("/")[2]
        for seed in ("1", "2", "3")
    }
    assert len(names) == 1 and names != {""}


def test_what_cannot_be_pickled_is_told_in_one_line():
    """A lock of the notebook's cannot travel; the message says what to do instead."""
    lock = threading.Lock()

    with pytest.raises(UsageError, match="inside the function") as caught:
        callables.write(lambda item: lock.locked())
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError):
        callables.write(5)


@pytest.mark.parametrize(
    "source",
    [
        "def process(item):\n    import numpy\n    return numpy.sqrt(item)",
        "import numpy\ndef process(item):\n    return numpy.sqrt(item)",
        "import helper_beside\ndef process(item):\n    return helper_beside.twice(item)",
        "from helper_beside import twice as process",
    ],
    ids=["inside", "global", "module", "by-reference"],
)
def test_a_missing_import_is_refused_before_a_deploy(helper, source):
    """What Lambda does not have is named, and which of the two arguments brings it."""
    folder = callables.write(of_notebook(source))

    with pytest.raises(DeployError, match=r"requirements=\['\w+'\].*modules="):
        bundles.build("processor", processing=folder)


def test_names_of_the_zip_are_refused_for_modules(tmp_path):
    """A module may not hide the pickle or cloudpickle, and must exist."""
    (tmp_path / "processing.py").write_text("")

    for module in (tmp_path / "processing.py", "no_such_module", tmp_path):
        with pytest.raises(UsageError):
            callables.write(str.upper, modules=[module])
    with pytest.raises(UsageError):
        callables.write(str.upper, requirements="requests")


def test_the_lambdas_python_is_the_clients():
    """On AWS the runtime follows the client; another one that is asked for is refused."""
    folder, own = callables.write(str.upper), f"python{HERE.version}"

    assert callables.with_runtime({}, folder, "aws") == {"runtime": own}
    assert callables.with_runtime({}, folder, "local") == {}
    assert callables.with_runtime({}, bundles.folder(""), "aws") == {}
    with pytest.raises(UsageError, match=own):
        callables.with_runtime({"runtime": "python3.9"}, folder, "aws")


def test_a_preview_calls_the_pickled_function(tmp_path):
    """The same folder serves `lambdist try`."""
    (tmp_path / "data.txt").write_text("5\n[]\n")
    folder = callables.write(lambda number: number + 1)

    answers = list(preview.preview(str(tmp_path / "data.txt"), 2, processing=folder))

    assert answers[0] == {"n": 0, "data": "5", "result": 6}
    assert answers[1]["error"].startswith("TypeError")
