"""Run the emulator behind its gate; the supervisor starts this as a process of its own.

The environment is the supervisor's (`emulator_environment.environment`); the key of this start is in
AWS_ACCESS_KEY_ID, which makes it the key of the emulator's root user, too.
"""

import os
import sys

from lambdist_lib.cloud import emulator_gate, emulator_queue, emulator_worker


def main() -> None:
    from ministack import app as emulator
    from ministack.core import lambda_runtime
    from ministack.services import sqs

    emulator_worker.patch(lambda_runtime)
    emulator_queue.patch(sqs)
    emulator.app = emulator_gate.guarded(
        emulator.app, os.environ["AWS_ACCESS_KEY_ID"], enforces_iam=os.environ.get("AUTH") == "true"
    )
    sys.argv = ["ministack"]
    emulator.main()


if __name__ == "__main__":
    main()
