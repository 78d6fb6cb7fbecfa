"""Does fanning a file out over AWS Lambdas pay? Deploy, measure, compare.

Names are imported on first use, so `import lambdist_lib` stays cheap.
"""

import importlib

TYPE_CHECKING = False  # typing itself would take most of the time of this import
if TYPE_CHECKING:
    from lambdist_lib import errors, figures, measures
    from lambdist_lib.analysis import Results, load_results
    from lambdist_lib.cloud.targets import connect
    from lambdist_lib.comparison import compare
    from lambdist_lib.data.files import read as read_datapoints
    from lambdist_lib.deployment.lifecycle import deploy, destroy
    from lambdist_lib.experiment import Experiment
    from lambdist_lib.fanout import fan_out
    from lambdist_lib.planner.plan import plan
    from lambdist_lib.protocol.contract import PermanentError
    from lambdist_lib.records.dead_letters import list_dead_letters
    from lambdist_lib.report.write import write_report
    from lambdist_lib.runs.collect import fetch
    from lambdist_lib.runs.external_api import submit_to_url
    from lambdist_lib.runs.preview import preview
    from lambdist_lib.runs.redrive import redrive_all as redrive
    from lambdist_lib.runs.run import submit

HOMES = {
    "Experiment": "experiment",
    "PermanentError": "protocol.contract",
    "Results": "analysis",
    "compare": "comparison",
    "connect": "cloud.targets",
    "deploy": "deployment.lifecycle",
    "destroy": "deployment.lifecycle",
    "errors": "",
    "fan_out": "fanout",
    "fetch": "runs.collect",
    "figures": "",
    "list_dead_letters": "records.dead_letters",
    "load_results": "analysis",
    "measures": "",
    "plan": "planner.plan",
    "preview": "runs.preview",
    "read_datapoints": "data.files:read",
    "redrive": "runs.redrive:redrive_all",
    "submit": "runs.run",
    "submit_to_url": "runs.external_api",
    "write_report": "report.write",
}

__all__ = [
    "Experiment",
    "PermanentError",
    "Results",
    "compare",
    "connect",
    "deploy",
    "destroy",
    "errors",
    "fan_out",
    "fetch",
    "figures",
    "list_dead_letters",
    "load_results",
    "measures",
    "plan",
    "preview",
    "read_datapoints",
    "redrive",
    "submit",
    "submit_to_url",
    "write_report",
]


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, _, spelling = HOMES[name].partition(":")
    if not home:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), spelling or name)


def __dir__() -> list[str]:
    return __all__
