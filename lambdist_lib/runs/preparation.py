"""Check an experiment's arguments, read its data and open its folder; nothing is deployed here."""

import functools
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.cloud import targets
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Datapoints
from lambdist_lib.deployment import callables
from lambdist_lib.deployment.lifecycle import Code
from lambdist_lib.results import folders
from lambdist_lib.runs import argument_checks, levels
from lambdist_lib.runs.conditions import Conditions, require_possible, resolve_faults
from lambdist_lib.runs.inputs import Source
from lambdist_lib.runs.warm_up import WARM_UP_ROUNDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The checked arguments of an experiment: conditions, data, target and folder.

    encoding: How datapoints are encoded in their file. note: What the caller should be told, or "".
    """

    id: str
    folder: Path
    target: Target
    points: Datapoints
    conditions: Conditions
    arms: tuple[str, ...]
    seed: int
    processing: Path
    encoding: str
    note: str

    def facts(self) -> dict[str, Any]:
        """Return the content of experiment.json."""
        return {
            "experiment_id": self.id,
            "target": self.target.label,
            "data": self.points.name,
            "sha256": self.points.sha256,
            "datapoints": self.points.submitted,
            "seed": self.seed,
            "arms": list(self.arms),
            "processing": paths.shown(self.processing),
            **self.conditions.facts(),
            "warm_up": f"{WARM_UP_ROUNDS} datapoints per sender before the first pair",
            "python": platform.python_version(),
        }


def prepare(
    *,
    source: Source,
    code: Code,
    target: str,
    region: str,
    profile: str,
    seed: int,
    experiment_id: str,
    arms: Sequence[str],
    results_dir: str | Path,
    conditions: Conditions,
) -> Prepared:
    """Check the arguments of `Experiment`, read its data and open its folder.

    Raises:
        UsageError: An argument is invalid; a folder that was made for it is removed again.
        RunError: An experiment with this id has other conditions or data.
    """
    known = _checked_arms(arms, target, conditions)
    seed = argument_checks.whole("seed", seed, 0, argument_checks.MAX_SEED)
    processing = code.folder(as_json=source.for_json)
    of_items = callables.name_of(code.process) if code.process else "items"
    name = str(source.data) if source.is_file else of_items
    folder = Path(results_dir or paths.results()) / folders.checked_id(experiment_id or folders.new_id(name))
    connect = functools.partial(targets.connect, target, region=region, profile=profile)
    with folders.removed_if_refused(folder):
        connected = connect() if source.is_remote else None
        points = conditions.read(source.file(folder, max_chars=conditions.max_chars, target=connected))
        conditions, note = levels.reduce_senders(conditions, points)
        prepared = Prepared(
            id=folder.name,
            folder=folder,
            target=connected or connect(),
            points=points,
            conditions=resolve_faults(conditions, points, seed),
            arms=known,
            seed=seed,
            processing=processing,
            encoding=source.encoding,
            note=note,
        )
        folders.open_experiment(folder, prepared.facts())
    return prepared


def _checked_arms(arms: Sequence[str], target: str, conditions: Conditions) -> tuple[str, ...]:
    """Return the arms, which the target can run under the conditions."""
    known = argument_checks.arms(arms)
    argument_checks.require_known("target", [target], targets.NAMES)
    require_possible(target, conditions, known)
    return known
