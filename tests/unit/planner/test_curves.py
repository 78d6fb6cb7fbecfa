"""A plan over time, sizes and settings, as tables."""

import pandas as pd
import pytest

from lambdist_lib.costs import assumptions
from lambdist_lib.planner import curves, plan, predict
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.job_system import build, values
from lambdist_lib.planner.system import System

TABLE = assumptions.load()
JOB = job_of(datapoints=20_000, chunks=100, request_batch=10, work="io:100ms",
             settings={"queue_batch": 10, "maximum_concurrency": 1000})  # fmt: skip  # fmt: skip
PLANS = [
    predict.predict(job, TABLE)
    for job in plan.plan_sizes("1e3, 1e6 1e9", chunks=100, settings={"queue_batch": 10}, request_batch=100)
]


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"senders": 3, "request_s": 0.04, "collector_s": 0.01}, {"maximum_concurrency": 20},
        {"writes_per_s": 500.0, "max_writes_per_s": 500.0},
    ],
    ids=str,
)  # fmt: skip
def test_both_models_have_the_same_curve(changes):
    """Of backlog and concurrency, under any bottleneck: within 6 % of their peaks nearly always."""
    system = System(**{"datapoints": 30_000, "item_s": 0.05, "queue_batch": 10, "init_s": 0.1,
                       "request_batch": 10, **changes})  # fmt: skip
    fluid, exact = curves.by_fluid_model(system), curves.by_simulation(system)

    for name in ("waiting", "running", "done"):
        inner = exact[(exact["at_s"] > 0.5) & (exact["at_s"] < 0.9 * fluid["at_s"].max())]
        expected = pd.Series(range(0)).reindex(inner.index).astype(float)
        expected[:] = [fluid[name].iloc[(fluid["at_s"] - at).abs().argmin()] for at in inner["at_s"]]
        assert (expected - inner[name]).abs().quantile(0.9) <= 0.06 * max(exact[name].max(), 10), name


def test_curve_ends_with_an_empty_queue():
    """At 10^9, too: all is done, none waits, and each step names its limit."""
    curve = curves.by_fluid_model(
        build(job_of(datapoints=1e9, chunks=1000, processors=10, request_batch=100), values(TABLE))
    )

    assert curve["waiting"].iloc[-1] == pytest.approx(0, abs=10)
    assert curve["done"].iloc[-1] == pytest.approx(1e9)
    assert curve["at_s"].is_monotonic_increasing
    assert curve["limit"].ne("").all()


def test_only_small_jobs_are_simulated():
    """Simulating 10^9 datapoints would take hours."""
    assert len(curves.backlog_over_time(JOB, TABLE)) == 2
    assert len(curves.backlog_over_time(job_of(datapoints=1e9), TABLE)) == 1


def test_sizes_have_a_row_each():
    """Time and cost grow with the job; the sentence is about the largest."""
    sizes = curves.by_size(PLANS)

    assert list(sizes["datapoints"]) == [1_000, 1_000_000, 1_000_000_000]
    assert sizes["makespan_s"].is_monotonic_increasing and sizes["usd"].is_monotonic_increasing
    assert list(sizes["method"]) == ["exact simulation", "fluid model", "fluid model"]
    assert "1,000,000,000 datapoints would take" in curves.sentence(sizes)
    assert curves.sentence(sizes).endswith(" at best, however it is sent")


def test_no_setting_beats_the_front():
    """No setting is both faster and cheaper than one on it; the setting asked for is named."""
    settings_table = curves.by_settings(JOB, TABLE)
    front = settings_table[settings_table["on_front"]]

    for row in front.itertuples():
        assert not ((settings_table["makespan_s"] < row.makespan_s) & (settings_table["usd"] < row.usd)).any()
    assert {"asked for", "fastest", "cheapest"} == set(", ".join(settings_table["name"]).split(", ")) - {""}
