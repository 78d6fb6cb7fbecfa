"""Every option of every command at the edges of its values.

A bad value ends with status 2 and one line, before a cloud is started, a folder is made or a file is read.
A good one is parsed. `test_every_option_has_its_edges` fails for an option that is not in the table.
"""

import contextlib
import re
import shlex

import pytest

from lambdist_lib import experiment
from lambdist_lib.cli import main, parser
from lambdist_lib.cli.declaration import Exclusive
from lambdist_lib.cloud import local_cloud, targets
from lambdist_lib.deployment import templates
from lambdist_lib.errors import LambdistError

PARSER = parser.build_parser()
COUNT = ["0", "-1", "1.5", "", "x", "1e3", "nan", "\uff11", "1_0"]
SECONDS = ["-1", "", "x", "nan", "inf", "1e999"]
ABOVE_ZERO = ["0", *SECONDS]
EMPTY = ["", " "]
PLAN = "plan --datapoints 10"
SEND = {  # option of `submit` and `run`: good values, bad values
    "data": (["data/words.txt", "-", "s3://bucket/key"], EMPTY),
    "--format": (["lines", "jsonl", "csv", "tsv", "parquet"], ["xml", "CSV", " csv"]),
    "--column": (["url", "url,lang", "a b"], ["", ",", "url,", "url,url"]),
    "--chunks": (["1", "2", "100000"], COUNT),
    "--rate": (["0", "0.5", "1e6"], SECONDS),
    "--request-batch": (["1", "100"], [*COUNT, "101"]),
    "--work": (["none", "io:100ms", "cpu:50ms", "io:1s"], ["io", "io:fast", "io:-1ms", "disk:1ms"]),
    "--fault": (
        ["none", "raise:0", "raise:1", "raise:0.1,permanent:1@5+7-9", "throttle:0.5", "seed:3"],
        ["raise", "raise:", "raise:1.1", "raise:-0.1", "crush:1", "raise:nan", "raise:1@", "raise:1@9-5"],
    ),
    "--seed": (["0", "1", "4294967295"], ["-1", "1.5", "", "x"]),
    "--id": (["a", "a-0", "a" * 28], ["", "A", "a b", "../a", "a/b", "a" * 29, "ä"]),
    "--allow-rejected": ([None], []),
    "--stop-if-dead": (
        ["0", "1", "5%", "0%", "99.9%"],
        ["", "-1", "100%", "101%", "-5%", "x", "nan%", "0.5"],
    ),
}
TARGET = {
    "--target": (["local", "aws"], ["", "azure", "Local"]),
    "--region": (["", "eu-west-1"], []),
    "--profile": (["", "me"], []),
}
RUN = {"run": (["reference", "results/reference", "adhoc-2026-11-29"], EMPTY)}
PROCESSING = {"--processing": (["", "my-job"], [])}
SETTING = {"--set": (["memory_mb=256", "datapoint_pattern=a=b"], ["", "memory_mb", "=1"])}
CONSENT = {"--budget-usd": (["0.01", "100"], ABOVE_ZERO), "--yes": ([None], [])}
CAUSE = {
    "--cause": (
        ["application", "timeout", "poison", "crash", "throttle-only", "no trace"],
        ["", "Timeout", "time", "application,crash"],
    )
}
QUEUE = {
    "--queue-batch": (["1", "10"], [*COUNT, "11"]),
    "--memory-mb": (["128", "10240"], [*COUNT, "127", "10241"]),
    "--processors": (["0", "2", "1000"], ["1", "1001", "-1", "1.5", "", "x"]),
}
FAIL_IF = {
    "--fail-if": (
        ["dead_rate>0.01", "speedup_low<2", "lost>0", "makespan_s>=1e3", "cold_single_node_enqueued_s_high>9",
         "speedup_chunks_20<1"],
        ["", "dead_rate", "dead_rat>0.01", "dead_rate>1", "dead_rate>=0", "dead_rate<0", "dead_rate<=1",
         "cold_share_high>1", "lost>=0", "lost<0", "makespan_s>1e999", "makespan_s>nan", "speedup=2"],
    )
}  # fmt: skip
TABLE = {
    "init": {"folder": (["new"], EMPTY)},
    "try": {
        **{name: SEND[name] for name in ("data", "--format", "--column")},
        "-n": (["1", "1000"], COUNT),
        **PROCESSING,
    },
    "deploy": {
        **TARGET,
        "--force": ([None], []),
        **PROCESSING,
        "--set": (
            SETTING["--set"][0],
            [
                *SETTING["--set"][1],
                "memry_mb=1",
                "memory_mb=0",
                "memory_mb=x",
                "queue_batch=11",
                "visibility_timeout_seconds=6",
            ],
        ),
        "--expires": (["8h", "30m", "2d", "0.5h"], ["0h", "-1h", "8", "h", "8w"]),
        **CONSENT,
    },
    "api": {
        **TARGET,
        "--arm": (["distributed", "single_node"], ["", "local_pool", "queue_client", "x"]),
        "--show-key": ([None], []),
        "--key-only": ([None], []),
    },
    "leaks": {**TARGET, "--delete": ([None], []), "--all": ([], [None]), "--force": ([], [None])},
    "destroy": {**TARGET, "--force": ([None], [])},
    "package": {
        "--sam": ([None], []),
        "--output": (["build/x"], EMPTY),
        "--bucket": (["", "my-bucket"], []),
        **PROCESSING,
    },
    "cloud": {
        "action": (["start", "status", "stop", "mail", "env"], ["", "strt", "Stop"]),
        "--force": ([], [None]),
    },
    "submit": {
        **SEND,
        **TARGET,
        "--arm": (["distributed", "single_node", "storage_first"], ["", "cluster", "local_pool"]),
        "--url": (["http://host/"], EMPTY),
        "--api-key-env": (["", "MY_KEY"], ["MY_KEY"]),
        "--header": (["Authorization: Bearer env:TOKEN"], ["Authorization: Bearer env:TOKEN"]),
        "--tries": (["1", "100"], COUNT),
        "--timeout": (["0.001", "60"], ["0", "0.0001", "1e6", *SECONDS]),
        "--deadline": (["0", "0.1", "1e6"], SECONDS),
    },
    "run": {
        **SEND,
        **TARGET,
        **PROCESSING,
        "--set": (["max_receives=2", "datapoint_pattern=a=b"], [*SETTING["--set"][1], "memry_mb=1"]),
        **QUEUE,
        "--first-datapoints": (["0", "1", "1000000"], ["-1", "1.5", "", "x"]),
        "--repetitions": (["1", "6", "1000"], COUNT),
        "--target-precision": (["0", "0.05", "0.999"], ["1", "2", "10", *SECONDS]),
        "--time-limit-s": (["0.1", "600"], ABOVE_ZERO),
        "--arms": (
            ["distributed", "distributed,single_node", "local_pool,distributed"],
            ["", ",", "cluster", "distributed,", "distributed,distributed", "distributed single_node"],
        ),
        **FAIL_IF,
        "--keep-stacks": ([None], []),
        **CONSENT,
    },
    "resume": {**RUN, **TARGET, "--data": (["", "words.txt"], []), "--allow-rejected": ([None], [])},
    "fetch": {
        **RUN,
        **TARGET,
        "--data": (["", "words.txt"], []),
        "--format": (["jsonl", "csv", "tsv", "parquet"], ["", "lines", "xml"]),
    },
    "dead": {**RUN, **TARGET, **CAUSE, "--all": ([None], [])},
    "redrive": {**RUN, **TARGET, **CAUSE, "--fault": SEND["--fault"]},
    "analyse": {**RUN, **FAIL_IF, "--allow-incomplete": ([None], [])},
    "compare": {
        "first": (["a"], EMPTY),
        "second": (["a"], EMPTY),
        "--factor": (["", "chunks", "chunks,memory_mb"], ["chunk", "chunks,x"]),
        "--tolerance": (["0", "0.05", "5%", "99%"], ["-0.1", "1", "100%", "5", "", "x", "nan", "inf"]),
    },
    "report": {"run": (["reference"], EMPTY), "--output": (["x.html"], EMPTY)},
    "gallery": {},
    "notebook": {
        "notebook": (["notebooks/experiment.ipynb"], []),
        "output": (["out.ipynb"], EMPTY),
        "-p": (["chunks 5"], ["chunks"]),
        "-r": (["experiment_id 2026"], ["experiment_id"]),
        "-f": (["parameters.yaml"], ["no-such-file.yaml"]),
        "-y": (["chunks: 5", ""], ["[a", "5", "- a"]),
    },
    "plan": {
        "data": (["", "data/words.txt"], []),
        "--datapoints": (["1", "1e9"], ["0", "-1", "0.5", "1.5", "1e13", *SECONDS]),
        **{name: SEND[name] for name in ("--chunks", "--request-batch", "--work", "--seed")},
        **QUEUE,
        "--region": (["", "eu-west-1"], ["eu-wst-1", "Frankfurt"]),
        "--fault": (["none", "raise:0.01"], ["raise", "raise:1", "raise:0.5@3", "crush:1"]),
        "--set": (SETTING["--set"][0], [*SETTING["--set"][1], "memry_mb=1"]),
        "--calibrate": (["", "reference"], []),
        "--with-local-cloud": ([], [None]),
        "--limits": ([""], ["no-such-file.toml"]),
        "--free-tier": ([None], []),
        "--verbose": ([None], []),
    },
    "completion": {"shell": (["bash", "zsh", "fish"], ["", "tcsh", "powershell"])},
}
NEEDED = {  # what a command needs beside the option that is tried
    "init": {"folder": "new"},
    "try": {"data": "data/words.txt"},
    "cloud": {"action": "status"},
    "submit": {"data": "data/words.txt"},
    "run": {"data": "data/words.txt"},
    **{name: {"run": "reference"} for name in ("resume", "fetch", "dead", "redrive", "analyse")},
    "compare": {"first": "before", "second": "after"},
    "notebook": {"notebook": "notebooks/experiment.ipynb"},
    "completion": {"shell": "bash"},
}


def typed(command, name, value):
    """The words of a command in which an option has a value; a positional has it in its place."""
    needed = dict(NEEDED.get(command, {}))
    option = []
    if not name.startswith("-"):
        needed[name] = value
        if command == "plan" and value == "":
            option = ["--datapoints", "10"]
    elif value is None:
        option = [name]
    else:
        values = value.split(" ", 1) if name in ("-p", "-r") else [value]
        option = [name, *values] if name in ("-p", "-r") else [f"{name}={value}" if name[1] == "-" else name]
        option += [] if name[1] == "-" or name in ("-p", "-r") else [value]
    if command == "plan" and name not in ("data", "--datapoints"):
        option += ["--datapoints", "10"]
    return [command, *needed.values(), *option]


def cases(place):
    """Each option that has good (0) or bad (1) values, with them."""
    return [
        pytest.param(command, name, values[place], id=f"{command} {name}")
        for command, options in TABLE.items()
        for name, values in options.items()
        if values[place]
    ]


def declared(command):
    """The names of a command's arguments as they are typed."""
    arguments = [
        argument
        for entry in command.arguments
        for argument in (entry.arguments if isinstance(entry, Exclusive) else (entry,))
    ]
    return {argument.names[0] for argument in arguments}


@pytest.mark.parametrize("command", parser.COMMANDS, ids=lambda command: command.name)
def test_every_option_has_its_edges(command):
    """A new option stands in the table above, or this fails."""
    assert set(TABLE[command.name]) == declared(command)


@pytest.mark.parametrize(("command", "name", "values"), cases(0))
def test_a_good_value_is_parsed(command, name, values):
    """The smallest, the largest, every documented word."""
    for value in values:
        assert callable(PARSER.parse_args(typed(command, name, value)).call)


@pytest.fixture
def nothing_happens(tmp_path, monkeypatch):
    """An empty results folder and no cloud; whatever is started or written fails the test."""
    results, state = tmp_path / "results", tmp_path / "state"
    monkeypatch.setenv("LAMBDIST_RESULTS", str(results))
    monkeypatch.setenv("LAMBDIST_STATE", str(state))
    monkeypatch.setattr(main, "build_parser", lambda: PARSER)

    def refuse(*_, **__):
        raise AssertionError("a cloud was asked for")

    for module, function in ((local_cloud, "start"), (local_cloud, "lease"), (targets, "connect")):
        monkeypatch.setattr(module, function, refuse)
    yield
    assert not results.exists() and not state.exists()


@pytest.mark.parametrize(
    "line",
    ["api", "api --key-only", "submit data/words.txt", "fetch adhoc-2026-11-29", "dead adhoc-2026-11-29"],
)
def test_no_cloud_is_started_to_look_for_a_stack(line, nothing_happens, capsys):
    """Without a local cloud nothing is deployed there; the error has the command that deploys."""
    assert main.main(line.split()) == 8

    assert "is not deployed on local cloud: run `lambdist deploy" in capsys.readouterr().err


def test_no_cloud_is_started_to_delete_a_stack(nothing_happens, capsys):
    """And nothing is said to be deleted."""
    assert main.main(["destroy"]) == 0

    assert " deleted" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("command", ["analyse", "report"])
def test_datapoints_sent_by_hand_are_not_measured(command, nothing_happens, capsys):
    """The error has the command that prints their answers."""
    assert main.main([command, "adhoc-2026-11-29"]) == 2

    assert "`lambdist fetch adhoc-2026-11-29`" in capsys.readouterr().err


def test_an_interrupt_between_two_runs_says_how_the_experiment_goes_on(monkeypatch, capsys):
    """The message has the id that was made for it; an interrupted run has a message of its own."""

    class Interrupted(contextlib.AbstractContextManager):
        id = "words-1"

        def __init__(self, **_):
            pass

        def __exit__(self, *_):
            return None

        def deploy(self, **_):
            raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "Experiment", Interrupted)

    assert main.main(["run", "data/words.txt"]) == 130
    assert "--id words-1 goes on" in capsys.readouterr().err


@pytest.mark.parametrize(("command", "name", "values"), cases(1))
def test_a_bad_value_is_one_line_and_status_2(command, name, values, nothing_happens, capsys):
    """Zero, negative, beyond the largest, empty, repeated, of the wrong type, an undocumented word."""
    for value in values:
        words = typed(command, name, value)
        status = main.main(words)

        told = capsys.readouterr()
        assert (status, told.out) == (2, ""), words
        assert re.fullmatch(r"lambdist: .*\n", told.err), words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sbmit data/words.txt", "unknown command 'sbmit' (did you mean submit?)"),
        ("submit data/words.txt --chunk 3", "unknown option --chunk (did you mean --chunks?)"),
        ("submit data/words.txt --alow-rejected", "(did you mean --allow-rejected?)"),
        ("cloud stauts", "(did you mean status?)"),
        ("dead reference --cause aplication", "(did you mean application?)"),
        ("--chunks 3 submit x", "--chunks is an option of a command: write it after the command's name"),
        ("--json gallery", "--json is an option of a command: write it after the command's name"),
        ("fetch a b", "one argument too many: 'b'"),
        ("", "missing argument: COMMAND"),
        ("submit", "missing argument: data"),
        ("submit x --chunks", "--chunks: expected one argument"),
        ("submit x --arm single_node --url http://host/", "--url and --arm exclude each other"),
        ("api --show-key --key-only", "--key-only and --show-key exclude each other"),
    ],
)
def test_a_wrong_word_is_refused_with_the_one_that_was_meant(line, words, capsys):
    """Abbreviations of options count as wrong: a later option could change what they mean."""
    status = main.main(shlex.split(line))

    told = capsys.readouterr()
    assert (status, told.out, len(told.err.splitlines())) == (2, "", 1)
    assert words in told.err


@pytest.mark.parametrize(
    ("content", "words"), [("", "it is empty"), ("\n\n", "all its lines are blank"), (None, "no data file")]
)
@pytest.mark.parametrize("command", ["submit", "run"])
def test_a_file_without_datapoints_is_refused_before_a_cloud_is_asked(
    command, content, words, nothing_happens, tmp_path, capsys
):
    """The stack may be missing, too; the file is named, as `try` names it."""
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_text(content)

    status = main.main([command, str(path)])

    told = capsys.readouterr()
    assert (status, told.out) == (2, "")
    assert re.fullmatch(rf"lambdist: .*{words}.*\n", told.err)


def test_a_time_limit_that_cannot_end_anything_is_refused(nothing_happens, capsys):
    """Exactly so many pairs were asked for."""
    assert main.main(["run", "data/words.txt", "--target-precision", "0", "--time-limit-s", "60"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_last_of_a_repeated_option_counts():
    """As in other command lines; options that may come again say so in their help."""
    options = PARSER.parse_args(["submit", "x", "--chunks", "3", "--chunks", "4"])

    assert options.chunks == 4


def test_bounds_of_options_are_those_of_the_templates():
    """--memory-mb, --queue-batch and --processors refuse what a deploy would refuse."""
    parameters = templates.parameters("distributed")
    for option, name in (("--memory-mb", "MemoryMb"), ("--queue-batch", "QueueBatch"),
                         ("--processors", "MaximumConcurrency")):  # fmt: skip
        for bound, beyond in ((parameters[name]["MinValue"], -1), (parameters[name]["MaxValue"], 1)):
            assert PARSER.parse_args(["run", "x", option, str(bound)])
            if bound + beyond == 0:
                continue
            with pytest.raises(LambdistError) as refused:
                PARSER.parse_args(["run", "x", option, str(bound + beyond)])
            assert refused.value.exit_status == 2


def test_without_options_the_library_gets_its_defaults():
    """A default is not checked by its option's type: an empty id means none."""
    options = PARSER.parse_args(["submit", "x"])

    assert (options.experiment_id, options.url, options.stop_if_dead, options.column) == ("", "", "", [])
