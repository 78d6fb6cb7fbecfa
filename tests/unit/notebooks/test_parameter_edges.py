"""Every parameter of every notebook at its edges: refused before anything runs, or taken."""

import pytest

from lambdist_lib import paths
from lambdist_lib.errors import ParameterError
from lambdist_lib.notebooks import runner
from lambdist_lib.runs.argument_checks import MAX_SEED

NOTEBOOKS = {path.stem: path for path in sorted(paths.notebooks().glob("*.ipynb"))}
WHOLE = ["1", 1.5, True, None, [1]]  # values of another type than int
WORDS = [5, None, True]  # values of another type than str
SEEDS = [0, 1, MAX_SEED], [-1, MAX_SEED + 1, *WHOLE]
FLAGS = [True, False], [0, 1, "True", None]
COUNTS = [1, 1_000_000], [0, -1, *WHOLE]
PROCESSORS = [0, 2, 1000], [1, -1, 1001, *WHOLE]
WORK = ["none", "", "io:20ms", "cpu:0.5ms", "io:0ms"], ["io", "io:20", "gpu:5ms", "io:-5ms", *WORDS]
FAULTS = ["none", "", "raise:0", "raise:1", "slow:0.1", "raise:0.1,permanent:1@5+7-9"], [
    "raise", "raise:2", "raise:-1", "boo:0.1", "raise:0.1 slow:0.1", "throttle:1@5", *WORDS,
]  # fmt: skip
EDGES = {  # parameter: values that are taken, values that are refused
    "target": (["local", "aws"], ["", "LOCAL", "azure", *WORDS]),
    "region": (["", "eu-west-1"], WORDS),
    "profile": (["", "default"], WORDS),
    "budget_usd": ([0, 0.0, 5, 1e9], [-1, float("nan"), float("inf"), "5", True, None]),
    "data": (
        ["data/words.txt", "data/numbers.txt", "s3://bucket/key.txt"],
        ["", "-", "data", "no-file.txt", *WORDS],
    ),
    "processing": (["", "examples/factor", "lambdas/processing.py"], ["no-folder", "data", *WORDS]),
    "first_datapoints": ([-1, 0, 1, 60], [-2, *WHOLE]),
    "failing_datapoints": ([-1, 0, 1, 1000], [-2, *WHOLE]),
    "chunks": COUNTS,
    "processors": PROCESSORS,
    "extra_arms": (
        ["", "single_node_parallel", "local_pool as_original invoke"],
        ["distributed", "single_node", "invoke invoke", "nothing", "invoke,local_pool", *WORDS],
    ),
    "arms": (
        ["", "invoke", "distributed queue_client local_pool", "invoke,storage_first"],
        ["nothing", "invoke nothing", *WORDS],
    ),
    "pairs": COUNTS,
    "target_precision": ([0, 0.0, 0.01, 0.99], [1, 5, -0.1, float("nan"), "0.1", True, None]),
    "time_limit_s": ([0, 1, 600, 10**6], [-1, *WHOLE]),
    "work": WORK,
    "request_batch": ([1, 100], [0, 101, -1, *WHOLE]),
    "queue_batch": ([1, 10], [0, 11, -1, *WHOLE]),
    "memory_mb": ([128, 512, 10_240], [127, 10_241, 0, *WHOLE]),
    "retry_delay_s": ([0, 900], [-1, 901, *WHOLE]),
    "fault": FAULTS,
    "stop_if_dead": (["", "5%", "20"], ["x", "-1", "200%", *WORDS]),
    "seed": SEEDS,
    "keep_stacks": FLAGS,
    "experiment_id": (
        ["", "a", "a" * 28, "2026-11-29"],
        ["a" * 29, "../a", "a/b", "A", "a b", ".", "ä", "/tmp/a", *WORDS],
    ),
    "factor": (["chunks", "request_batch"], ["", "chunk", "seed", *WORDS]),
    "levels": (
        [5, "5", "1 2", "2 1", "1,2, 5", "1e3", [1, 2]],
        ["", " ", "0", "1 1", "a", "1.5", "none", None, True],
    ),
    "repetitions": COUNTS,
    "fault_plans": (["", "raise:0.5", "raise:0.1,permanent:1 none"], ["raise", "raise:2", "x:1", *WORDS]),
    "batches": (["1", "10 1", 5, "1,2", [1, 2]], ["", "0", "11", "1 1", "a", "1.5", None, True]),
    "plans_without_partial_responses": (["", "raise:0.1 raise:0.2"], ["raise", "raise:2", *WORDS]),
    "max_receives": ([1, 20], [0, 21, *WHOLE]),
    "calibrate_from": (["", str(paths.root() / "results" / "reference")], ["no-run", "../..", *WORDS]),
    "calibration_work": (["none", "", "io:20ms", "io:0ms"], ["cpu:0.5ms", *WORK[1]]),
    "calibration_chunks": COUNTS,
    "calibration_repetitions": COUNTS,
    "sizes": (
        ["1", "1e3 1e6", "1e6 1e3", "1e3 1e3", 1000, 1e3],
        ["", "0", "-1", "a", "nan", "1e99", None, True],
    ),
    "limits_file": ([""], ["no-file.toml", "data/words.txt", *WORDS]),
    "waits": FLAGS,
    "policy_arn": (
        ["", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"],
        ["policy", "arn:aws:s3:::x", *WORDS],
    ),
    "numbers": ([1, 200, 1_000_000], [0, -1, 1_000_001, *WHOLE]),
}
TAKEN_WITH = {  # in one notebook a value needs another one beside it, or is beyond what can be predicted
    ("plan", "chunks"): ([1, 100_000], [0, *WHOLE]),
    ("plan", "fault"): (["none", "raise:0", "raise:0.1"], ["raise", "raise:2", "boo:0.1", *WORDS]),
    ("plan", "work"): (["none", "io:100ms", "cpu:50ms"], ["io", "io:100s", "gpu:5ms", *WORDS]),
}


def edges(taken):
    """Return a notebook, a parameter and a value: each row once, as a name means the same everywhere."""
    rows, seen = [], set()
    for stem, path in NOTEBOOKS.items():
        for name in runner.checked_values(path, {}):
            own = TAKEN_WITH.get((stem, name))
            if own or name not in seen:
                good, bad = own or EDGES.get(name, ([], []))
                rows += [(stem, name, value) for value in (good if taken else bad)]
            seen |= {name}
    return rows


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_parameter_has_its_edges_in_the_table(notebook):
    assert set(runner.checked_values(NOTEBOOKS[notebook], {})) <= set(EDGES)


@pytest.mark.parametrize(("notebook", "name", "value"), edges(taken=True))
def test_a_possible_value_is_taken(notebook, name, value):
    assert runner.checked_values(NOTEBOOKS[notebook], {name: value})[name] == value


@pytest.mark.parametrize(("notebook", "name", "value"), edges(taken=False))
def test_an_impossible_value_is_refused_by_its_name(notebook, name, value):
    """The message begins with the problem and ends with what to write; it needs no cloud and no kernel."""
    with pytest.raises(ParameterError) as refusal:
        runner.checked_values(NOTEBOOKS[notebook], {name: value})

    assert name.removesuffix("s") in str(refusal.value) or "plans" in name
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize(("lines", "is_taken"), [("a\nb\n", True), ("a\n\n", False)])
def test_a_calibration_is_refused_where_its_data_has_one_datapoint(tmp_path, lines, is_taken):
    """Before it deploys: its spread could not be measured. Runs that exist need no data."""
    path = tmp_path / "data.txt"
    path.write_text(lines)

    if is_taken:
        runner.checked_values(NOTEBOOKS["plan"], {"data": str(path)})
    else:
        with pytest.raises(ParameterError, match="fewer than 2 datapoints"):
            runner.checked_values(NOTEBOOKS["plan"], {"data": str(path)})
        values = {"data": str(path), "calibrate_from": "results/reference"}
        runner.checked_values(NOTEBOOKS["plan"], values)


@pytest.mark.parametrize(
    "parameters",
    [
        {"fault": "memory:0.1"},
        {"extra_arms": "queue_client", "request_batch": 50},
        {"extra_arms": "storage_first", "fault": "poison:1"},
    ],
)
def test_values_that_exclude_each_other_are_refused(parameters):
    """Each is possible alone, or on AWS."""
    with pytest.raises(ParameterError):
        runner.checked_values(NOTEBOOKS["experiment"], parameters)


@pytest.mark.parametrize(
    ("factor", "levels", "is_possible"),
    [
        ("work", "none io:20ms", True),
        ("work", "io:20ms", True),
        ("work", "io:20ms cpu:20ms", False),
        ("work", "io:20ms io:0.02s", False),
        ("work", "1 2", False),
        ("request_batch", "1 100", True),
        ("request_batch", "1 101", False),
        ("queue_batch", "1 11", False),
        ("memory_mb", "128 64", False),
        ("processors", "0 2", False),
        ("processors", "2 1000", True),
    ],
)
def test_levels_are_checked_against_their_factor(factor, levels, is_possible):
    given = {"factor": factor, "levels": levels}
    if is_possible:
        assert runner.checked_values(NOTEBOOKS["speedup"], given)["levels"] == levels
        return
    with pytest.raises(ParameterError, match=r"levels|memory"):
        runner.checked_values(NOTEBOOKS["speedup"], given)


@pytest.mark.parametrize(
    ("name", "value", "typed"),
    [
        ("experiment_id", 2026, "-r experiment_id 2026"),
        ("chunks", 1000.0, "-p chunks 1000"),
        ("keep_stacks", "yes", "-p keep_stacks True"),
        ("data", None, "-r data None"),
    ],
)
def test_a_value_of_another_type_is_refused_with_what_to_type(name, value, typed):
    with pytest.raises(ParameterError, match=typed):
        runner.checked_values(NOTEBOOKS["experiment"], {name: value})
