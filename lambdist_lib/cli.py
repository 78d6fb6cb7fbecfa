"""`lambdist …`: parse, call one of `commands`, and end with the right status.

What can be typed, and what the exit statuses mean, stands in `arguments`.
"""

import sys

from lambdist_lib import interrupts
from lambdist_lib.arguments import parser
from lambdist_lib.commands import clouds, jobs, measuring
from lambdist_lib.errors import LambdistError

INTERRUPTED, TERMINATED = 130, 143
COMMANDS = {
    "try": jobs.try_,
    "deploy": clouds.deploy,
    "destroy": clouds.destroy,
    "package": clouds.package,
    "leaks": clouds.leaks,
    "cloud": clouds.cloud,
    "submit": jobs.submit,
    "run": measuring.run,
    "resume": jobs.resume,
    "fetch": jobs.fetch,
    "dead": jobs.dead,
    "redrive": jobs.redrive,
    "analyse": measuring.analyse,
    "compare": measuring.compare,
    "report": measuring.report,
    "gallery": measuring.gallery,
    "plan": measuring.plan,
    "notebook": measuring.notebook,
}


def main(arguments: list[str] | None = None) -> int:
    """The command line's entry; returns the exit status."""
    options = parser(COMMANDS).parse_args(arguments)
    try:
        with interrupts.sigterm_as_interrupt() as terminated:
            return options.call(options) or 0
    except LambdistError as error:
        print(f"lambdist: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as interrupt:  # a run says where it is kept and how it goes on
        print(f"lambdist: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return TERMINATED if terminated else INTERRUPTED
    except BrokenPipeError:  # `lambdist fetch RUN | head`
        sys.stderr.close()
        return 0
    except Exception as error:  # AWS out of something; anything else is our bug and keeps its traceback
        if not (line := _told(error)):
            raise
        print(f"lambdist: {line}", file=sys.stderr)
        return LambdistError.exit_status


def _told(error: Exception) -> str:
    if "botocore" not in sys.modules:
        return ""
    from lambdist_lib import refusals

    return refusals.told(error)
