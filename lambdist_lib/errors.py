"""The exceptions that a user can cause, one class for each reaction of a caller::

    LambdistError                 exit status 1
    ├── UsageError                2: an option or argument is invalid
    │   ├── GrammarError          a work or fault declaration is malformed
    │   ├── DataFileError         the data file is missing, empty or not text
    │   └── ParameterError        a notebook parameter is unknown or of the wrong type
    ├── UnfinishedError           3: datapoints are still in flight; `resume` finishes them
    ├── ThresholdError            4: all went well, and a measure is beyond what `--fail-if` allows
    ├── RejectedError             5: all is settled, and datapoints were rejected
    ├── DeadLimitError            6: `--stop-if-dead` ended the run
    ├── MissingExtraError         an optional package is not installed
    ├── LocalCloudError           the local cloud does not start, answer or stop
    ├── TargetError               the place where the stacks live cannot be used
    │   ├── AbsentError           8: the stack does not exist
    │   └── AccessDeniedError     AWS rejects these credentials, or this action of theirs
    ├── DeployError               CloudFormation refused or rolled back
    ├── UncollectedError          destroy would lose results that were not fetched
    ├── BusyError                 another process writes to the same run or stack
    ├── FailedItemError           an item of `fan_out` failed
    └── RunError                  a run folder is damaged, of another run or does not balance
        ├── NotComparableError    7: two results differ in more than the factor, or were not timed
        ├── NotFoundError         8: the run or experiment does not exist
        └── FanOutError           items of `fan_out` failed

Each message has the form `what failed: why; do this`. `exit_status` of a class is the one
home of its status; `EXIT_STATUSES` names all of them for the help and the docs.
Standard library only: this module ships in every Lambda zip.
"""

EXIT_STATUSES = {
    0: "done",
    1: "failed (compare: slower)",
    2: "wrong usage, or no such data file",
    3: "unfinished: `lambdist resume RUN`",
    4: "a --fail-if gate failed",
    5: "datapoints were rejected (unless --allow-rejected)",
    6: "ended by --stop-if-dead",
    7: "not comparable",
    8: "not found: run, experiment or stack",
    130: "interrupted, resume as after 3 (143: by SIGTERM)",
}
NOTEBOOK_COLUMNS = 100


class LambdistError(Exception):
    """Base of all errors that end a command with one line instead of a traceback."""

    exit_status = 1

    def _render_traceback_(self) -> list[str]:
        """Render for a notebook, by IPython's convention: stack frames do not help the user."""
        return [_wrapped(f"{type(self).__name__}: {self}")]


class Interrupted(KeyboardInterrupt):
    """Raised after a notebook's stop button; the message says what is kept and how to continue."""

    def _render_traceback_(self) -> list[str]:
        return [_wrapped(str(self))]


def _wrapped(text: str) -> str:
    """Break lines between words: JupyterLab breaks long ones anywhere."""
    import textwrap  # imported here to keep it out of a Lambda's init

    lines = (textwrap.fill(line, NOTEBOOK_COLUMNS, break_long_words=False) for line in text.splitlines())
    return "\n".join(lines)


class UsageError(LambdistError):
    exit_status = 2


class GrammarError(UsageError):
    pass


class DataFileError(UsageError):
    pass


class ParameterError(UsageError):
    pass


class UnfinishedError(LambdistError):
    exit_status = 3


class MissingExtraError(LambdistError):
    """`extra` is what to install: `pip install 'lambdist-lib[EXTRA]'`; `package` is what was missing."""

    def __init__(self, extra: str, purpose: str, package: str) -> None:
        super().__init__(f"{purpose} needs the package {package}: pip install 'lambdist-lib[{extra}]'")
        self.extra, self.package = extra, package


class LocalCloudError(LambdistError):
    pass


class TargetError(LambdistError):
    pass


class AbsentError(TargetError):
    exit_status = 8


class AccessDeniedError(TargetError):
    """`code` is AWS's error code or the name of botocore's error; `action` the missing permission, or ""."""

    def __init__(self, text: str, *, code: str = "", action: str = "") -> None:
        super().__init__(text)
        self.code, self.action = code, action


class DeployError(LambdistError):
    pass


class UncollectedError(LambdistError):
    pass


class BusyError(LambdistError):
    """`pid` is the process that writes, 0 if it is unknown."""

    def __init__(self, text: str, *, pid: int = 0) -> None:
        super().__init__(text)
        self.pid = pid


class RunError(LambdistError):
    pass


class NotComparableError(RunError):
    exit_status = 7


class NotFoundError(RunError):
    exit_status = 8


class ThresholdError(LambdistError):
    exit_status = 4


class RejectedError(LambdistError):
    exit_status = 5


class DeadLimitError(LambdistError):
    exit_status = 6


class FanOutError(RunError):
    """Items of a `fan_out` failed. `failed` has an error for each, `results` all others in their places."""

    def __init__(self, text: str, *, failed: "list[FailedItemError]", results: list[object]) -> None:
        super().__init__(text)
        self.failed, self.results = failed, results


class FailedItemError(LambdistError):
    """One item's function failed. `n` is its index, `attempts` how often it was tried."""

    def __init__(self, n: int, cause: str, *, attempts: int = 0, causes: tuple[str, ...] = ()) -> None:
        super().__init__(f"item {n} failed after {attempts} attempts: {cause}")
        self.n, self.cause, self.attempts, self.causes = n, cause, attempts, causes
