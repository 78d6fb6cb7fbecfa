"""What can be typed after `lambdist`: commands, their arguments, and the help that explains them."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from lambdist_lib.protocol.contract import CAUSE_CLASSES

Call = Callable[[argparse.Namespace], int | None]

EXITS = """\
exit status:
  0  all well: every datapoint is accounted for
  1  failed, or datapoints were lost     4  a --fail-if holds
  2  wrong usage, or no such data file   130  interrupted (143: by SIGTERM),
  3  unfinished: `lambdist resume RUN`        goes on as 3
"""
TOUR = f"""\
a first tour:
  lambdist try data/words.txt -n 5             process() here, without a cloud
  lambdist deploy                              both stacks on a local cloud
  lambdist submit data/words.txt --chunks 20   send a file, get its answers
  lambdist fetch RUN                           the answers again, in input order
  lambdist destroy                             delete the stacks again
  lambdist run data/words.txt --repetitions 6  does the fan-out pay? all in one
  lambdist cloud stop                          nothing is left
  lambdist plan --datapoints 1e9 --chunks 100  what a larger job would be on AWS

Results lie under results/. An interrupted run is finished by `lambdist resume`.
Progress and errors go to stderr, answers to stdout; --json prints JSON there.

{EXITS}"""

FAULT_HELP = """\
none, or KIND:P[@N+N+A-B] separated by commas, P the probability (@: of these datapoints only). Drawn for each
attempt: raise, slow (beyond the timeout), crash (before the write), crash-after, memory (AWS only); for each
datapoint: permanent, poison (cannot be parsed), duplicate (queued twice); for the run: throttle (share of the
processors). Example: raise:0.1,permanent:1@5+7-9"""


def build_parser(calls: Mapping[str, Call]) -> argparse.ArgumentParser:
    """The command line; what is parsed has the command's function of `calls` as `call`."""
    made = argparse.ArgumentParser(
        prog="lambdist",
        description="Does fanning a file out over AWS Lambdas pay? Deploy, measure, compare.",
        epilog=TOUR,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=EXITS,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        one.add_argument("--json", action="store_true", help="print JSON")
        one.set_defaults(call=calls[name])
        return one

    _add_stacks(command)
    _add_sending(command)
    _add_results(command)
    _add_plan(command)
    return made


def _add_stacks(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    one = command("try", "run process() on a file's first datapoints, in this process")
    one.add_argument("data", help="data file, one datapoint a line")
    one.add_argument("-n", type=int, default=5, help="how many (default 5)")
    _add_processing(one)

    one = command("deploy", "create or update both stacks")
    _add_target(one)
    _add_processing(one)
    one.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the templates, such as memory_mb=256",
    )

    one.add_argument(
        "--expires",
        default="",
        metavar="8h",
        help="when `lambdist leaks` may remove it (default 1d)",
    )

    _add_consent(one)

    one = command("leaks", "list what any run has left; remove it with --delete")
    _add_target(one)
    one.add_argument(
        "--delete", action="store_true", help="remove what is not live: expired, broken, of no stack"
    )
    one.add_argument("--all", action="store_true", help="with --delete: what is live, too")
    one.add_argument("--force", action="store_true", help="with --delete: even if results are uncollected")

    one = command("destroy", "delete both stacks")
    _add_target(one)
    one.add_argument("--force", action="store_true", help="even if results are uncollected")

    one = command("package", "write zips, templates and the commands to type, to deploy by hand")
    one.add_argument("--sam", action="store_true", help="the distributed stack as a SAM application")
    one.add_argument("--to", type=Path, default=Path("build/package"), metavar="FOLDER",
                     help="default build/package")  # fmt: skip
    one.add_argument("--bucket", default="", metavar="NAME", help="of S3, where the zips will lie")
    _add_processing(one)

    one = command("cloud", "start, show or stop the local cloud; its mail")
    one.add_argument(
        "action", choices=["start", "status", "stop", "mail"], help="mail: what AWS would have sent"
    )
    one.add_argument("--force", action="store_true", help="stop even if results are uncollected")


def _add_sending(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    one = command("submit", "send a file to the stacks as they are, or to any API, for its answers")
    _add_data(one)
    _add_target(one)
    where = one.add_mutually_exclusive_group()
    where.add_argument(
        "--arm", default="distributed", help="distributed (default), single_node or single_node_parallel"
    )
    where.add_argument(
        "--url", default="", help='any API that takes {"data": ...}, also one not deployed here'
    )
    one.add_argument(
        "--api-key-env", default="", metavar="NAME", help="environment variable with the key of --url"
    )
    one.add_argument("--tries", type=int, metavar="N", help="per datapoint, with --url (default 8)")
    one.add_argument("--timeout", type=float, metavar="S", help="of a request, with --url (default 60)")
    one.add_argument("--deadline", type=float, default=0.0, metavar="S", help="of the sending (default none)")

    one = command("run", "the whole experiment: deploy, cold runs, warm pairs, measures")
    _add_data(one)
    _add_target(one)
    _add_processing(one)
    one.add_argument(
        "--queue-batch", type=int, default=1, metavar="B", help="messages per invocation at most"
    )
    one.add_argument("--memory-mb", type=int, default=512, metavar="MB", help="of the processing Lambda")
    one.add_argument("--repetitions", type=int, default=10, metavar="R", help="warm pairs (default 10)")
    one.add_argument(
        "--until", type=float, default=0.0, metavar="W",
        help="repeat until the interval's half-width is W of the speedup (0.05), in place of R times",
    )  # fmt: skip
    one.add_argument(
        "--budget-s", type=float, default=600.0, metavar="S", help="with --until: no longer (default 600)"
    )
    one.add_argument(
        "--arms",
        default="distributed,single_node",
        help="of each repetition: distributed, single_node, single_node_parallel, as_original, local_pool",
    )
    _add_thresholds(one)
    one.add_argument("--keep-stacks", action="store_true", help="do not delete them at the end")
    _add_consent(one)

    one = command("resume", "finish a run or an experiment that was interrupted")
    _add_finished(one)


def _add_results(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    one = command("fetch", "print a run's answers in input order, as JSON lines")
    _add_finished(one)

    one = command("dead", "list dead datapoints: what each was, and why it died")
    _add_letters(one)

    one = command("redrive", "send dead datapoints again, once the reason is gone")
    _add_letters(one)
    one.add_argument("--fault", default="none", help="for the new attempts; default: none, whatever was")

    one = command("analyse", "measure a run or an experiment again, from its folder")
    one.add_argument("run", metavar="RUN", help="id or folder of a run or an experiment")
    one.add_argument("--insist", action="store_true", help="although datapoints are unaccounted for")
    _add_thresholds(one)

    one = command("compare", "two experiments: how much longer the second takes")
    one.add_argument("first", metavar="A", help="id or folder of an experiment or a run")
    one.add_argument("second", metavar="B", help="compared with A")
    one.add_argument("--factor", help="what may differ between them, such as chunks or memory_mb")
    one.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="X",
        help="exit 1 only if B is surely slower by more (0.05: 5 %%)",
    )

    one = command("report", "one HTML file of a run or an experiment, to be sent to people")
    one.add_argument(
        "run", metavar="RUN", nargs="?", default="", help="id or folder; default: the newest experiment"
    )
    one.add_argument("--to", type=Path, metavar="FILE", help="default: report.html in its folder")

    command("gallery", "write results/README.md anew: what the committed experiments found")

    one = command("notebook", "run a notebook headless, with checked parameters")
    one.add_argument("notebook", type=Path, help="such as notebooks/experiment.ipynb")
    one.add_argument("output", type=Path, nargs="?", help="default: results/<name>.ipynb")
    one.add_argument(
        "-p",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        dest="parameters",
        help="a parameter of the notebook; may come again",
    )


def _add_plan(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    one = command("plan", "predict a job on AWS: time, concurrency, deaths, cost, and what binds")
    one.add_argument("data", nargs="?", default="", help="data file, one datapoint a line")
    one.add_argument("--datapoints", type=float, metavar="N", help="or only how many, such as 1e9")
    one.add_argument("--chunks", type=int, default=20, metavar="N", help="most senders at once (default 20)")
    one.add_argument("--request-batch", type=int, default=1, metavar="B", help="datapoints per request")
    one.add_argument(
        "--queue-batch", type=int, default=1, metavar="B", help="messages per invocation at most"
    )
    one.add_argument("--memory-mb", type=int, default=512, metavar="MB", help="of every Lambda")
    one.add_argument("--work", default="none", help="none, io:100ms or cpu:50ms per datapoint")
    one.add_argument("--fault", default="none", help="as for a run, without @: raise:0.01,slow:0.001")
    one.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="a parameter of the distributed stack, such as maximum_concurrency=1000",
    )  # fmt: skip
    one.add_argument("--calibrate", default="", metavar="RUN", help="take times and failures of this run")
    one.add_argument("--local", action="store_true", help="and what the local cloud would take, as that run")
    one.add_argument("--limits", default="", metavar="FILE", help="limits and prices known better, as TOML")
    one.add_argument("--free-tier", action="store_true", help="take off what an account has for nothing")
    one.add_argument("--seed", type=int, default=0, help="of the simulation")


def _add_target(one: argparse.ArgumentParser) -> None:
    one.add_argument("--target", default="local", help="local (default) or aws")
    one.add_argument("--region", default="", help="AWS region")
    one.add_argument("--profile", default="", help="AWS profile")


def _add_processing(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--processing", default="", metavar="FOLDER", help="with your processing.py (default: lambdas)"
    )


def _add_consent(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--budget-usd", type=float, default=0.0, metavar="X", help="on aws: make nothing if it may cost more"
    )
    one.add_argument("--yes", action="store_true", help="on aws: agree beforehand, as scripts must")


def _add_thresholds(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--fail-if",
        action="append",
        default=[],
        metavar="'NAME>X'",
        help="exit 4 if a measure does so, such as 'dead_rate>0.01' or 'speedup_low<2'",
    )


def _add_finished(one: argparse.ArgumentParser) -> None:
    one.add_argument("run", metavar="RUN", help="id or folder of a run or an experiment")
    one.add_argument("--data", default="", help="where its data file is by now, if it was moved")
    _add_target(one)


def _add_letters(one: argparse.ArgumentParser) -> None:
    one.add_argument("run", metavar="RUN", help="id or folder of a run or an experiment")
    one.add_argument("--cause", default="", help=f"only of this class: {', '.join(CAUSE_CLASSES)}")
    _add_target(one)


def _add_data(one: argparse.ArgumentParser) -> None:
    """The file, and how it is sent."""
    one.add_argument("data", help="data file, one datapoint a line; .gz is read as well, - is stdin")
    one.add_argument("--chunks", type=int, default=20, metavar="N", help="most senders at once (default 20)")
    one.add_argument(
        "--rate", type=float, default=0.0, metavar="R", help="datapoints per second (default: as they go)"
    )
    one.add_argument("--request-batch", type=int, default=1, metavar="B", help="datapoints per request")
    one.add_argument("--work", default="none", help="none, io:100ms or cpu:50ms per datapoint")
    one.add_argument("--fault", default="none", help=FAULT_HELP)
    one.add_argument("--seed", type=int, default=0, help="of the faults and of the order of the arms")
    one.add_argument(
        "--id", default="", dest="experiment_id", metavar="ID", help="name of the folder under results/"
    )
