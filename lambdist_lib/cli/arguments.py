"""The arguments that several commands share."""

from lambdist_lib.cli import value_types
from lambdist_lib.cli.declaration import FILES, RUNS, Argument, argument, flag
from lambdist_lib.protocol.contract import CAUSE_CLASSES, REQUEST_MAX_DATAPOINTS

FAULT_HELP = """\
none, or KIND:P[@N+N+A-B] separated by commas, P the probability (@: of these datapoints only). Drawn for each
attempt: raise, slow (beyond the timeout), crash (before the write), crash-after, memory (AWS only); for each
datapoint: permanent, poison (cannot be parsed), duplicate (queued twice); for the run: throttle (share of the
processors). Example: raise:0.1,permanent:1@5+7-9"""

TARGET = (
    argument("--target", default="local", choices=["local", "aws"], help="local (default) or aws"),
    argument("--region", default="", help="AWS region"),
    argument("--profile", default="", help="AWS profile"),
)
PROCESSING = argument(
    "--processing", default="", metavar="FOLDER", complete=FILES,
    help="with your processing.py (default: lambdas)",
)  # fmt: skip
SET = argument(
    "--set", action="append", type=value_types.setting, default=[], metavar="NAME=VALUE",
    help="a parameter of the templates, such as max_receives=3; may come again",
)  # fmt: skip
CONSENT = (
    argument(
        "--budget-usd", type=value_types.real(0, above=True), default=0.0, metavar="X",
        help="on aws: create nothing if the estimate is above this",
    ),
    flag("--yes", "on aws: agree to the cost without being asked"),
)  # fmt: skip
RUN = argument(
    "run", metavar="RUN", type=value_types.not_empty, complete=RUNS,
    help="id or folder of a run or an experiment",
)  # fmt: skip
MOVED_DATA = argument("--data", default="", complete=FILES, help="its data file, if that has moved")
CAUSE = argument(
    "--cause", default="", choices=CAUSE_CLASSES, metavar="CLASS",
    help=f"only of this class: {', '.join(CAUSE_CLASSES)}",
)  # fmt: skip
FAIL_IF = argument(
    "--fail-if", action="append", default=[], metavar="'NAME>X'",
    help="exit 4 if a measure does so, such as 'dead_rate>0.01' or 'speedup_low<2'",
)  # fmt: skip
ALLOW_REJECTED = flag("--allow-rejected", "exit 0 even if datapoints were rejected")
STOP_IF_DEAD = argument(
    "--stop-if-dead", type=value_types.dead_limit, default="", metavar="5%",
    help="or a count: end the run once more are dead",
)  # fmt: skip
FORMAT = (
    argument(
        "--format", default="", choices=["lines", "jsonl", "csv", "tsv", "parquet"], metavar="NAME",
        help="of the data: lines, jsonl, csv, tsv or parquet (default: by its name)",
    ),
    argument(
        "--column", default=[], type=value_types.columns, metavar="A[,B]",
        help="of a table: one gives its value, several a JSON object",
    ),
)  # fmt: skip
DATA_HELP = "data file, one datapoint a line"
SEED = value_types.whole(0)
CHUNKS = argument(
    "--chunks", type=value_types.whole(1), default=20, metavar="N", help="most senders at once (default 20)"
)
PROCESSORS = argument(
    "--processors", type=value_types.whole(2, 1000, or_zero=True), default=0, metavar="N",
    help="most processor invocations at once, 2 to 1000 (default: as many as --chunks)",
)  # fmt: skip
REQUEST_BATCH = argument(
    "--request-batch", type=value_types.whole(1, REQUEST_MAX_DATAPOINTS), default=1, metavar="B",
    help="datapoints per request",
)  # fmt: skip
QUEUE_BATCH = argument(
    "--queue-batch", type=value_types.whole(1, 10), default=1, metavar="B",
    help="messages per invocation at most",
)  # fmt: skip
WORK = argument(
    "--work", type=value_types.work, default="none", help="none, io:100ms or cpu:50ms per datapoint"
)


def memory(text: str) -> Argument:
    """Declare the memory of Lambdas in MB."""
    return argument("--memory-mb", type=value_types.whole(128, 10_240), default=512, metavar="MB", help=text)


SENDING = (  # the file, and how it is sent
    argument(
        "data", type=value_types.not_empty, complete=FILES, help=f"{DATA_HELP}, or a table; - is stdin"
    ),
    *FORMAT,
    CHUNKS,
    argument(
        "--rate", type=value_types.real(0), default=0.0, metavar="R",
        help="datapoints per second (default 0: as they go)",
    ),
    REQUEST_BATCH,
    WORK,
    argument("--fault", type=value_types.fault, default="none", help=FAULT_HELP),
    argument("--seed", type=SEED, default=0, help="of the faults and of the order of the arms"),
    argument(
        "--id", type=value_types.experiment_id, default="", dest="experiment_id", metavar="ID",
        help="name of the folder under results/",
    ),
)  # fmt: skip
