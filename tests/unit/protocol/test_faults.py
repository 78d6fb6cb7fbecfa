"""Declarations of work and faults are parsed or rejected, and faults strike as declared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.errors import GrammarError
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.faults import Fault, FaultPlan, Work

NUMBERS = st.integers(0, 10**18 - 1)
RANGES = st.tuples(NUMBERS, st.integers(0, 1000)).map(
    lambda pair: range(pair[0], min(pair[0] + pair[1], 10**18 - 1) + 1)
)
FAULTS = st.builds(
    Fault,
    kind=st.sampled_from(faults.FAULT_KINDS),
    probability=st.floats(0, 1),
    among=st.none() | st.lists(RANGES, min_size=1, max_size=5).map(tuple),
).filter(lambda fault: fault.kind != "throttle" or fault.among is None)
PLANS = st.builds(FaultPlan, st.lists(FAULTS, min_size=1, max_size=5).map(tuple), NUMBERS)


# -- Grammar -------------------------------------------------------------------------------


@given(PLANS)
def test_a_plan_round_trips_through_its_text(plan):
    """The text in a request is the whole plan: the Lambdas draw as the client predicted."""
    assert faults.parse_fault(str(plan)) == plan
    assert str(faults.parse_fault(str(plan))) == str(plan)


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("none", "none"),
        ("", "none"),
        ("seed:5", "none"),
        ("raise:0.1", "raise:0.1,seed:0"),
        ("raise:1@5+7", "raise:1@5+7,seed:0"),
        ("raise:1@5-9+12", "raise:1@5-9+12,seed:0"),
        ("raise:1@5-5", "raise:1@5,seed:0"),
        ("raise:1e-3, seed:42", "raise:0.001,seed:42"),
        ("raise:0.123456789", "raise:0.123456789,seed:0"),
        ("raise:0", "raise:0,seed:0"),
        ("crash-after:0.5@3,throttle:0.5", "crash-after:0.5@3,throttle:0.5,seed:0"),
        ("seed:1,raise:0.1,raise:1@3", "raise:0.1,raise:1@3,seed:1"),
    ],
)
def test_each_form_of_a_fault_declaration_is_parsed(text, spelt):
    """Each form of the grammar has one canonical text."""
    assert str(faults.parse_fault(text)) == spelt


@pytest.mark.parametrize(
    "text",
    [
        "raise",
        "raise:",
        "raise:often",
        "raise:nan",
        "raise:NaN",
        "raise:inf",
        "raise:-inf",
        "raise:1.1",
        "raise:-0.1",
        "raise:1e400",
        "raise:0.1@",
        "raise:0.1@x",
        "raise:0.1@5,7",
        "raise:0.1@9-5",
        "raise:0.1@-5",
        "raise:0.1@5+",
        "raise:0.1,,",
        "RAISE:0.1",
        "explode:0.1",
        "throttle:0.5@3",
        "crash-before:0.1",
        "seed:-1",
        "seed:",
        "seed:" + "9" * 5000,
        "raise:1@" + "9" * 5000,
        "raise:1@1-" + "9" * 30,
        "raise:1@" + "1+" * 6000 + "1",
        "\ud800",
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_an_invalid_fault_is_a_grammar_error(text):
    """Probabilities outside [0, 1], unknown kinds and other text are errors."""
    with pytest.raises(GrammarError, match="fault"):
        faults.parse_fault(text)


@given(st.text() | st.text(st.sampled_from("raise:none@seed0123456789.+-,"), max_size=30))
def test_any_text_is_a_plan_or_a_grammar_error(text):
    """Untrusted text raises nothing else, and a valid one has one canonical text."""
    try:
        plan = faults.parse_fault(text)
    except GrammarError:
        return
    assert faults.parse_fault(str(plan)).faults == plan.faults


@given(st.sampled_from(faults.WORK_KINDS), st.integers(0, 999_999_999), st.integers(0, 999))
def test_work_round_trips_through_its_text(kind, milliseconds, thousandths):
    """A declared duration reaches the Lambdas unrounded."""
    text = f"{kind}:{milliseconds}.{thousandths:03}ms"

    work = faults.parse_work(text)

    assert str(faults.parse_work(str(work))) == str(work)
    assert work.seconds == pytest.approx(milliseconds / 1e3 + thousandths / 1e6)
    assert faults.parse_work(str(work)).seconds == pytest.approx(work.seconds)


@pytest.mark.parametrize(
    ("text", "work", "spelt"),
    [
        ("none", Work(), "none"),
        ("", Work(), "none"),
        ("io:100ms", Work("io", 0.1), "io:100ms"),
        ("cpu:1.5s", Work("cpu", 1.5), "cpu:1500ms"),
        ("io:1234.5678s", Work("io", 1234.5678), "io:1234567.8ms"),
        ("io:0ms", Work("io", 0.0), "io:0ms"),
        ("io:10000s", Work("io", 10_000.0), "io:10000000ms"),
    ],
)
def test_each_form_of_a_work_declaration_is_parsed(text, work, spelt):
    """Each form of the grammar has one canonical text."""
    assert faults.parse_work(text) == work
    assert str(work) == spelt


@pytest.mark.parametrize(
    "text", ["io", "io:", "io:100", "io:-1ms", "io:nan", "io:1e3ms", "sleep:1s", "IO:1s", "io:1s,cpu:1s"]
)
def test_invalid_work_is_a_grammar_error(text):
    """A duration without a unit and an unknown kind are errors."""
    with pytest.raises(GrammarError, match="write none, io:100ms or cpu:50ms"):
        faults.parse_work(text)


@given(st.text() | st.text(st.sampled_from("iocpu:0123456789.ms"), max_size=20))
def test_any_text_is_work_or_a_grammar_error(text):
    """Untrusted text raises nothing else."""
    try:
        work = faults.parse_work(text)
    except GrammarError:
        return
    assert str(faults.parse_work(str(work))) == str(work)


def test_work_is_limited_by_the_stack():
    """Work of exactly the limit is valid, a millisecond more is not."""
    assert faults.parse_work("io:1500ms", longest_s=1.5).seconds == 1.5
    with pytest.raises(GrammarError, match=r"longer than 1\.5 s, half the function's timeout: declare less"):
        faults.parse_work("io:1501ms", longest_s=1.5)


# -- Draws ---------------------------------------------------------------------------------


@pytest.mark.parametrize("probability", [0.01, 0.1, 0.5, 0.9])
def test_faults_strike_as_often_as_declared(probability):
    """Over 100,000 draws the rate is within five standard errors of p."""
    plan = faults.parse_fault(f"raise:{probability}")

    struck = sum(plan.strikes("raise", n, 1) for n in range(100_000))

    error = (probability * (1 - probability) * 100_000) ** 0.5
    assert abs(struck - probability * 100_000) < 5 * error


def test_attempts_draw_independently():
    """A datapoint struck once is struck again as often as any other: p to the fifth are dead."""
    plan = faults.parse_fault("raise:0.5")

    survivors = range(64_000)
    for attempt in range(1, 6):
        survivors = [n for n in survivors if plan.strikes("raise", n, attempt)]

    assert 64_000 / 32 * 0.85 < len(survivors) < 64_000 / 32 * 1.15


def test_the_seed_determines_the_plan():
    """The same seed gives the same plan in every process, another seed a different one."""
    first, same, other = (faults.parse_fault(f"raise:0.5,seed:{seed}") for seed in (7, 7, 8))

    draws = [[plan.strikes("raise", n, 1) for n in range(1000)] for plan in (first, same, other)]

    assert draws[0] == draws[1]
    assert 400 < sum(a != b for a, b in zip(draws[0], draws[2], strict=True)) < 600
    assert [n for n in range(20) if first.strikes("raise", n, 1)] == [2, 4, 5, 6, 11, 13, 15, 17, 18]


@given(st.integers(0, 2**53), st.integers(1, 20))
def test_probabilities_zero_and_one_are_certain(n, attempt):
    """0 never strikes, 1 always does."""
    assert not faults.parse_fault("raise:0").strikes("raise", n, attempt)
    assert faults.parse_fault("raise:1").strikes("raise", n, attempt)


def test_only_named_datapoints_are_struck():
    """A fault on some datapoints does not strike others."""
    plan = faults.parse_fault("raise:1@2+5-7")

    assert [n for n in range(10) if plan.strikes("raise", n, 1)] == [2, 5, 6, 7]


def test_a_fault_per_datapoint_strikes_every_attempt():
    """Permanent failures, poison and duplicates belong to the datapoint, not to an attempt."""
    plan = faults.parse_fault("permanent:0.5,poison:0.5,duplicate:0.5,crash:0.5")

    for kind in ("permanent", "poison", "duplicate"):
        struck = [[plan.strikes(kind, n, attempt) for n in range(100)] for attempt in (0, 1, 5)]
        assert struck[0] == struck[1] == struck[2]
        assert 20 < sum(struck[0]) < 80
    assert [plan.strikes("crash", n, 1) for n in range(100)] != [
        plan.strikes("crash", n, 2) for n in range(100)
    ]


def test_at_most_one_fault_strikes_an_attempt():
    """Of several, the most severe one strikes: a crashed process cannot raise."""
    plan = faults.parse_fault("raise:1,slow:1@1-2,crash:1@2")

    assert [plan.before_write(n, 1) for n in range(4)] == ["raise", "slow", "crash", "raise"]
    assert FaultPlan().before_write(0, 1) == ""


def test_a_plan_is_restricted_to_an_arms_kinds():
    """Without a queue there is no poison message; the rest of the plan is unchanged."""
    plan = faults.parse_fault("poison:1,raise:0.5,throttle:0.3,seed:3")

    assert str(plan.only(faults.OF_LAMBDAS)) == "raise:0.5,seed:3"
    assert (plan.share("throttle"), plan.share("slow")) == (0.3, 0.0)


def test_an_unnamed_kind_never_strikes():
    """A plan has only the kinds that it names."""
    assert not faults.parse_fault("raise:1").strikes("slow", 0, 1)
    assert not FaultPlan().strikes("raise", 0, 1)


def test_a_seed_in_the_text_takes_precedence():
    """The seed of the experiment is the default."""
    assert faults.parse_fault("raise:0.1", seed=5).seed == 5
    assert faults.parse_fault("raise:0.1,seed:3", seed=5).seed == 3
