"""Each line of a file through the distributed stack, N requests at a time: python examples/dist.py N FILE"""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator

from lambdist_lib.cloud import targets
from lambdist_lib.deployment import stacks
from lambdist_lib.errors import LambdistError, TargetError
from lambdist_lib.progress import Progress
from lambdist_lib.runs import collect
from lambdist_lib.runs import run as runs_run


def main(arm: str, chunks: int, file: str) -> None:
    """Print every answer in the file's order, then counts and seconds; exit as `lambdist` does."""
    try:
        target = targets.connect("local")
        with deployed(target, arm), Progress(arm) as progress:
            run = runs_run.submit(target, arm, data=file, chunks=chunks, watch=progress.show)
    except LambdistError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    for answer in collect.fetch(run["run_id"]):
        print(json.dumps(answer, ensure_ascii=False))
    counts = ("stored", "dead", "rejected", "unsent", "in_flight", "lost")
    print(", ".join(f"{run[name]} {name}" for name in counts), f"in {run['makespan_s'] or 0:.2f} s")
    sys.exit(bool(run["unsent"] or run["in_flight"] or run["lost"]))


@contextlib.contextmanager
def deployed(target: targets.Target, kind: str) -> Iterator[None]:
    """The stack of this kind; one that was not there before is deleted in the end."""
    try:
        stacks.describe(target, kind)
        missing = []
    except TargetError:
        missing = [kind]
    try:
        stacks.apply_stacks(target, missing)
        yield
    finally:
        stacks.delete_stacks(target, missing)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("N", type=int, help="most requests under way at once")
    asked.add_argument("FILE", help="one datapoint a line")
    options = asked.parse_args()
    main("distributed", options.N, options.FILE)
