"""Describe a run before its first request, as run.json keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from lambdist_lib.cloud.stack_settings import SETTINGS
from lambdist_lib.deployment import templates
from lambdist_lib.results import folders
from lambdist_lib.runs.conditions import AS_FOUND, Conditions

OF_EXPERIMENTS = {"ExperimentControls": "on"}  # what a deploy for experiments sets, unlike the template


def recorded_settings(parameters: Mapping[str, str]) -> str:
    """Return those of a stack's parameters that a run records, as in `--set`: `max_receives=2 ...`.

    Args:
        parameters: Of the stack. One with the value of a deploy without `--set` is left out.
    """
    defaults = templates.defaults("distributed") | OF_EXPERIMENTS
    texts = []
    for setting in SETTINGS:
        name = templates.parameter_name(setting)
        if parameters.get(name, defaults[name]) != defaults[name]:
            texts.append(f"{setting}={parameters[name]}")
    return " ".join(texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """One arm over one data file, under stated conditions.

    key: the run id that the cloud gets (`folders.new_key`). begun_at: seconds since the epoch.
    data_path: of the data file, for a resume from another folder; a finished run keeps `data` alone.
    pair: number of the pair of adjacent runs, 0 outside pairs. looks: numbers of pairs after which
    the experiment planned to look whether they suffice. deadline_s: of the sending, 0 for none.
    stack, code: name of the stack and the key of each function's zip; empty without a stack. settings:
    `recorded_settings` of the stack.
    api: URL and options of an API that this project did not deploy. resumed: such a run balances,
    but is not a timing. encoding: of the datapoints, "json" for Python objects (`data.items`), else
    "text".
    """

    run_id: str
    arm: str
    target: str
    data: str
    sha256: str
    experiment_id: str = ""
    pair: int = 0
    temperature: str = AS_FOUND
    looks: str = ""
    deadline_s: float = 0.0
    conditions: Conditions | None = None
    stack: str = ""
    settings: str = ""
    code: Mapping[str, str] = field(default_factory=dict)
    api: Mapping[str, Any] = field(default_factory=dict)
    resumed: bool = False
    encoding: str = "text"
    key: str = ""
    begun_at: float = 0.0
    data_path: str = ""

    def facts(self) -> dict[str, Any]:
        """Return the flat form in which run.json keeps it."""
        own = {name.name: getattr(self, name.name) for name in fields(self)}
        conditions, api = own.pop("conditions"), own.pop("api")
        return {**own, **(conditions.facts() if conditions else {}), **api}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Read it back from run.json; what the run has become since is left out."""
        facts = {"begun_at": 0.0, **facts, "key": folders.key_of(facts)}
        own = {name.name for name in fields(cls)} - {"conditions", "api"}
        api: dict[str, Any] = {
            name: facts[name]
            for name in ("url", "api_key_env", "headers", "timeout_s", "plan")
            if name in facts
        }
        return cls(
            **{name: facts[name] for name in own if name in facts},
            conditions=None if api else Conditions.from_run(facts),
            api=api,
        )
