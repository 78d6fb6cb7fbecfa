"""`lambdist …`: parse, call one of `commands`, and end with the right status.

What can be typed, and what the exit statuses mean, stands in `arguments`.
"""

import sys

from lambdist_lib.cli import analysis_commands, deploy_commands, run_commands, signals
from lambdist_lib.cli.parser import build_parser
from lambdist_lib.errors import LambdistError

INTERRUPTED, TERMINATED = 130, 143
COMMANDS = {
    "try": run_commands.try_,
    "deploy": deploy_commands.deploy,
    "destroy": deploy_commands.destroy,
    "package": deploy_commands.package,
    "leaks": deploy_commands.leaks,
    "cloud": deploy_commands.cloud,
    "submit": run_commands.submit,
    "run": analysis_commands.run,
    "resume": run_commands.resume,
    "fetch": run_commands.fetch,
    "dead": run_commands.dead,
    "redrive": run_commands.redrive,
    "analyse": analysis_commands.analyse,
    "compare": analysis_commands.compare,
    "report": analysis_commands.report,
    "gallery": analysis_commands.gallery,
    "plan": analysis_commands.plan,
    "notebook": analysis_commands.notebook,
}


def main(arguments: list[str] | None = None) -> int:
    """The command line's entry; returns the exit status."""
    options = build_parser(COMMANDS).parse_args(arguments)
    try:
        with signals.sigterm_as_interrupt() as terminated:
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
    from lambdist_lib.cloud import aws_errors

    return aws_errors.told(error)
