"""The command line: commands, their arguments, and their help.

A new command is one function in a `*_commands` module and one entry here.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from lambdist_lib.cli import analysis_commands, deploy_commands, run_commands
from lambdist_lib.errors import EXIT_STATUSES
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import CAUSE_CLASSES

Call = Callable[[argparse.Namespace], int | None]
AddCommand = Callable[[str, Call, str], argparse.ArgumentParser]

SENDING_ARMS = [arm for arm, traits in ARMS.items() if traits.stack]

EXITS = "exit status:\n" + "".join(f"  {status:<4} {text}\n" for status, text in EXIT_STATUSES.items())
TOUR = f"""\
a first tour:
  lambdist try data/words.txt -n 5             process() here, without a cloud
  lambdist deploy                              both stacks on a local cloud
  lambdist submit data/words.txt --chunks 20   send a file, get its answers
  lambdist fetch RUN                           the answers again, in input order
  lambdist destroy                             delete the stacks again
  lambdist run data/words.txt --repetitions 6  does the fan-out pay? all in one
  lambdist cloud stop                          nothing is left
  lambdist plan --datapoints 1e9 --request-batch 100  a larger job on AWS

Results lie under results/ (or --results-dir, or LAMBDIST_RESULTS). The local
cloud's state lies in your user's state folder (a checkout's .lambdist/, or
LAMBDIST_STATE). An interrupted run is finished by `lambdist resume`.
Progress and errors go to stderr, answers to stdout; --json prints JSON there.

{EXITS}"""

FAULT_HELP = """\
none, or KIND:P[@N+N+A-B] separated by commas, P the probability (@: of these datapoints only). Drawn for each
attempt: raise, slow (beyond the timeout), crash (before the write), crash-after, memory (AWS only); for each
datapoint: permanent, poison (cannot be parsed), duplicate (queued twice); for the run: throttle (share of the
processors). Example: raise:0.1,permanent:1@5+7-9"""


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import importlib.metadata  # takes 20 ms

        parser.exit(message=f"lambdist {importlib.metadata.version('lambdist-lib')}\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser; parsed options have the command's function as `call`."""
    parser = argparse.ArgumentParser(
        prog="lambdist",
        description="Does fanning a file out over AWS Lambdas pay? Deploy, measure, compare.",
        epilog=TOUR,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument(
        "--results-dir", type=Path, metavar="FOLDER", help="of all results (default: results)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, call: Call, text: str) -> argparse.ArgumentParser:
        entry = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=EXITS,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        entry.add_argument("--json", action="store_true", help="print JSON")
        entry.set_defaults(call=call)
        return entry

    _add_stacks(command)
    _add_sending(command)
    _add_results(command)
    _add_plan(command)
    return parser


def _add_stacks(command: AddCommand) -> None:
    entry = command(
        "init", deploy_commands.init, "write a project to start from: your processing.py, data, notebooks"
    )
    entry.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder")

    entry = command("try", run_commands.try_, "run process() on a file's first datapoints, without a cloud")
    entry.add_argument("data", help="data file, one datapoint a line")
    entry.add_argument("-n", type=int, default=5, help="how many (default 5)")
    _add_format(entry)
    _add_processing(entry)

    entry = command("deploy", deploy_commands.deploy, "create or update both stacks")
    _add_target(entry)
    _add_processing(entry)
    entry.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the templates, such as memory_mb=256",
    )

    entry.add_argument(
        "--expires",
        default="",
        metavar="8h",
        help="age at which `lambdist leaks` may remove it (default 1d)",
    )

    _add_consent(entry)

    entry = command("api", deploy_commands.api, "print the deployed API's URL, and lines that call it")
    entry.add_argument("--arm", default="distributed", help="distributed (default) or single_node")
    entry.add_argument("--show-key", action="store_true", help="also print its key")
    entry.add_argument("--key-only", action="store_true", help="print its key and nothing else, for $(...)")
    _add_target(entry)

    entry = command(
        "leaks", deploy_commands.leaks, "list resources that runs have left; remove them with --delete"
    )
    _add_target(entry)
    entry.add_argument("--delete", action="store_true", help="remove what is expired, broken or in no stack")
    entry.add_argument("--all", action="store_true", help="with --delete: also live stacks")
    entry.add_argument("--force", action="store_true", help="with --delete: even if results are uncollected")

    entry = command("destroy", deploy_commands.destroy, "delete both stacks")
    _add_target(entry)
    entry.add_argument("--force", action="store_true", help="even if results are uncollected")

    entry = command(
        "package", deploy_commands.package, "write zips, templates and commands for a deploy by hand"
    )
    entry.add_argument("--sam", action="store_true", help="the distributed stack as a SAM application")
    entry.add_argument("--output", type=Path, default=Path("build/package"), metavar="FOLDER",
                     help="default build/package")  # fmt: skip
    entry.add_argument("--bucket", default="", metavar="NAME", help="S3 bucket for the zips")
    _add_processing(entry)

    entry = command("cloud", deploy_commands.cloud, "start, show or stop the local cloud; its mail and key")
    entry.add_argument(
        "action",
        choices=["start", "status", "stop", "mail", "env"],
        help="mail: what AWS would have sent; env: variables for the AWS CLI, with the cloud's key",
    )
    entry.add_argument("--force", action="store_true", help="stop even if results are uncollected")


def _add_sending(command: AddCommand) -> None:
    entry = command(
        "submit",
        run_commands.submit,
        "send a file to the deployed stacks, or to any API, and collect its answers",
    )
    _add_data(entry)
    _add_target(entry)
    where = entry.add_mutually_exclusive_group()
    where.add_argument(
        "--arm",
        default="distributed",
        help=f"distributed (default) or another way: {', '.join(SENDING_ARMS)}",
    )
    where.add_argument(
        "--url", default="", help='any API that takes {"data": ...}, also one not deployed here'
    )
    entry.add_argument(
        "--api-key-env", default="", metavar="NAME", help="environment variable with the key of --url"
    )
    entry.add_argument(
        "--header", action="append", default=[], metavar="'NAME: env:VARIABLE'",
        help="further header of --url, such as 'Authorization: Bearer env:TOKEN'; may come again",
    )  # fmt: skip
    entry.add_argument("--tries", type=int, metavar="N", help="per datapoint, with --url (default 8)")
    entry.add_argument("--timeout", type=float, metavar="S", help="of a request, with --url (default 60)")
    entry.add_argument(
        "--deadline", type=float, default=0.0, metavar="S", help="of the sending (default none)"
    )
    _add_limits(entry)
    _add_dead_limit(entry)

    entry = command(
        "run", analysis_commands.run, "run an experiment: deploy, cold runs, warm pairs, measures"
    )
    _add_data(entry)
    _add_target(entry)
    _add_processing(entry)
    entry.add_argument(
        "--queue-batch", type=int, default=1, metavar="B", help="messages per invocation at most"
    )
    entry.add_argument("--memory-mb", type=int, default=512, metavar="MB", help="of the processing Lambda")
    entry.add_argument(
        "--processors", type=int, default=0, metavar="N",
        help="most processor invocations at once, 2 to 1000 (default: as many as --chunks)",
    )  # fmt: skip
    entry.add_argument(
        "--repetitions", type=int, default=10, metavar="R", help="warm pairs at most (default 10)"
    )
    entry.add_argument(
        "--target-precision", type=float, default=0.1, metavar="W",
        help="stop once the interval's half-width is W of the ratio (default 0.1; 0: exactly R pairs)",
    )  # fmt: skip
    entry.add_argument(
        "--time-limit-s",
        type=float,
        default=600.0,
        metavar="S",
        help="with --target-precision: begin no pair after this time (default 600)",
    )
    entry.add_argument(
        "--arms",
        default="distributed,single_node",
        help=f"of each repetition: {', '.join(ARMS)}",
    )
    _add_thresholds(entry)
    _add_limits(entry)
    _add_dead_limit(entry)
    entry.add_argument("--keep-stacks", action="store_true", help="do not delete them at the end")
    _add_consent(entry)

    entry = command("resume", run_commands.resume, "finish a run or an experiment that was interrupted")
    _add_finished(entry)
    _add_limits(entry)


def _add_results(command: AddCommand) -> None:
    entry = command("fetch", run_commands.fetch, "print a run's answers in input order")
    _add_finished(entry)
    entry.add_argument(
        "--format", default="jsonl", choices=["jsonl", "csv", "tsv", "parquet"],
        help="default jsonl; a table has the input's columns and the result's",
    )  # fmt: skip

    entry = command("dead", run_commands.dead, "list dead-lettered datapoints and their causes")
    _add_letters(entry)

    entry = command("redrive", run_commands.redrive, "send dead-lettered datapoints again")
    _add_letters(entry)
    entry.add_argument(
        "--fault",
        default="none",
        help="fault plan for the new attempts (default: none, even if the run had one)",
    )

    entry = command(
        "analyse", analysis_commands.analyse, "measure a run or an experiment again, from its folder"
    )
    entry.add_argument("run", metavar="RUN", help="id or folder of a run or an experiment")
    entry.add_argument(
        "--allow-incomplete", action="store_true", help="measure even if datapoints are unaccounted for"
    )
    _add_thresholds(entry)

    entry = command("compare", analysis_commands.compare, "two experiments: how much longer the second takes")
    entry.add_argument("first", metavar="A", help="id or folder of an experiment or a run")
    entry.add_argument("second", metavar="B", help="compared with A")
    entry.add_argument("--factor", help="what may differ between them, such as chunks or memory_mb")
    entry.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="X",
        help="exit 1 only if B is surely slower by more (0.05: 5 %%)",
    )

    entry = command("report", analysis_commands.report, "write a run or an experiment as one HTML file")
    entry.add_argument(
        "run", metavar="RUN", nargs="?", default="", help="id or folder; default: the newest experiment"
    )
    entry.add_argument("--output", type=Path, metavar="FILE", help="default: report.html in its folder")

    command(
        "gallery",
        analysis_commands.gallery,
        "write results/README.md: the findings of the committed experiments",
    )

    entry = command(
        "notebook", analysis_commands.notebook, "run a notebook headless, with checked parameters"
    )
    entry.add_argument("notebook", type=Path, help="such as notebooks/experiment.ipynb")
    entry.add_argument("output", type=Path, nargs="?", help="default: results/<name>.ipynb")
    entry.add_argument(
        "-p",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        dest="parameters",
        help="a parameter of the notebook; may come again",
    )


def _add_plan(command: AddCommand) -> None:
    entry = command(
        "plan", analysis_commands.plan, "predict a job on AWS: time, bottleneck, dead letters, cost"
    )
    entry.add_argument("data", nargs="?", default="", help="data file, one datapoint a line")
    entry.add_argument("--datapoints", type=float, metavar="N", help="or only how many, such as 1e9")
    entry.add_argument(
        "--chunks", type=int, default=20, metavar="N", help="most senders at once (default 20)"
    )
    entry.add_argument(
        "--processors", type=int, default=0, metavar="N",
        help="most processor invocations at once, 2 to 1000 (default: as many as --chunks)",
    )  # fmt: skip
    entry.add_argument("--request-batch", type=int, default=1, metavar="B", help="datapoints per request")
    entry.add_argument(
        "--queue-batch", type=int, default=1, metavar="B", help="messages per invocation at most"
    )
    entry.add_argument("--memory-mb", type=int, default=512, metavar="MB", help="of every Lambda")
    entry.add_argument("--region", default="", help="AWS region, for its API rates")
    entry.add_argument("--work", default="none", help="none, io:100ms or cpu:50ms per datapoint")
    entry.add_argument("--fault", default="none", help="as for a run, without @: raise:0.01,slow:0.001")
    entry.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="a parameter of the distributed stack, such as maximum_concurrency=1000",
    )  # fmt: skip
    entry.add_argument("--calibrate", default="", metavar="RUN", help="take times and failures of this run")
    entry.add_argument(
        "--with-local-cloud", action="store_true", help="also predict the local cloud, calibrated by that run"
    )
    entry.add_argument("--limits", default="", metavar="FILE", help="your own limits and prices, as TOML")
    entry.add_argument("--free-tier", action="store_true", help="subtract the AWS free tier")
    entry.add_argument("--seed", type=int, default=0, help="of the simulation")


def _add_target(entry: argparse.ArgumentParser) -> None:
    entry.add_argument("--target", default="local", help="local (default) or aws")
    entry.add_argument("--region", default="", help="AWS region")
    entry.add_argument("--profile", default="", help="AWS profile")


def _add_processing(entry: argparse.ArgumentParser) -> None:
    entry.add_argument(
        "--processing", default="", metavar="FOLDER", help="with your processing.py (default: lambdas)"
    )


def _add_consent(entry: argparse.ArgumentParser) -> None:
    entry.add_argument(
        "--budget-usd",
        type=float,
        default=0.0,
        metavar="X",
        help="on aws: create nothing if the estimate is above this",
    )
    entry.add_argument("--yes", action="store_true", help="on aws: agree to the cost without being asked")


def _add_thresholds(entry: argparse.ArgumentParser) -> None:
    entry.add_argument(
        "--fail-if",
        action="append",
        default=[],
        metavar="'NAME>X'",
        help="exit 4 if a measure does so, such as 'dead_rate>0.01' or 'speedup_low<2'",
    )


def _add_limits(entry: argparse.ArgumentParser) -> None:
    """What of the datapoints' outcomes changes the exit status."""
    entry.add_argument(
        "--allow-rejected", action="store_true", help="exit 0 even if datapoints were rejected"
    )


def _add_dead_limit(entry: argparse.ArgumentParser) -> None:
    entry.add_argument(
        "--stop-if-dead", default="", metavar="5%", help="or a count: end the run once more are dead"
    )


def _add_finished(entry: argparse.ArgumentParser) -> None:
    entry.add_argument("run", metavar="RUN", help="id or folder of a run or an experiment")
    entry.add_argument("--data", default="", help="its data file, if that has moved")
    _add_target(entry)


def _add_letters(entry: argparse.ArgumentParser) -> None:
    entry.add_argument("run", metavar="RUN", help="id or folder of a run or an experiment")
    entry.add_argument("--cause", default="", help=f"only of this class: {', '.join(CAUSE_CLASSES)}")
    _add_target(entry)


def _add_format(entry: argparse.ArgumentParser) -> None:
    entry.add_argument(
        "--format", default="", metavar="NAME",
        help="of the data: lines, jsonl, csv, tsv or parquet (default: by its name)",
    )  # fmt: skip
    entry.add_argument(
        "--column", default="", metavar="A[,B]", help="of a table: one gives its value, several a JSON object"
    )


def _add_data(entry: argparse.ArgumentParser) -> None:
    """The file, and how it is sent."""
    entry.add_argument("data", help="data file, one datapoint a line, or a table; - is stdin")
    _add_format(entry)
    entry.add_argument(
        "--chunks", type=int, default=20, metavar="N", help="most senders at once (default 20)"
    )
    entry.add_argument(
        "--rate", type=float, default=0.0, metavar="R", help="datapoints per second (default: as they go)"
    )
    entry.add_argument("--request-batch", type=int, default=1, metavar="B", help="datapoints per request")
    entry.add_argument("--work", default="none", help="none, io:100ms or cpu:50ms per datapoint")
    entry.add_argument("--fault", default="none", help=FAULT_HELP)
    entry.add_argument("--seed", type=int, default=0, help="of the faults and of the order of the arms")
    entry.add_argument(
        "--id", default="", dest="experiment_id", metavar="ID", help="name of the folder under results/"
    )
