"""Which run comes when: every plan of an experiment, without a cloud."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.protocol import contract, faults
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.runs import schedule
from lambdist_lib.runs.conditions import Conditions

CONDITIONS = Conditions(chunks=4)
THREE = ("distributed", "single_node", "single_node_parallel")
some_arms = st.lists(st.sampled_from(sorted(ARMS)), min_size=1, unique=True)
seeds = st.integers(0, 2**32)
levels = st.lists(st.integers(1, 100), min_size=1, max_size=5, unique=True)


def flat(rounds):
    return [turn for of_round in rounds for turn in of_round]


@given(some_arms, st.integers(1, 50), seeds)
def test_a_pair_has_a_warm_run_of_every_arm(arms, most, seed):
    """Adjacent runs of all, under the same conditions: what drifts meets all of them."""
    rounds = schedule.pairs(arms, CONDITIONS, max_pairs=most, seed=seed)

    assert [sorted(turn.arm for turn in pair) for pair in rounds] == [sorted(arms)] * most
    assert [{turn.round for turn in pair} for pair in rounds] == [{k} for k in range(1, most + 1)]
    assert {(turn.temperature, turn.conditions) for turn in flat(rounds)} == {("warm", CONDITIONS)}


def test_the_order_within_pairs_is_drawn_from_the_seed():
    """The same seed gives the same order, another seed another order."""
    first = schedule.pairs(THREE, CONDITIONS, max_pairs=40, seed=1)

    assert first == schedule.pairs(THREE, CONDITIONS, max_pairs=40, seed=1)
    assert first != schedule.pairs(THREE, CONDITIONS, max_pairs=40, seed=2)


@given(some_arms, st.integers(1, 50), seeds)
def test_each_arm_has_each_position_equally_often(arms, count, seed):
    """Wherever the pairs end, counts of two positions differ by at most one."""
    rounds = schedule.pairs(arms, CONDITIONS, max_pairs=count, seed=seed)

    for position in range(len(arms)):
        counts = Counter(pair[position].arm for pair in rounds)
        assert max(counts[arm] for arm in arms) - min(counts[arm] for arm in arms) <= 1


@given(some_arms, levels, seeds)
def test_two_rounds_of_a_sweep_give_all_runs_the_same_mean_position(arms, at, seed):
    first, second = schedule.sweep(arms, CONDITIONS, "chunks", at, repetitions=2, seed=seed)

    assert [(run.arm, run.conditions) for run in second] == [(run.arm, run.conditions) for run in first[::-1]]


def test_an_earlier_end_changes_no_pair_before_it():
    """A sitting that ends after 10 of 40 pairs has run the same 10."""
    long, short = (schedule.pairs(THREE, CONDITIONS, max_pairs=most, seed=3) for most in (40, 10))

    assert [[turn.name for turn in pair] for pair in long[:10]] == [
        [turn.name for turn in pair] for pair in short
    ]


@given(some_arms, levels, st.integers(1, 4), seeds)
def test_a_sweep_has_every_arm_at_every_level_once_a_round(arms, at, rounds, seed):
    """The single node has one sender whatever `chunks` says: one turn a round."""
    plan = schedule.sweep(arms, CONDITIONS, "chunks", at, repetitions=rounds, seed=seed)

    expected = Counter((arm, level) for arm in arms for level in (at if arm != "single_node" else at[:1]))
    assert [Counter((turn.arm, turn.conditions.chunks) for turn in one) for one in plan] == [
        expected
    ] * rounds


def test_a_sweep_opens_as_many_environments_as_its_highest_level_needs():
    """Else a lower level that comes first would leave the higher one cold."""
    plan = schedule.sweep(["distributed"], CONDITIONS, "chunks", [1, 20, 5], repetitions=2, seed=0)

    assert {turn.warm_up_chunks for turn in flat(plan)} == {20}
    assert {turn.warm_up for turn in flat(plan)} == {("distributed",)}


def test_a_cold_turn_is_followed_by_its_warm_one():
    """The same arm at the same level, with nothing in between."""
    both = ("cold", "warm")
    plan = schedule.sweep(THREE, CONDITIONS, "chunks", [1, 5], repetitions=3, seed=0, temperatures=both)

    for cold, warm in zip(flat(plan)[::2], flat(plan)[1::2], strict=True):
        assert (cold.temperature, warm.temperature) == both
        assert (cold.arm, cold.conditions, cold.round) == (warm.arm, warm.conditions, warm.round)
        assert (cold.warm_up, warm.warm_up) == ((), (warm.arm,))


def test_a_matrix_keeps_the_order_of_its_cells_and_draws_each_run_anew():
    """Cells that need the same stacks stay together; no two runs have the same draws."""
    cells = [{"queue_batch": 1, "fault": "raise:0.5"}, {"queue_batch": 10, "fault": "raise:0.1,seed:7"}]

    plan = flat(schedule.matrix(CONDITIONS, cells, repetitions=2, seed=5))

    assert [turn.conditions.queue_batch for turn in plan] == [1, 1, 10, 10]
    assert [faults.parse_fault(turn.conditions.fault).seed for turn in plan] == [5, 6, 7, 8]
    assert [turn.round for turn in plan] == [1, 2, 1, 2]
    assert plan[2].label == "run 3 of 4, raise:0.1"


def test_arms_without_a_cloud_are_never_cold_nor_warmed_up():
    assert [turn.arm for turn in flat(schedule.cold(["local_pool", "single_node"], CONDITIONS))] == [
        "single_node"
    ]
    assert {
        turn.warm_up for turn in flat(schedule.pairs(["local_pool", *THREE], CONDITIONS, max_pairs=1, seed=0))
    } == {THREE}


@given(some_arms, levels, seeds)
def test_every_turn_of_an_experiment_has_a_run_id_of_its_own(arms, at, seed):
    """Cold runs and pairs share a folder, and so do the turns of a sweep; all are run ids."""
    together = [*schedule.cold(arms, CONDITIONS), *schedule.pairs(arms, CONDITIONS, max_pairs=99, seed=seed)]
    swept = schedule.sweep(
        arms, CONDITIONS, "chunks", at, repetitions=9, seed=seed, temperatures=("cold", "warm")
    )
    experiment_id = "x" * contract.EXPERIMENT_ID_MAX_CHARS

    for plan in (together, swept):
        names = [turn.name for turn in flat(plan)]
        assert len(names) == len(set(names))
        assert all(contract.RUN_ID.fullmatch(f"{experiment_id}-{name}") for name in names)
