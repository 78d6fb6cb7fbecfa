"""A notebook writes nothing before it is known to be allowed, and its end is one line."""

import queue
from types import SimpleNamespace

import nbformat
import papermill
import pytest
from nbclient.exceptions import DeadKernelError

from lambdist_lib import paths
from lambdist_lib.errors import (
    DeployError,
    LocalCloudError,
    ParameterError,
    RunError,
    UnfinishedError,
    UsageError,
)
from lambdist_lib.notebooks import runner

NOTEBOOK = paths.notebooks() / "experiment.ipynb"
start_cloud = runner.start_cloud


@pytest.fixture(autouse=True)
def started(monkeypatch):
    """The starts of the local cloud beside a kernel, which these tests do without."""
    starts = queue.Queue()
    monkeypatch.setattr(runner, "start_cloud", lambda: starts.put("started"))
    return starts


@pytest.fixture
def executes(monkeypatch):
    """`executes(error, runs=1)`: papermill writes its output, begins runs, and raises the error."""

    def make(error=None, runs=0):
        def execute_notebook(notebook, output, parameters, **how):
            nbformat.write(nbformat.v4.new_notebook(), output)
            experiment = paths.results() / parameters["experiment_id"]
            for k in range(runs):
                (experiment / "runs" / f"run-{k}").mkdir(parents=True)
            if error:
                raise error

        monkeypatch.setattr(papermill, "execute_notebook", execute_notebook)

    return make


def cell_error(name, text):
    return papermill.PapermillExecutionError(0, 0, "", name, text, [])


@pytest.mark.parametrize("experiment_id", ["../outside", "/tmp/outside", "a/b", "."])
def test_an_id_writes_nothing_outside_the_results(results, executes, experiment_id):
    executes()

    with pytest.raises(ParameterError, match="experiment_id"):
        runner.run_notebook(NOTEBOOK, None, {"experiment_id": experiment_id})

    assert not results.exists()
    assert not (results.parent / "outside").exists()


@pytest.mark.parametrize(
    "refusal", [cell_error("UsageError", "no"), cell_error("RunError", "exists with other chunks")]
)
def test_a_refusal_keeps_the_notebook_that_is_there(results, executes, refusal):
    """It is the record of the experiment whose id was taken; its runs are those of before."""
    (results / "mine" / "runs" / "mine-1").mkdir(parents=True)
    (results / "mine" / "notebook.ipynb").write_text("the first one")
    executes(refusal)

    with pytest.raises((UsageError, RunError)):
        runner.run_notebook(NOTEBOOK, None, {"experiment_id": "mine"})

    assert (results / "mine" / "notebook.ipynb").read_text() == "the first one"
    assert sorted(path.name for path in (results / "mine").iterdir()) == ["notebook.ipynb", "runs"]


def test_a_refusal_leaves_no_folder(results, executes):
    executes(cell_error("GrammarError", "invalid work"))

    with pytest.raises(UsageError, match="invalid work"):
        runner.run_notebook(NOTEBOOK, None, {"experiment_id": "mine"})

    assert not (results / "mine").exists()


@pytest.mark.parametrize(
    ("error", "runs"), [(cell_error("DeployError", "rolled back"), 0), (cell_error("RunError", "lost"), 1)]
)
def test_a_notebook_that_ran_is_kept_with_its_error(results, executes, error, runs):
    """Its error ends in one line, of the class that the cell raised."""
    executes(error, runs)

    with pytest.raises((DeployError, RunError), match=error.evalue):
        runner.run_notebook(NOTEBOOK, None, {"experiment_id": "mine"})

    assert (results / "mine" / "notebook.ipynb").exists()


def test_an_error_of_no_class_of_ours_keeps_its_traceback(results, executes):
    executes(cell_error("ZeroDivisionError", "division by zero"))

    with pytest.raises(papermill.PapermillExecutionError):
        runner.run_notebook(NOTEBOOK, None, {"experiment_id": "mine"})

    assert (results / "mine" / "notebook.ipynb").exists()


@pytest.mark.parametrize(("runs", "text"), [(1, "-p experiment_id mine"), (0, "run the command again")])
def test_a_killed_kernel_is_an_unfinished_experiment(results, executes, runs, text):
    """One line names the commands that go on, and the status is 3."""
    executes(DeadKernelError("Kernel died"), runs)

    with pytest.raises(UnfinishedError, match=text) as ended:
        runner.run_notebook(NOTEBOOK, None, {"experiment_id": "mine"})

    assert ended.value.exit_status == 3
    assert len(str(ended.value).splitlines()) == 1


def test_an_output_is_replaced_by_a_notebook_that_ends(results, executes, tmp_path):
    """The path of a user's own output holds one file, the new one."""
    output = tmp_path / "out" / "a.ipynb"
    output.parent.mkdir()
    output.write_text("before")
    executes()

    runner.run_notebook(NOTEBOOK, output, {}, quiet=True)

    assert nbformat.read(output, as_version=4).cells == []
    assert list(output.parent.iterdir()) == [output]


def test_an_interrupted_notebook_names_the_commands_that_go_on(results, executes):
    """SIGTERM arrives as an interrupt, too; the notebook so far is kept."""
    executes(KeyboardInterrupt(), 1)

    with pytest.raises(KeyboardInterrupt, match=r"its runs are kept: .*experiment_id mine"):
        runner.run_notebook(NOTEBOOK, None, {"experiment_id": "mine"})

    assert (results / "mine" / "notebook.ipynb").exists()


def test_the_local_cloud_starts_beside_the_kernel(results, executes, started):
    """It would otherwise start when the notebook asks for it; one on AWS needs none."""
    executes()

    runner.run_notebook(NOTEBOOK, None, {"experiment_id": "here"}, quiet=True)
    assert started.get(timeout=10) == "started"

    runner.run_notebook(NOTEBOOK, None, {"experiment_id": "there", "target": "aws"}, quiet=True)
    assert started.empty()


@pytest.mark.parametrize("error", [None, LocalCloudError("no port"), OSError("no disk")])
def test_the_start_of_the_local_cloud_leaves_the_rest_to_the_notebook(monkeypatch, error):
    """Errors, and the lease: the notebook's own destroy would otherwise see another user."""
    released = []

    def list_stacks():
        if error:
            raise error

    cloud = SimpleNamespace(release=lambda: released.append(True))
    client = SimpleNamespace(list_stacks=list_stacks)
    target = SimpleNamespace(cloud=cloud, client=lambda service: client)
    monkeypatch.setattr(runner.targets, "connect", lambda name: target)

    start_cloud()

    assert released == [True]
