"""Draws architecture.png: both stacks, and which resources of the templates each box stands for.

    python cloudformation/architecture.py

A test names any resource of a template that no box holds, and a picture that was drawn from another version
of this file. Positions are in units of a 17 x 10.2 canvas, y upwards, at the middle of a box.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from PIL import Image, PngImagePlugin

HERE = Path(__file__).resolve()
PICTURE = HERE.with_suffix(".png")
WIDTH, HEIGHT = 17.0, 10.2
DPI, COLOURS_MOST = 130, 128  # sharp on a dense screen, and a tenth of the bytes
INK, FAINT, PAPER = "#1f2933", "#5f6c7b", "#ffffff"
COLOURS = {  # of a kind of box: edge, fill
    "client": ("#52606d", "#f5f7fa"),
    "api": ("#7b3fb5", "#f6effc"),
    "lambda": ("#c85a11", "#fff3e8"),
    "queue": ("#b3246b", "#fdeef5"),
    "table": ("#2459b3", "#edf3fd"),
    "topic": ("#a61b1b", "#fdeeee"),
    "watch": ("#2f7d46", "#eef8f1"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box; `holds` are logical ids of the template `stack`. Optional: there only where a parameter asks."""

    title: str
    about: str
    kind: str
    at: tuple[float, float]
    stack: str = "distributed"
    holds: tuple[str, ...] = ()
    size: tuple[float, float] = (2.3, 1.25)
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """From box to box, leaving and entering at sides: l, r, t, b."""

    begin: str
    end: str
    sides: str = "rl"
    label: str = ""
    shift: tuple[float, float] = (0.0, 0.16)
    nudge: tuple[float, float] = (0.0, 0.0)  # to the right, of either end
    bend: float = 0.0
    dashed: bool = False


API = (
    *("Api", "ApiResource", "ApiMethod", "ApiOptions", "ApiErrors4xx", "ApiErrors5xx"),
    *("RequestModel", "RequestValidator", "Deployment0", "ApiStage", "ApiKey", "UsagePlan", "UsagePlanKey"),
)
STORAGE_FIRST = ("StorageFirstResource", "StorageFirstModel", "StorageFirstMethod", "StorageFirstRole")
ACCESS_LOGS = ("ApiLogGroup", "ApiAccount", "ApiAccountRole")
Y, Y_DEAD, Y_PEOPLE, Y_SINGLE = 7.75, 5.55, 3.85, 1.15
SMALL, NARROW = (1.75, 1.0), (1.7, 1.25)
BOXES = {
    "client": Box(
        title="client", about="lambdist, curl, a page:\nN senders at once", kind="client", at=(1.45, Y),
    ),
    "api": Box(
        title="API Gateway", about="key, quota, throttle,\nshape check, CORS", kind="api", at=(4.5, Y),
        holds=(*API, *STORAGE_FIRST),
    ),
    "collector": Box(
        title="collector λ", about="queues each datapoint\nthat keeps the rule", kind="lambda", at=(7.4, Y),
        holds=("Collector", "CollectorRole", "CollectorLogGroup", "CollectorPermission"),
    ),
    "queue": Box(
        title="SQS queue", about="holds what is accepted\nfor up to 4 days", kind="queue", at=(10.3, Y),
        holds=("Queue", "QueuePolicy"),
    ),
    "processor": Box(
        title="processor λ", about="runs process(), stores;\nfailed: back, later", kind="lambda",
        at=(13.2, Y), holds=("Processor", "ProcessorRole", "ProcessorLogGroup", "QueueToProcessor"),
    ),
    "table": Box(
        title="DynamoDB", about="one item per\ndatapoint", kind="table", at=(15.85, Y), holds=("Table",),
        size=NARROW,
    ),
    "dead_queue": Box(
        title="dead-letter queue", about="what failed 5 times,\nor can never succeed", kind="queue",
        at=(10.3, Y_DEAD), holds=("DeadLetterQueue", "DeadLetterQueuePolicy"), size=(2.45, 1.25),
    ),
    "dead": Box(
        title="dead-letter λ", about="writes down each death,\ntells once a minute", kind="lambda",
        at=(13.2, Y_DEAD),
        holds=("DeadLetterHandler", "DeadLetterRole", "DeadLetterLogGroup", "DeadLettersToHandler"),
    ),
    "topic": Box(
        title="SNS topic", about="digest and\nalarms", kind="topic", at=(15.85, Y_PEOPLE), size=NARROW,
        holds=("Topic", "TopicPolicy", "TopicSubscription", "TopicSubscription2", "TopicSubscription3"),
    ),
    "people": Box(
        title="you", about="by e-mail, once\nyou have confirmed", kind="client", at=(13.2, Y_PEOPLE),
    ),
    "alarms": Box(
        title="4 alarms", about="deaths, age of the queue,\ndead letters that stay, 5xx", kind="watch",
        at=(10.0, Y_PEOPLE), holds=("DeadDatapoints", "DeadLettersStay", "DatapointsWait", "ApiFails"),
        size=(2.9, 1.25),
    ),
    "waf": Box(
        title="web ACL", about="of WAF, yours", kind="api", at=(3.75, Y_DEAD), holds=("WebAclAssociation",),
        size=SMALL, optional=True,
    ),
    "map": Box(
        title="distributed map", about="Step Functions: a child\nper line of a file in S3", kind="api",
        at=(7.75, Y_DEAD), holds=("MapMachine", "MapRole", "MapChildrenPolicy"), size=(2.25, 1.1),
        optional=True,
    ),
    "logs": Box(
        title="access logs", about="of the API", kind="watch", at=(5.6, Y_DEAD), holds=ACCESS_LOGS,
        size=SMALL, optional=True,
    ),
    "one": Box(title="client", about="the same client:\none by one", kind="client", at=(1.45, Y_SINGLE)),
    "one_api": Box(
        title="API Gateway", about="the same, with web ACL\nand logs optional", kind="api",
        at=(4.5, Y_SINGLE), stack="single_node", holds=(*API, "WebAclAssociation", *ACCESS_LOGS),
    ),
    "single_node": Box(
        title="single-node λ", about="runs the same process(),\nstores, then answers", kind="lambda",
        at=(10.3, Y_SINGLE), stack="single_node", size=(2.5, 1.25),
        holds=("SingleNode", "SingleNodeRole", "SingleNodeLogGroup", "SingleNodePermission"),
    ),
    "one_table": Box(
        title="DynamoDB", about="a table of\nits own", kind="table", at=(15.85, Y_SINGLE),
        stack="single_node", holds=("Table",), size=NARROW,
    ),
}  # fmt: skip
ARROWS = (
    Arrow(begin="client", end="api", label="POST"),
    Arrow(begin="api", end="collector"),
    Arrow(begin="collector", end="queue"),
    Arrow(begin="api", end="queue", sides="bb", bend=0.1, shift=(-0.1, -0.55), dashed=True,
          nudge=(0.7, -0.6), label="storage_first"),
    Arrow(begin="queue", end="processor"),
    Arrow(begin="client", end="map", sides="bb", bend=0.42, shift=(-3.1, -1.05), dashed=True,
          nudge=(-0.5, 0.0), label="distributed_map"),
    Arrow(begin="map", end="processor", sides="tb", bend=-0.04, nudge=(0.8, 0.3), dashed=True),
    Arrow(begin="map", end="dead_queue", dashed=True),
    Arrow(begin="processor", end="table"),
    Arrow(begin="queue", end="dead_queue", sides="bt", label="after 5 receives", shift=(-0.95, 0.0)),
    Arrow(begin="processor", end="dead_queue", sides="bt", nudge=(-0.6, 0.8), label="at once",
          shift=(0.45, -0.1)),
    Arrow(begin="dead_queue", end="dead"),
    Arrow(begin="dead", end="table", sides="rb", bend=0.25),
    Arrow(begin="dead", end="topic", sides="rt", bend=-0.25),
    Arrow(begin="topic", end="people", sides="lr"),
    Arrow(begin="alarms", end="topic", sides="bb", bend=0.07),
    Arrow(begin="waf", end="api", sides="tb", nudge=(0.0, -0.5), dashed=True),
    Arrow(begin="api", end="logs", sides="bt", nudge=(0.5, 0.0), dashed=True),
    Arrow(begin="table", end="client", sides="tt", bend=0.085, shift=(0.0, 0.43),
          label="lambdist fetch: the answers, in the file's order"),
    Arrow(begin="one", end="one_api", label="POST"),
    Arrow(begin="one_api", end="single_node"),
    Arrow(begin="single_node", end="one_table"),
)  # fmt: skip
LANES = (  # title, what it says, bottom, height
    (
        "distributed",
        "cloudformation/distributed.yaml, and as a SAM application distributed_sam.yaml",
        2.75,
        7.25,
    ),
    ("single node, the control", "cloudformation/single_node.yaml", 0.2, 2.35),
)
NOTE = (
    "Each λ has a role of its own with what it needs and no more,\n"
    "a log group that goes with the stack, and X-Ray traces.\n"
    "Queues and topic refuse plain HTTP; all is encrypted at rest.\n"
    "Dashed: only where a parameter asks for it."
)


def held(stack: str) -> set[str]:
    """Logical ids of a template that the picture stands for."""
    return {name for box in BOXES.values() if box.stack == stack for name in box.holds}


def fingerprint() -> str:
    """Of this file: the picture carries that of the version which drew it."""
    return hashlib.sha256(HERE.read_bytes()).hexdigest()


def draw(ax: Axes) -> Axes:
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), aspect="equal")
    ax.axis("off")
    for title, about, bottom, height in LANES:
        ax.add_patch(_rounded((0.15, bottom), (WIDTH - 0.3, height), "#d3dae3", "#fafbfc", "-"))
        top = bottom + height - 0.34
        ax.text(0.45, top, title, size=14, weight="bold", color=INK, va="center")
        ax.text(0.45 + 0.135 * len(title) + 0.25, top, about, size=10, color=FAINT, va="center")
    for arrow in ARROWS:
        _draw_arrow(ax, arrow)
    for box in BOXES.values():
        _draw_box(ax, box)
    ax.text(0.5, Y_PEOPLE, NOTE, size=10, color=FAINT, va="center", linespacing=1.5)
    return ax


def _rounded(
    corner: tuple[float, float], size: tuple[float, float], edge: str, fill: str, style: str
) -> FancyBboxPatch:
    return FancyBboxPatch(
        corner, *size, boxstyle="round,pad=0,rounding_size=0.14", ec=edge, fc=fill, lw=1.4, ls=style
    )


def _draw_box(ax: Axes, box: Box) -> None:
    (x, y), (width, height) = box.at, box.size
    edge, fill = COLOURS[box.kind]
    style = "--" if box.optional else "-"
    ax.add_patch(_rounded((x - width / 2, y - height / 2), box.size, edge, fill, style))
    ax.text(x, y + height * 0.26, box.title, size=12, weight="bold", color=edge, ha="center", va="center")
    ax.text(x, y - height * 0.15, box.about, size=9.2, color=INK, ha="center", va="center", linespacing=1.35)


def _side(box: Box, side: str, nudge: float) -> tuple[float, float]:
    (x, y), (width, height) = box.at, box.size
    right, up = {"l": (-1, 0), "r": (1, 0), "t": (0, 1), "b": (0, -1)}[side]
    return x + right * width / 2 + nudge, y + up * height / 2


def _draw_arrow(ax: Axes, arrow: Arrow) -> None:
    begin = _side(BOXES[arrow.begin], arrow.sides[0], arrow.nudge[0])
    end = _side(BOXES[arrow.end], arrow.sides[1], arrow.nudge[1])
    ax.add_patch(
        FancyArrowPatch(
            begin, end, arrowstyle="-|>", mutation_scale=15, lw=1.5, color=FAINT, shrinkA=1, shrinkB=2,
            connectionstyle=f"arc3,rad={arrow.bend}", ls="--" if arrow.dashed else "-",
        )
    )  # fmt: skip
    if arrow.label:
        x, y = ((first + second) / 2 for first, second in zip(begin, end, strict=True))
        at = x + arrow.shift[0], y + arrow.shift[1]
        ax.text(*at, arrow.label, size=9.2, color=FAINT, ha="center", va="center", style="italic")


def main() -> None:
    with mpl.rc_context({"font.family": "DejaVu Sans"}):
        figure = plt.figure(figsize=(WIDTH * 0.8, HEIGHT * 0.8), dpi=DPI, facecolor=PAPER)
        draw(figure.add_axes((0, 0, 1, 1)))
        figure.canvas.draw()
        drawn = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
        plt.close(figure)
    about = PngImagePlugin.PngInfo()
    about.add_text("Source", fingerprint())
    drawn.quantize(COLOURS_MOST, dither=Image.Dither.NONE).save(PICTURE, pnginfo=about, optimize=True)


if __name__ == "__main__":
    main()
