"""Send each line of a file through the distributed stack: python examples/dist.py N FILE"""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator

from lambdist_lib import connect, fetch, submit
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import stacks
from lambdist_lib.errors import LambdistError, TargetError
from lambdist_lib.progress import Progress


def main(arm: str, chunks: int, file: str) -> None:
    """Print each answer in the file's order, then counts and seconds; exit as `lambdist` does."""
    try:
        target = connect("local")
        with deployed(target, arm), Progress(arm) as progress:
            run = submit(target, arm, data=file, chunks=chunks, watch=progress.watcher())
    except LambdistError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    for answer in fetch(run["run_id"]):
        print(json.dumps(answer, ensure_ascii=False))
    counts = ("stored", "dead", "rejected", "unsent", "in_flight", "lost")
    print(", ".join(f"{run[name]} {name}" for name in counts), f"in {run['makespan_s'] or 0:.2f} s")
    sys.exit(bool(run["unsent"] or run["in_flight"] or run["lost"]))


@contextlib.contextmanager
def deployed(target: Target, kind: str) -> Iterator[None]:
    """Deploy the stack of this kind unless it is there, and delete what was deployed."""
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("N", type=int, help="maximum of requests at once")
    parser.add_argument("FILE", help="one datapoint a line")
    options = parser.parse_args()
    main("distributed", options.N, options.FILE)
