"""Fit laws to a sweep, and choose among them."""

import functools
import math

import numpy as np
import pytest
from support import tables as frames

from lambdist_lib.errors import RunError
from lambdist_lib.measures import scaling, sweep

TRUTH = {
    "ideal": (lambda n, s: 0.03 * s / n, {"w": 0.03}),
    "overhead": (lambda n, s: 1.5 + 0.03 * s / n, {"a": 1.5, "w": 0.03}),
    "linear": (lambda n, s: 1 + 0.05 * n + 0.03 * s / n, {"a": 1.0, "b": 0.05, "w": 0.03}),
    "amdahl": (lambda n, s: 0.03 * s * (0.08 + 0.92 / n), {"w": 0.03, "serial": 0.08}),
    "usl": (
        lambda n, s: 0.03 * s * (1 + 0.03 * (n - 1) + 8e-4 * n * (n - 1)) / n,
        {"w": 0.03, "sigma": 0.03, "kappa": 8e-4},
    ),
    "constant": (lambda n, s: 3.0, {"a": 3.0}),
}


LEVELS = (1, 2, 5, 10, 20, 50, 100)


@functools.cache  # several tests look at the same fits
def fitted(seconds, levels=LEVELS, *, factor="chunks", **options):
    return scaling.fits(
        sweep.by_level(frames.sweep(seconds, levels, factor=factor, **options), factor=factor)
    )


def test_no_runs_have_no_levels_and_no_law():
    points = sweep.by_level(frames.sweep(TRUTH["overhead"][0]).iloc[:0])

    assert points.empty
    with pytest.raises(RunError, match="0 levels do not make a sweep: measure at least 6"):
        scaling.fits(points)


@pytest.mark.parametrize("law", TRUTH)
def test_each_law_gives_its_parameters_back(law):
    """Known truth with 3 % noise, two file sizes: the law is chosen and its intervals hold the truth."""
    seconds, truth = TRUTH[law]

    found = fitted(seconds, sizes=(1000, 4000), seed=2)

    assert scaling.best_fit(found).law == law
    for name, value in truth.items():
        one = found[law][name]
        assert one.low <= value <= one.high, name
        assert one.value == pytest.approx(value, rel=0.15)


@pytest.mark.parametrize("law", ["overhead", "linear", "usl"])
def test_one_file_size_is_enough_for_an_overhead_or_a_turn(law):
    seconds, truth = TRUTH[law]

    found = fitted(seconds)[law]

    assert found.accepted
    assert all(found[name].value == pytest.approx(value, rel=0.15) for name, value in truth.items())


def test_parameters_intervals_have_their_nominal_coverage():
    """Over 60 sweeps, about 95 % of the intervals hold the true overhead, and as many the true work."""
    points = sweep.by_level(frames.sweep(TRUTH["overhead"][0], spread=0))
    rng = np.random.default_rng(20260708)
    covered = []
    for _ in range(60):
        noisy = points.assign(median_s=points["median_s"] * rng.lognormal(0, 0.03, len(points)))
        found = scaling._fit("overhead", noisy, 0.95)
        covered.append(
            [found[name].low <= value <= found[name].high for name, value in (("a", 1.5), ("w", 0.03))]
        )

    assert (np.mean(covered, axis=0) > 0.88).all()


def test_work_grows_with_the_work():
    found = fitted(lambda n, s: 2 + 12 * n, (0.01, 0.02, 0.05, 0.1, 0.2, 0.5), factor="work")

    assert scaling.best_fit(found).law == "growing"
    assert found["growing"]["w"].value == pytest.approx(12, rel=0.1)


def test_a_batch_shares_an_invocation_out():
    """Only an overhead and what is shared out: no contention is read out of batches."""
    found = fitted(lambda n, s: 2 + 0.02 * s / n, (1, 2, 4, 7, 10), factor="queue_batch")

    assert set(found) == {"constant", "ideal", "overhead"}
    assert scaling.best_fit(found).law == "overhead"


def test_amdahl_is_refused_at_one_file_size():
    """There its curve is the overhead's: the fraction would be read into the data."""
    found = fitted(TRUTH["amdahl"][0])

    assert found["amdahl"].refusal.startswith("the same curve as `overhead` at one file size")
    assert found["amdahl"]["serial"].value == pytest.approx(0.08, rel=0.15)
    assert scaling.best_fit(found).law == "overhead"


def test_an_overhead_is_no_serial_part():
    """At two sizes the overhead stays where a serial part would have grown."""
    assert not fitted(TRUTH["overhead"][0], sizes=(1000, 4000))["amdahl"].accepted


def test_contention_that_is_not_there_is_not_found():
    """Facts, section 5: constant overhead must not be sold as a serial fraction or as coherency."""
    found = fitted(TRUTH["overhead"][0])

    assert found["usl"].refusal.startswith("no better than `overhead` (F test, p = ")
    assert found["linear"].refusal.startswith("no better than `overhead`")


def test_five_levels_are_too_few_for_a_rich_law():
    found = fitted(TRUTH["usl"][0], (1, 5, 20, 50, 100))

    assert found["usl"].refusal == "5 levels of chunks, 6 needed"


def test_three_levels_are_too_few_for_any_law():
    found = fitted(TRUTH["overhead"][0], (1, 5, 20))

    assert scaling.best_fit(found) is None
    assert found["overhead"].refusal == "3 levels of chunks, 5 needed"
    assert math.isinf(found["linear"].aicc)


def test_too_few_levels_are_no_proof_of_no_effect():
    """Five levels fall from 2.7 s to 1.5 s: AICc cannot accept `overhead`, and nobody may say constant."""
    found = fitted(lambda n, s: 1.45 + 0.0012 * s / n, (1, 2, 5, 10, 20), spread=0.1, repetitions=1)

    assert found["overhead"].refusal.startswith("no better than")
    assert found["constant"].refusal.startswith("`overhead` finds an effect (w = 0.001")


def test_a_knee_beyond_the_levels_is_refused():
    """The optimum is at 34 senders, beyond the measured levels up to 20."""
    found = fitted(TRUTH["usl"][0], (1, 2, 4, 8, 12, 16, 20), spread=0.001)

    assert found["usl"].refusal.startswith("its knee is at N = 34")
    assert found["usl"].refusal.endswith("outside the measured 1 to 20")


def test_a_standard_error_beyond_half_of_the_value_is_refused():
    found = fitted(lambda n, s: (0.03 * s / n + 0.5) * (1 + 0.3 * math.sin(9 * n)), sizes=(1000,))

    refusals = [one.refusal for one in found.values()]
    assert any("standard error of" in refusal or "not told from 0" in refusal for refusal in refusals)


def test_a_law_within_an_accepted_one_is_beaten():
    found = fitted(TRUTH["usl"][0], sizes=(1000, 4000))

    assert found["amdahl"].refusal.startswith("`usl` describes it better (F test, p = ")


def test_the_table_names_every_law_with_its_verdict():
    table = scaling.table(fitted(TRUTH["overhead"][0]))

    assert table["law"].unique().tolist() == ["constant", "ideal", "overhead", "linear", "amdahl", "usl"]
    assert set(table.loc[table["law"] == "overhead", "verdict"]) == {"accepted"}
    assert (table.loc[table["law"] != "overhead", "verdict"] != "accepted").all()
    assert set(table["how"]) == {"profile", "standard error"}


def test_residuals_are_of_the_points():
    one = fitted(TRUTH["overhead"][0])["overhead"]

    assert len(one.residuals) == 7
    assert one.residuals["residual"].abs().max() < 0.1
    assert one.spread == pytest.approx(np.std(one.residuals["residual"], ddof=2), rel=0.3)


def test_a_prediction_beyond_what_was_measured_is_marked():
    """Beyond the levels, and beyond the file sizes."""
    law = scaling.best_fit(fitted(TRUTH["overhead"][0]))

    table = scaling.predict(law, [1, 30, 100, 200])

    assert table["extrapolated"].tolist() == [False, False, False, True]
    assert (table["low_s"] < table["makespan_s"]).all()
    assert (table["makespan_s"] < table["high_s"]).all()
    assert table["makespan_s"].to_numpy() == pytest.approx([31.5, 2.5, 1.8, 1.65], rel=0.05)
    assert scaling.predict(law, [30], submitted=10**6)["extrapolated"].tolist() == [True]


def test_a_refused_law_predicts_nothing():
    with pytest.raises(RunError, match="usl cannot predict, its fit is refused: no better than `overhead`"):
        scaling.predict(fitted(TRUTH["overhead"][0])["usl"], [10])


def test_a_sweep_over_senders_may_widen_the_queue_with_them():
    """As many processors as senders is the default: that is one factor, not two."""
    runs = frames.sweep(TRUTH["overhead"][0])

    assert runs["processors"].nunique() > 1
    assert sweep.varied_factor(runs) == "chunks"
    with pytest.raises(RunError, match="processors was varied besides chunks"):
        sweep.by_level(runs.assign(processors=[2 + k % 3 for k in range(len(runs))]))


def test_a_sweep_over_processors_has_its_levels():
    """With the senders as they are."""
    runs = frames.sweep(TRUTH["overhead"][0], (2, 10, 100), factor="processors")

    assert sweep.varied_factor(runs) == "processors"
    assert list(sweep.by_level(runs, factor="processors")["level"]) == [2, 10, 100]


def test_a_throughput_that_falls_beyond_its_maximum_is_no_overhead():
    """Residual spreads of 0.18 and 0.09 at seven levels: AICc charges the third parameter 14 units."""
    scatter = dict(zip(LEVELS, (0.06, -0.08, 0.05, -0.09, 0.08, -0.05, 0.03), strict=True))

    found = fitted(lambda n, s: (0.45 + 0.004 * n + 3.6 / n) * math.exp(scatter[n]), spread=0.01)

    assert found["linear"].aicc > found["overhead"].aicc
    assert found["overhead"].refusal.startswith("`linear` describes it better (F test, p = 0.0")
    assert scaling.best_fit(found).law == "linear"


def test_the_spread_of_the_repetitions_counts_where_medians_lie_well_by_chance():
    """The same medians, with repetitions that differ by 1 % and by 60 %."""
    points = sweep.by_level(frames.sweep(lambda n, s: 1.5 + 0.006 * n + 30 / n, spread=0.01))

    assert scaling.fits(points)["linear"].accepted
    assert not scaling.fits(points.assign(log_variance=0.6**2))["linear"].accepted
