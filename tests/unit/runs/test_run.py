"""Describe a run that is about to begin."""

from types import SimpleNamespace

from lambdist_lib.data import datapoints
from lambdist_lib.deployment import templates
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.results import schema
from lambdist_lib.runs import run
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.run_info import RunInfo


def info_of(tmp_path, conditions=None, **parameters: str) -> RunInfo:
    """Describe a run on a stack with these parameters and else the template's."""
    declared = templates.parameters("distributed")
    defaults = {name: str(entry["Default"]) for name, entry in declared.items() if "Default" in entry}
    stack = Stack(
        kind="distributed", name="lambdist-distributed", outputs={}, code={}, parameters=defaults | parameters
    )
    points = datapoints.from_iterable(["word"])
    target = SimpleNamespace(label="local cloud")
    return run.new_run(
        target, stack, points, tmp_path / "x-d", conditions or Conditions(), arm="distributed"
    )  # fmt: skip


def test_a_run_records_the_settings_of_its_stack(tmp_path):
    """Those that differ from the defaults of a deploy: in run.json, in the table of runs, after a resume."""
    changed = {"MaxReceives": "2", "VisibilityTimeoutSeconds": "400", "ExperimentControls": "off"}
    usual = info_of(tmp_path, ExperimentControls="on", NotifyEmail="someone@example.org")
    unusual = info_of(tmp_path, Conditions(queue_batch=10), **changed)

    assert usual.settings == ""
    text = "visibility_timeout_seconds=400 max_receives=2 experiment_controls=off"
    assert unusual.settings == text
    assert schema.run_row(unusual.facts())["settings"] == text
    assert RunInfo.from_facts(unusual.facts()).settings == text


def test_a_run_without_a_queue_records_its_delay_between_tries(tmp_path):
    """It is a condition, and of that stack no parameter; a prediction for the other arms needs it."""
    stack = Stack(kind="single_node", name="x", outputs={}, code={}, parameters={"ExperimentControls": "on"})
    target, points = SimpleNamespace(label="local cloud"), datapoints.from_iterable(["word"])
    info = run.new_run(
        target, stack, points, tmp_path / "x-sn", Conditions(retry_delay_s=7), arm="single_node"
    )

    assert info.settings == "retry_delay_seconds=7"
