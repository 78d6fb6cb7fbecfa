"""Every error that a person can cause, at the grain on which a caller acts.

    LambdistError                 exit status 1
    ├── UsageError                2: what was typed or passed is wrong
    │   ├── GrammarError          a work or fault declaration does not parse
    │   ├── DataFileError         the data file is missing, empty or not text
    │   └── ParameterError        a notebook parameter is unknown or of the wrong type
    ├── UnfinishedError           3: datapoints are still in flight; `resume` finishes them
    ├── MissingExtraError         an optional package is not installed
    ├── LocalCloudError           the local cloud does not start, answer or stop
    ├── TargetError               the place where the stacks live cannot be used
    │   ├── AbsentError           there is no such stack
    │   └── RefusedError          AWS takes these credentials not, or not for this
    ├── DeployError               CloudFormation refused or rolled back
    ├── UncollectedError          destroy would lose results nobody has fetched
    ├── RunError                  a run folder is missing, foreign or does not balance
    └── ThresholdError            4: all went well, and a measure is beyond what `--fail-if` allows

Each message says what was wrong, where, and what to type next.
Standard library only: this module ships in every Lambda zip.
"""

NOTEBOOK_COLUMNS = 100


class LambdistError(Exception):
    """Base of all errors that end a command with one line instead of a traceback."""

    exit_status = 1

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows, by IPython's convention: our frames say nothing to who meets them."""
        return [_wrapped(f"{type(self).__name__}: {self}")]


class Interrupted(KeyboardInterrupt):
    """A notebook's stop button, with what is kept and how to go on."""

    def _render_traceback_(self) -> list[str]:
        return [_wrapped(str(self))]


def _wrapped(text: str) -> str:
    """Lines that end between words: JupyterLab breaks long ones anywhere."""
    import textwrap  # no Lambda needs it in its init

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
    pass


class AccessDeniedError(TargetError):
    """`code` is AWS's, or the name of botocore's error; `action` the permission that is missing, or ""."""

    def __init__(self, text: str, *, code: str = "", action: str = "") -> None:
        super().__init__(text)
        self.code, self.action = code, action


class DeployError(LambdistError):
    pass


class UncollectedError(LambdistError):
    pass


class RunError(LambdistError):
    pass


class ThresholdError(LambdistError):
    exit_status = 4
