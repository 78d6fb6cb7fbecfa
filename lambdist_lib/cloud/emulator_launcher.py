"""Run the emulator behind its gate; the supervisor starts this as a process of its own.

The environment is the supervisor's (`emulator_environment.environment`); the key of this start is in
AWS_ACCESS_KEY_ID, which makes it the key of the emulator's root user, too.
"""

import gc
import os
import sys

from lambdist_lib.cloud import emulator_gate, emulator_queue, emulator_server, emulator_worker

GARBAGE_EVERY = 20_000  # new objects between two searches for garbage; Python's default is 700


def main() -> None:
    import hypercorn.asyncio
    from ministack import app as emulator
    from ministack.core import lambda_runtime
    from ministack.services import sqs

    emulator_worker.patch(lambda_runtime)
    emulator_queue.patch(sqs)
    emulator_server.patch(hypercorn.asyncio)
    emulator.app = emulator_gate.guarded(
        emulator.app, os.environ["AWS_ACCESS_KEY_ID"], enforces_iam=os.environ.get("AUTH") == "true"
    )
    gc.freeze()
    gc.set_threshold(GARBAGE_EVERY, *gc.get_threshold()[1:])
    sys.argv = ["ministack"]
    emulator.main()


if __name__ == "__main__":
    main()
