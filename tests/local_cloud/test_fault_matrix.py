"""The full matrix of faults, on demand: `make test-faults`. Its table is committed beside this file."""

import time

import pytest
from support import faulty

from lambdist_lib import paths
from lambdist_lib.deployment import stacks

pytestmark = pytest.mark.faults
SEED = "seed:1"
DATAPOINTS = 100
TABLE = paths.root() / "tests" / "local_cloud" / "fault_matrix.md"
HEAD = """\
# Every kind of fault, as planned and as found

Written by `make test-faults` on the local cloud: {datapoints} datapoints for each line, five receives, one
message per invocation. *Strikes* are attempts that met the fault; for permanent, poison and duplicate
datapoints; for throttle receives that left no trace, which nobody planned one by one. *Came again early*:
messages that a busy machine kept longer than they stay hidden, so that they were given out twice; they ended
as planned all the same.

"""


@pytest.fixture(scope="module")
def distributed(target, deployed_as):
    stack = stacks.apply_stacks(target, ["distributed"], name="matrix", settings=faulty.SETTINGS)[
        "distributed"
    ]
    yield faulty.hasten(deployed_as(target, stack))
    stacks.delete_stacks(target, name="matrix")


def test_the_matrix(distributed):
    """Each kind at 0.01, 0.1 and 0.5: every ledger balances, every datapoint ends as it was told."""
    rows = []
    for p in (0.01, 0.1, 0.5):
        name = str(p).replace("0.", "")
        plans = {f"m{name}-{kind}": f"{kind}:{p},{SEED}" for kind in faulty.KINDS}
        found = faulty.run_all(distributed, plans, points=DATAPOINTS)
        found |= {
            f"m{name}-throttle": faulty.run(
                distributed, f"m{name}-throttle", f"throttle:{p}", points=DATAPOINTS
            )
        }
        rows += [faulty.table_row(name.partition("-")[2], p, one) for name, one in found.items()]
        for one in found.values():
            faulty.require_balanced(one[0])
            assert faulty.differences(one)[0] == {}
    rows.sort(key=lambda row: (faulty.ORDER.index(row["fault"]), row["p"]))
    TABLE.write_text(HEAD.format(datapoints=DATAPOINTS) + faulty.as_markdown(rows), encoding="utf-8")


def test_ten_thousand_datapoints_with_a_fifth_failing(distributed):
    """Nothing is lost at size: 10,000 datapoints, p = 0.2, each as its plan says."""
    began_s = time.monotonic()

    found = faulty.run(
        distributed, "ten-thousand", f"raise:0.2,{SEED}", points=10_000, chunks=8, request_batch=20
    )

    took_s = time.monotonic() - began_s
    row, _, _, truth = found
    faulty.require_balanced(row)
    assert faulty.differences(found)[0] == {}
    dead = sum(told["outcome"] == "dead" for told in truth.values())
    assert row["dead"] == dead > 0
    lines = TABLE.read_text(encoding="utf-8").split("\n## ")[0]
    TABLE.write_text(
        f"{lines.rstrip()}\n\n## 10,000 datapoints, raise:0.2\n\n"
        f"{row['stored']:,} stored, {row['dead']:,} dead (planned {dead:,}; theory 3.2), "
        f"{row['lost']} lost, {took_s:.0f} s on the local cloud.\n",
        encoding="utf-8",
    )
