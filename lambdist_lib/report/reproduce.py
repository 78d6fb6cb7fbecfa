"""What to type to have an experiment or a run again: exact commands, from what its folder says of it."""

import json
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from lambdist_lib import paths
from lambdist_lib.runs import external_api
from lambdist_lib.runs.conditions import Conditions

SENDING = ("chunks", "rate", "request_batch", "work", "fault")  # options of every command that sends
OF_SETTINGS = ("partial_responses", "retry_delay_s", "max_chars", "pattern")  # no options of `lambdist run`
USUAL = Conditions()


def commands(home: Path, facts: dict[str, Any], runs: pd.DataFrame) -> list[str]:
    """Lines for a shell with the environment active, in a clone of the project.

    Args:
        home: Folder of an experiment or of a run.
        facts: Of its experiment.json, or of its run.json.
        runs: Its runs (`columns.RUNS`); not looked at for a run.

    Returns:
        The notebook that made it, if it lies there; else `lambdist run` or `lambdist submit`. Empty
        where it was a script's: no command has all of its conditions.
    """
    if facts.get("arm") == external_api.ARM:
        return [_submit_to_url(facts)]
    if "arm" in facts:
        return _submit(facts)
    if line := _notebook(home, facts):
        return [line]
    return _run(facts, runs)


def _notebook(home: Path, facts: dict[str, Any]) -> str:
    """`lambdist notebook NAME -p …` where an executed notebook of ours lies in the folder, else "".

    The data file is as the facts have it, which name no folder of a person's machine.
    """
    path = home / "notebook.ipynb"
    if not path.exists():
        return ""
    ours = {_title(one): one.name for one in paths.notebooks().glob("*.ipynb")}
    if _title(path) not in ours:
        return ""
    metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
    given = metadata.get("papermill", {}).get("parameters", {})
    given = {name: facts["data"] if name == "data" else value for name, value in given.items()}
    words = [("-p", name, str(value)) for name, value in given.items() if name != "experiment_id"]
    name = f"notebooks/{ours[_title(path)]}"
    return shlex.join(["lambdist", "notebook", name, *(word for three in words for word in three)])


def _title(notebook: Path) -> str:
    """A notebook's first line."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).partition("\n")[0] if cells else ""


def _run(facts: dict[str, Any], runs: pd.DataFrame) -> list[str]:
    """`lambdist run …`, unless there were conditions that it does not have, or no pairs."""
    aside = [name for name in (*OF_SETTINGS, "failing") if facts.get(name, _usual(name)) != _usual(name)]
    pairs = runs.loc[runs["temperature"] == "warm", "pair"].max()
    varied = [name for name in (*SENDING, "queue_batch", "memory_mb") if _differs(runs, name)]
    if aside or varied or not pairs >= 1:
        return []
    names = (*SENDING, "queue_batch", "memory_mb")
    options = [*_options(facts, names), "--seed", str(facts["seed"]), "--repetitions", str(int(pairs))]
    processing = facts.get("processing", paths.lambdas().name)
    own = [] if processing == paths.lambdas().name else ["--processing", processing]
    return [_line("run", facts, [*options, "--arms", ",".join(facts["arms"]), *own])]


def _submit(facts: dict[str, Any]) -> list[str]:
    """`lambdist deploy` with the settings that were not the usual ones, then `lambdist submit …`."""
    settings, usual = Conditions(**_known(facts)).settings(), USUAL.settings()
    unusual = [f"{name}={_setting(value)}" for name, value in settings.items() if value != usual[name]]
    deploy = ["lambdist", "deploy", *_where(facts), *(word for one in unusual for word in ("--set", one))]
    arm = [] if facts["arm"] == "distributed" else ["--arm", facts["arm"]]
    return [shlex.join(deploy), _line("submit", facts, [*arm, *_options(facts, SENDING)])]


def _submit_to_url(facts: dict[str, Any]) -> str:
    """The URL without what stands behind a question mark: it may be a secret."""
    url = urlsplit(facts["url"])._replace(query="", fragment="").geturl()
    key = ["--api-key-env", facts["api_key_env"]] if facts["api_key_env"] else []
    timeout = ["--timeout", f"{facts['timeout_s']:g}"] if facts["timeout_s"] != 60 else []
    tries = ["--tries", str(facts["plan"]["tries"])] if "tries" in facts["plan"] else []
    options = [*_options(facts["plan"], ("chunks", "rate", "work", "fault")), *tries, *timeout]
    return shlex.join(["lambdist", "submit", facts["data"], "--url", url, *key, *options])


def _line(command: str, facts: dict[str, Any], options: list[str]) -> str:
    return shlex.join(["lambdist", command, facts["data"], *_where(facts), *options])


def _where(facts: dict[str, Any]) -> list[str]:
    """Options that name the target, of its stamp."""
    name, _, region = facts["target"].partition(" ")
    return ["--target", "aws", "--region", region.split()[0]] if name == "AWS" else []


def _options(facts: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Those that are not the usual ones, as `--queue-batch 10`."""
    given = {name: facts[name] for name in names if facts.get(name, _usual(name)) != _usual(name)}
    return [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", f"{value}")]


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: facts[name] for name in Conditions.__dataclass_fields__ if name in facts}


def _usual(name: str) -> Any:
    return getattr(USUAL, name)


def _setting(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _differs(runs: pd.DataFrame, name: str) -> bool:
    return name in runs and runs.loc[runs["arm"] == "distributed", name].nunique() > 1
