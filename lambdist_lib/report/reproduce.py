"""Return the commands that reproduce an experiment or a run, from the facts in its folder."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from lambdist_lib import paths
from lambdist_lib.deployment import templates
from lambdist_lib.runs import external_api
from lambdist_lib.runs.conditions import Conditions

SENDING = ("chunks", "rate", "request_batch", "work", "fault")  # options of every command that sends
NO_OPTIONS = ("partial_responses", "retry_delay_s", "max_chars", "pattern")  # conditions without one
DEFAULTS = Conditions()


def commands(folder: Path, facts: dict[str, Any], runs: pd.DataFrame) -> list[str]:
    """Return lines for a shell with the environment active, in a clone of the project.

    Args:
        folder: Of an experiment or of a run.
        facts: From its experiment.json or run.json.
        runs: Of the experiment (`schema.RUNS`); not read for a run.

    Returns:
        `lambdist notebook` if the folder has the executed notebook; else `lambdist run` or
        `lambdist submit`. Empty if a script ran it: no command has all of its conditions.
    """
    if facts.get("arm") == external_api.ARM:
        return [_submit_to_url(facts)]
    if "arm" in facts:
        return _submit(facts)
    if line := _notebook(folder, facts):
        return [line]
    return _run(facts, runs)


def _notebook(folder: Path, facts: dict[str, Any]) -> str:
    """Return `lambdist notebook NAME -p …` if the folder has one of our notebooks, executed; else "".

    The data file is named as in the facts, which name no home folder (`paths.shown`).
    """
    path = folder / "notebook.ipynb"
    if not path.exists():
        return ""
    notebooks = {_title(notebook): notebook for notebook in paths.notebooks().glob("*.ipynb")}
    if _title(path) not in notebooks:
        return ""
    notebook = notebooks[_title(path)]
    metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
    given = metadata.get("papermill", {}).get("parameters", {})
    given = {name: facts["data"] if name == "data" else value for name, value in given.items()}
    if not all(re.search(rf'"{name}: ', notebook.read_text(encoding="utf-8")) for name in given):
        return ""  # an older version of the notebook, under other parameters
    options = [("-p", name, str(value)) for name, value in given.items() if name != "experiment_id"]
    name = f"notebooks/{notebook.name}"
    return shlex.join(["lambdist", "notebook", name, *(word for option in options for word in option)])


def _title(notebook: Path) -> str:
    """Return a notebook's first line."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).partition("\n")[0] if cells else ""


def _run(facts: dict[str, Any], runs: pd.DataFrame) -> list[str]:
    """Return `lambdist run …`; empty without pairs, or under conditions that it has no option for."""
    conditions = Conditions.from_run(facts)
    unsupported = [
        name for name in (*NO_OPTIONS, "failing_datapoints")
        if getattr(conditions, name) != getattr(DEFAULTS, name)
    ]  # fmt: skip
    pairs = runs.loc[runs["temperature"] == "warm", "pair"].max()
    names = (*SENDING, "queue_batch", "memory_mb", "first_datapoints")
    if unsupported or any(_differs(runs, name) for name in names) or not pairs >= 1:
        return []
    options = [*_options(facts, names), "--seed", str(facts["seed"]), "--repetitions", str(int(pairs))]
    if conditions.width != replace(conditions, processors=0).width:
        options += ["--processors", str(conditions.width)]
    processing = facts.get("processing", paths.lambdas().name)
    folder = [] if processing == paths.lambdas().name else ["--processing", processing]
    return [_line("run", facts, [*options, "--arms", ",".join(facts["arms"]), *folder])]


def _submit(facts: dict[str, Any]) -> list[str]:
    """Return `lambdist deploy` with the settings that differ from its defaults, then `lambdist submit …`."""
    processors = int(templates.defaults("distributed")["MaximumConcurrency"])
    settings, defaults = Conditions.from_run(facts).settings(), replace(DEFAULTS, processors=processors)
    changed = [
        f"{name}={_setting(value)}" for name, value in settings.items() if value != defaults.settings()[name]
    ]
    options = [word for setting in changed for word in ("--set", setting)]
    deploy = shlex.join(["lambdist", "deploy", *_where(facts), *options])
    arm = [] if facts["arm"] == "distributed" else ["--arm", facts["arm"]]
    return [deploy, _line("submit", facts, [*arm, *_options(facts, SENDING)])]


def _submit_to_url(facts: dict[str, Any]) -> str:
    """Return `lambdist submit --url …`, without the URL's query: it may hold a secret."""
    url = urlsplit(facts["url"])._replace(query="", fragment="").geturl()
    key = ["--api-key-env", facts["api_key_env"]] if facts["api_key_env"] else []
    key += [word for header in facts.get("headers", ()) for word in ("--header", header)]
    timeout = ["--timeout", f"{facts['timeout_s']:g}"] if facts["timeout_s"] != 60 else []
    tries = ["--tries", str(facts["plan"]["tries"])] if "tries" in facts["plan"] else []
    options = [*_options(facts["plan"], ("chunks", "rate", "work", "fault")), *tries, *timeout]
    return shlex.join(["lambdist", "submit", facts["data"], "--url", url, *key, *options])


def _line(command: str, facts: dict[str, Any], options: list[str]) -> str:
    return shlex.join(["lambdist", command, facts["data"], *_where(facts), *options])


def _where(facts: dict[str, Any]) -> list[str]:
    """Return the options that name the target, from its label."""
    name, _, region = facts["target"].partition(" ")
    return ["--target", "aws", "--region", region.split()[0]] if name == "AWS" else []


def _options(facts: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Return the options that differ from the defaults, such as `--queue-batch 10`."""
    given = {name: facts[name] for name in names if facts.get(name, _default(name)) != _default(name)}
    return [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", f"{value}")]


def _default(name: str) -> Any:
    return getattr(DEFAULTS, name)


def _setting(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _differs(runs: pd.DataFrame, name: str) -> bool:
    return name in runs and runs.loc[runs["arm"] == "distributed", name].nunique() > 1
