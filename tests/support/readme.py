"""The parts of README.md that hold figures: the result of results/reference, and how long notebooks take.

`python tests/support/screens.py` writes them again; tests/unit/project/test_readme.py compares.
"""

import math
import re

import pandas as pd

from lambdist_lib import paths
from lambdist_lib.planner import outlook
from lambdist_lib.report import gallery, verdict
from lambdist_lib.results.files import read_json

PAGE = paths.root() / "README.md"
PART = re.compile(r"(<!-- (result|notebooks): [^\n]* -->\n).*?(<!-- end of \2 -->)", re.DOTALL)
QUESTIONS = {
    "experiment": "does fanning this file out pay?",
    "speedup": "how does the speedup grow with senders, batches or work?",
    "cold_starts": "who waits on a cold start, and for how long?",
    "dead_letters": "how many die, and is it as many as the retries should leave?",
    "which_fan_out": "which way of fanning out pays, here and on AWS?",
    "plan": "what does the job take on AWS at 10^3 to 10^9 datapoints?",
    "your_own_job": "does it pay for your own job?",
    "from_a_cell": "does it pay for a function in this cell?",
}


def result():
    """The verdict of the reference experiment, its conditions, and a row for each arm."""
    committed = gallery.committed_results(paths.root() / "results")
    [reference] = [one for one in committed if one.folder.name == "reference"]
    measured, predicted = verdict.cards(reference.summary)
    table = outlook.in_words(pd.DataFrame(reference.summary["tables"]["outlook"]))
    table.insert(0, "what it is", table.pop("what it is"))
    rows = [("arm", *table.columns), ("---",) * (len(table.columns) + 1), *table.itertuples()]
    lines = [
        f"- **Measured on an emulator on this machine: {measured.text}** ({measured.detail}).",
        f"- **Predicted on AWS, never run there: {predicted.text}** ({predicted.detail}).",
        f"- Measured in {reference.extent.partition(';')[0]}.",
    ]
    return "\n".join([*lines, "", *(f"| {' | '.join(map(str, row))} |" for row in rows), ""])


def notebooks():
    """The question of each notebook, and the minutes that its committed run took."""
    rows = [
        f"| `notebooks/{name}.ipynb` | {question} | {_minutes(name)} |"
        for name, question in QUESTIONS.items()
    ]
    return "\n".join(["| notebook | question | minutes |", "|---|---|---|", *rows, ""])


def _minutes(name):
    folder = "reference" if name == "experiment" else f"reference-{name.replace('_', '-')}"
    notebook = read_json(paths.root() / "results" / folder / "notebook.ipynb")
    return math.ceil(notebook["metadata"]["papermill"]["duration"] / 60)


def rewritten(text):
    """The page with both parts as they are now."""
    made = {"result": result, "notebooks": notebooks}
    return PART.sub(lambda part: part[1] + made[part[2]]() + part[3], text)
