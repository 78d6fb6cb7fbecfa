"""The outputs of commands in docs/commands.md: those that need no cloud are made again and compared.

`python tests/support/screens.py` writes them again, after a change of the words or of results/reference; the
figures of README.md, too (`support.readme`).
"""

import contextlib
import io
import json
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path
from unittest import mock

from lambdist_lib import paths
from lambdist_lib.cli import main
from lambdist_lib.planner import outlook

PAGE = paths.root() / "docs" / "commands.md"
BLOCK = re.compile(r"```text\n\$ (lambdist [^\n]*)\n(.*?)```", re.DOTALL)
HERE = (  # need neither a cloud nor minutes, and give the same words on each machine
    "lambdist try data/words.txt -n 3",
    "lambdist analyse reference",
    "lambdist analyse reference-speedup",
    "lambdist compare before after --factor memory_mb",
    "lambdist dead reference",
    "lambdist dead reference-cold-d0 --all",
    "lambdist plan --datapoints 1e9 --chunks 1000 --work io:100ms --request-batch 100 --queue-batch 10",
    "lambdist submit data/words.txt --chunk 20",
    "lambdist run data/words.txt --fail-if 'dead_rate>1'",
    "lambdist analyse refrence",
)


@contextlib.contextmanager
def results():
    """A results folder with the reference experiments and two that differ in memory, 80 columns."""
    from support import tables as frames
    from support.written import written

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for experiment in ("reference", "reference-speedup"):
            (folder / experiment).symlink_to(paths.root() / "results" / experiment)
        for experiment, memory_mb, arm_s in (("before", 512, 1.6), ("after", 1024, 1.2)):
            runs = frames.runs(8, memory_mb=memory_mb, arm_s=arm_s, seed=memory_mb, cold_pairs=1)
            runs = runs.assign(submitted=9, stored=9, dead=0, experiment_id=experiment)
            written(folder / experiment, runs, facts={"memory_mb": memory_mb})
        with mock.patch.dict(os.environ, {"LAMBDIST_RESULTS": name, "COLUMNS": "80", "NO_COLOR": "1"}):
            yield name


def output_of(command, folder):
    """What a command prints, its error line included; a summary is read, not computed again."""
    from support.terminals import Terminal

    out, err = Terminal(), io.StringIO()
    summary = json.loads((paths.root() / "results/reference/summary.json").read_text(encoding="utf-8"))
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(paths.root()),
        mock.patch.object(outlook, "summarise", lambda _: summary),
    ):
        main.main(shlex.split(command)[1:])
    errors = [line for line in err.getvalue().splitlines() if line.startswith("lambdist: ")]
    return (
        (out.getvalue() + "".join(f"{line}\n" for line in errors))
        .replace(f"{folder}/", "results/")
        .replace(f"{paths.shown(folder)}/", "results/")
    )


def blocks():
    """Each command of the page that has an output, with it."""
    return dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))


def rewritten():
    """The page with the outputs of HERE as they are now."""
    with results() as folder:
        now = {command: output_of(command, folder) for command in HERE}
    return BLOCK.sub(
        lambda block: f"```text\n$ {block[1]}\n{now.get(block[1], block[2])}```",
        PAGE.read_text(encoding="utf-8"),
    )


if __name__ == "__main__":
    sys.path.insert(0, str(paths.root() / "tests"))
    from support import readme

    PAGE.write_text(rewritten(), encoding="utf-8")
    readme.PAGE.write_text(readme.rewritten(readme.PAGE.read_text(encoding="utf-8")), encoding="utf-8")
