import functools
import json
import math

import pandas as pd
import pytest
from support.summaries import built, tables

from lambdist_lib.errors import RunError
from lambdist_lib.measures import summary
from lambdist_lib.results.schema import INVOCATIONS, RECORDS, RUNS


@functools.cache
def ordinary():
    """The summary of seven warm pairs and a cold one."""
    return built(*tables(cold_pairs=1))


def test_every_measure_has_its_interval_n_unit_and_target():
    """JSON holds it as it is: no NaN, no numpy."""
    found = ordinary()

    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for one in found["measures"].values():
        assert set(one) == {"value", "low", "high", "n", "of", "unit", "note", "target"}
        assert (one["unit"], one["target"]) != ("", "") and one["target"] == "local cloud"
        if one["low"] is not None:
            assert one["low"] <= one["value"] <= one["high"]
    assert "(local cloud): 131 datapoints" in found["finding"]


def test_the_names_that_gates_use():
    """The distributed arm has no prefix; the others have theirs; cold runs stand apart."""
    numbers = summary.flat(ordinary())

    assert numbers["speedup_low"] < numbers["speedup"] < numbers["speedup_high"]
    assert numbers["makespan_s"] < numbers["single_node_makespan_s"]
    assert numbers["cold_makespan_s"] > numbers["makespan_s"]
    assert numbers["dead_rate"] == pytest.approx(2 / 131)
    assert numbers["dead_rate_high"] > numbers["dead_rate"]
    assert numbers["cold_share"] == 0
    assert numbers["lost"] == numbers["unsent"] == 0
    assert numbers["throughput_per_s"] == pytest.approx(129 / numbers["makespan_s"], rel=0.1)
    assert numbers["end_to_end_p50_s"] < numbers["end_to_end_p90_s"] < numbers["end_to_end_p99_s"]
    assert numbers["single_node_concurrency_peak"] == 1
    assert numbers["processor_init_s"] == pytest.approx(0.35, rel=0.5)
    assert "cold_single_node_answer_p50_s" in numbers


def test_further_arms_are_compared_too():
    """Against every arm that was run, each in its own pairs."""
    runs, records, invocations = tables()
    third = runs[runs["arm"] == "single_node"].assign(
        arm="local_pool", run_id=lambda t: "pool-" + t["run_id"]
    )
    more = records[records["arm"] == "single_node"]
    more = more.assign(arm="local_pool", run_id="pool-" + more["run_id"])

    numbers = summary.flat(built(pd.concat([runs, third]), pd.concat([records, more]), invocations))

    assert numbers["speedup_over_local_pool"] == numbers["speedup"]
    assert numbers["local_pool_makespan_s"] == numbers["single_node_makespan_s"]


def test_one_repetition_has_numbers_and_no_intervals():
    found = built(*tables(1))["measures"]

    assert found["speedup"]["value"] > 1
    assert found["speedup"]["low"] is None
    assert found["speedup"]["note"] == "no interval, which needs 6 pairs"
    assert found["makespan_s"]["note"] == "no interval: n = 1, 6 needed"
    assert found["end_to_end_p99_s"] == {
        **found["end_to_end_p99_s"], "value": None, "note": "not estimable: n = 129, 368 needed",
    }  # fmt: skip


def test_a_run_outside_pairs_has_no_speedup():
    """As `lambdist submit` leaves one."""
    runs, records, invocations = tables(1)
    alone = runs.iloc[1:].assign(pair=0, temperature="as found")

    found = built(alone, records[records["arm"] == "distributed"], invocations)["measures"]

    assert found["speedup"]["value"] is None
    assert found["speedup"]["note"].startswith("no complete warm pair")
    assert found["makespan_s"]["value"] == pytest.approx(runs["makespan_s"].iloc[1])


def test_a_single_arm_has_no_prefix():
    runs, records, invocations = tables(1)
    alone = runs.iloc[:1]

    numbers = summary.flat(built(alone, records[records["arm"] == "single_node"], invocations))

    assert numbers["makespan_s"] == runs["makespan_s"].iloc[0]


def test_all_cold_is_measured_without_a_prefix():
    numbers = summary.flat(built(*tables(0, cold_pairs=2)))

    assert numbers["makespan_s"] > 0
    assert numbers["cold_share"] == pytest.approx(8 / 129)
    assert not any(name.startswith("cold_makespan") for name in numbers)


def test_all_dead_is_a_defined_result():
    """Nothing was stored, so there is no time; the rate is 1, and the tables are there."""
    runs, records, invocations = tables(7, dead=range(131))
    runs = runs.assign(stored=0, dead=131, makespan_s=math.nan)

    found = built(runs, records, invocations)

    assert found["measures"]["dead_rate"]["value"] == 1
    assert found["measures"]["makespan_s"]["value"] is None
    assert found["measures"]["makespan_s"]["n"] == 0
    assert "makespan_s is missing or not positive" in found["measures"]["speedup"]["note"]
    assert "stored 0 of 917 datapoints, 917 died" in found["finding"]
    assert found["tables"]["stages"] == []


def test_nothing_at_all_is_a_defined_result():
    empty = [pd.DataFrame(columns=list(names)) for names in (RUNS, RECORDS, INVOCATIONS)]

    found = built(*empty)

    assert found["measures"]["submitted"]["value"] == 0
    assert found["measures"]["speedup"]["value"] is None
    json.dumps(found, allow_nan=False)


def test_clocks_that_run_backwards_cost_their_measures_and_no_others():
    """The ledger and the deaths need no clock; what does says why it is missing."""
    runs, records, invocations = tables()
    records.loc[5, "put_at"] = records.loc[5, "intended_at"] - 3

    found = built(runs, records, invocations)["measures"]

    assert "a clock was set back" in found["answer_p50_s"]["note"]
    assert "a clock was set back" in found["concurrency_peak"]["note"]
    assert found["answer_p50_s"]["value"] is found["concurrency_peak"]["value"] is None
    assert found["dead_rate"]["value"] > 0
    assert found["speedup"]["value"] > 1


def test_without_logs_there_is_no_init():
    runs, records, _ = tables()

    found = built(runs, records, pd.DataFrame(columns=list(INVOCATIONS)))

    assert not any(name.endswith("_init_s") for name in found["measures"])


def test_an_open_ledger_stops_it():
    runs, records, invocations = tables()
    records.loc[0, "outcome"] = "lost"

    with pytest.raises(RunError, match="run run-1-single-node: 1 lost"):
        built(runs, records, invocations)


def test_records_that_were_cut_off_are_missed():
    """They balance, of fewer datapoints than the run says that it had."""
    runs, records, invocations = tables()

    with pytest.raises(RunError, match="records are missing: run-7-distributed has 121 of 131 datapoints"):
        built(runs, records.iloc[:-10], invocations)
    with pytest.raises(RunError, match="run-1-distributed has 0 of 131"):
        built(runs, records[records["run_id"] != "run-1-distributed"], invocations)


def test_who_insists_reads_it_in_every_target():
    runs, records, invocations = tables()
    records.loc[0, "outcome"] = "lost"
    runs.loc[0, ["stored", "lost"]] = [128, 1]

    found = built(runs, records, invocations, allow_incomplete=True)

    stamp = "local cloud, LEDGER OPEN: 1 lost of 1,834"
    assert found["target"] == stamp
    assert {one["target"] for one in found["measures"].values()} == {stamp}
    assert stamp in found["finding"]
    assert found["measures"]["speedup"]["value"] > 1
    assert found["measures"]["lost"]["value"] == 1


def test_a_sweep_is_summed_up_by_level():
    """A median over levels would be of nothing."""
    of_level = {}
    for chunks, arm_s in ((1, 6.0), (5, 1.5), (20, 0.8)):
        runs, records, invocations = tables(arm_s=arm_s)
        renamed = {name: f"{name}-{chunks}" for name in runs["run_id"]}
        runs.loc[runs["arm"] == "distributed", "chunks"] = chunks
        of_level[chunks] = [
            table.assign(run_id=table["run_id"].map(renamed)) for table in (runs, records, invocations)
        ]
    runs, records, invocations = (
        pd.concat([tables[k] for tables in of_level.values()], ignore_index=True) for k in range(3)
    )
    control = (runs["arm"] == "single_node") & ~runs["run_id"].str.endswith("-20")
    gone = set(runs.loc[control, "run_id"])

    found = built(*(table[~table["run_id"].isin(gone)] for table in (runs, records, invocations)))

    numbers = summary.flat(found)
    assert numbers["speedup_chunks_1"] < 1 < numbers["speedup_chunks_5_low"] < numbers["speedup_chunks_20"]
    assert numbers["makespan_chunks_20_s"] == pytest.approx(0.8, rel=0.2)
    assert "makespan_s" not in numbers
    assert "fastest at chunks 20" in found["finding"]
    assert [row["level"] for row in found["tables"]["by_level"]] == [1, 5, 20]
    assert "overhead" in {row["law"] for row in found["tables"]["laws"]}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_summary_reads_no_other_columns():
    """Tables with RECORDS and INVOCATIONS alone give the same summary."""
    runs, records, invocations = tables(cold_pairs=1)

    part = built(runs, records[list(summary.RECORDS)], invocations[list(summary.INVOCATIONS)])

    assert part == ordinary()
