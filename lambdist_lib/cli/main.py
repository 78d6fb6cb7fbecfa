"""The entry point of `lambdist`: parse, call the command, end with its exit status."""

import argparse
import atexit
import errno
import gc
import os
import sys
from pathlib import Path

from lambdist_lib import paths
from lambdist_lib.cli import options as cli_options
from lambdist_lib.cli import screen, signals
from lambdist_lib.cli.parser import build_parser
from lambdist_lib.cloud import process_limits
from lambdist_lib.errors import LambdistError

INTERRUPTED, TERMINATED = 130, 143
OF_THE_SURROUNDINGS = (  # errors of the disk, of permissions and of limits, rather than bugs
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE,
    errno.ENOMEM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EIO,
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    atexit.register(gc.freeze)  # after pandas and matplotlib, the last look for garbage takes 0.3 s
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:  # set by the script of `lambdist completion`
        from lambdist_lib.cli import completion

        completion.complete(parser)
    terminated: list[int] = []
    options = argparse.Namespace(results_dir=None)
    try:
        options = parser.parse_args(arguments)
        process_limits.require_memory()
        if options.results_dir:
            os.environ["LAMBDIST_RESULTS"] = str(options.results_dir)
        _note_own_processing(options)
        with signals.sigterm_as_interrupt() as terminated:
            return options.call(options) or 0
    except LambdistError as error:
        _print_error(options, str(error))
        return error.exit_status
    except KeyboardInterrupt as interrupt:  # its message has the command that resumes the run
        _print_error(options, str(interrupt) or "interrupted")
        return TERMINATED if terminated else INTERRUPTED
    except BrokenPipeError:  # `lambdist fetch RUN | head`
        sys.stderr.close()
        return 0
    except Exception as error:  # an AWS limit; any other exception is a bug and keeps its traceback
        if not (line := _told(error)):
            raise
        _print_error(options, line)
        return LambdistError.exit_status


def _note_own_processing(options: argparse.Namespace) -> None:
    """Tell that a processing.py in the current folder is not what runs."""
    if getattr(options, "processing", None) == "" and Path("processing.py").is_file():
        shipped = paths.lambdas() / "processing.py"
        if not shipped.samefile("processing.py"):
            what = f"note: this takes {paths.shown(shipped)}; --processing . takes ./processing.py"
            print(screen.wrapped(what) if sys.stderr.isatty() else what, file=sys.stderr)


def _print_error(options: argparse.Namespace, text: str) -> None:
    print(screen.error_line(cli_options.with_typed_options(text, options)), file=sys.stderr)


def _told(error: Exception) -> str:
    if isinstance(error, MemoryError) or "failed to map segment" in str(error):  # a shared library's
        return "out of memory: end other programs, or raise this shell's limit (`ulimit -v`)"
    if isinstance(error, OSError) and error.errno in OF_THE_SURROUNDINGS:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        names = [error.filename] if error.filename else paths.full() if is_full else []
        where = f" {', '.join(paths.shown(str(name)) for name in names)}" if names else ""
        return f"cannot go on{where}: {error.strerror}; correct that, then run the command again"
    if "botocore" not in sys.modules:
        return ""
    from lambdist_lib.cloud import aws_errors

    return aws_errors.told(error)
