"""The next step that a message prints works when it is typed."""

import re

import pytest
from support import printed

from lambdist_lib import paths
from lambdist_lib.cli import main
from lambdist_lib.cli.parser import build_parser
from lambdist_lib.data import datapoints
from lambdist_lib.runs import local_pool
from lambdist_lib.runs.conditions import Conditions

COMMANDS = [
    (module, command)
    for module, command in printed.commands()
    if module not in ("cli/parser.py", "cli/options.py")  # the help, and a pattern of these commands
]
MENTION = re.compile("lambdist (run|submit|resume)")  # a command's name in a sentence, not one to type
OF_A_RUN = {"resume", "fetch", "dead", "analyse"}  # typed below, for a run of this module
FOR_A_RUN = sorted({command for _, command in COMMANDS if re.match(r"lambdist \w+ pool", command)})
LOCAL_CLOUD = "tests/local_cloud/"
TYPED_BY = {  # what needs a cloud, a browser's page or a checkout, by the test that types it
    "api": f"{LOCAL_CLOUD}test_cli.py",
    "cloud": f"{LOCAL_CLOUD}test_cli.py",
    "deploy": f"{LOCAL_CLOUD}test_cli.py",
    "destroy": f"{LOCAL_CLOUD}test_cli.py",
    "gallery": "tests/unit/project/test_committed_results.py",
    "leaks": f"{LOCAL_CLOUD}test_documented.py",
    "package": "tests/unit/deployment/test_packaging.py",
    "redrive": f"{LOCAL_CLOUD}test_documented.py",
    "report": "tests/unit/report/test_page.py",
    "run": f"{LOCAL_CLOUD}test_cli.py",
    "submit": f"{LOCAL_CLOUD}test_cli.py",
    "try": f"{LOCAL_CLOUD}test_documented.py",
}


@pytest.mark.parametrize(("module", "command"), COMMANDS, ids=[" ".join(entry) for entry in COMMANDS])
def test_a_printed_command_is_complete(module, command, capsys):
    """Each name, option and argument exists, and none is missing."""
    assert "<" not in command, "tests/support/printed.py needs a sample for this placeholder"
    words = printed.words_of(command)
    if MENTION.fullmatch(command) or words == ["--help"]:
        return

    assert build_parser().parse_args(words).call


def test_each_printed_command_is_typed_by_a_test():
    """Here for a run, elsewhere for a cloud: a new one gets a test, too."""
    verbs = {printed.words_of(command)[0] for _, command in COMMANDS} - {"--help"}

    assert verbs == OF_A_RUN | TYPED_BY.keys()
    assert all((paths.root() / test).exists() for test in TYPED_BY.values())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Results with one run that needs no cloud, `pool-lp`, of which a datapoint is dead."""
    results = tmp_path_factory.mktemp("results")
    words, conditions = datapoints.from_iterable(["a", "b", "c"]), Conditions(chunks=2, fault="permanent:1@1")
    local_pool.run(words, conditions, results / "pool" / "runs" / "pool-lp")
    return results


@pytest.mark.parametrize(
    "command", [command for command in FOR_A_RUN if printed.words_of(command)[0] in OF_A_RUN]
)
def test_a_printed_command_for_a_run_succeeds(command, run, monkeypatch, capsys):
    """Typed as it is printed, with the run's id in its place."""
    monkeypatch.setenv("LAMBDIST_RESULTS", str(run))

    status = main.main(printed.words_of(command))

    assert status == 0, capsys.readouterr().err
