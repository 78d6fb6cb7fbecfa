"""Read executed notebooks, and check what each of them must show."""

import json
import re
from pathlib import Path

from lambdist_lib import paths
from lambdist_lib.formatting import spaced


def given(**parameters):
    return [word for name, value in parameters.items() for word in ("-p", name, str(value))]


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell["outputs"]]


def plain(output):
    """Return an output of any kind as text."""
    data = output.get("data", {})
    return "".join(data.get("text/markdown") or data.get("text/plain") or output.get("text", ""))


def has_finding(text, results):
    """Whether a text has the finding of a results folder, wherever its lines end."""
    finding = read(results / "summary.json")["finding"]
    return " ".join(spaced(finding).split()) in " ".join(text.replace("\u00a0", " ").split())


def require_clean(notebook, *, phases, figures):
    """Check phases, figures and the finding at both ends; no warning, no path of this machine."""
    shown = outputs(notebook)
    assert [output for output in shown if output.get("name") == "stderr"] == []
    assert not any("Warning" in plain(output) or str(paths.root()) in plain(output) for output in shown)
    texts = [plain(output) for output in shown if output["output_type"] == "display_data"]
    lines = [line for line in texts if re.fullmatch(r"[a-z ]+: .+ \(\d+\.\d s\)", line)]
    assert [line.partition(":")[0] for line in lines] == phases
    assert len([output for output in shown if "image/png" in output.get("data", {})]) == figures
    findings = [plain(output) for output in shown if "**Finding.**" in plain(output)]
    assert len(findings) == 2
    assert findings[0] == findings[1]
    assert "local cloud" in findings[0]
