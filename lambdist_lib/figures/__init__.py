"""Plot measures on matplotlib axes, and draw the figures of the catalogue.

figures.show("timeline", results)                   in a notebook: draw, save beside the runs, display
figures.plot_speedup(results.runs)                  a matplotlib figure
figures.plot_timeline(records, ax, target_label="local cloud")

Names are imported on first use, so `import lambdist_lib.figures` loads no matplotlib.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdist_lib.figures.catalogue import draw, draw_all
    from lambdist_lib.figures.cold_starts import plot_cold_shares, plot_cold_starts, plot_handlers
    from lambdist_lib.figures.concurrency import plot_concurrency
    from lambdist_lib.figures.cost import plot_costs
    from lambdist_lib.figures.dead_letters import plot_outcomes, plot_receives, plot_theory
    from lambdist_lib.figures.display import show
    from lambdist_lib.figures.environments import plot_bursts, plot_environments
    from lambdist_lib.figures.inputs import FigureInputs, select_run
    from lambdist_lib.figures.latency import plot_latency
    from lambdist_lib.figures.outlook import plot_outlook
    from lambdist_lib.figures.plan import (
        plot_by_size,
        plot_front,
        plot_held_out,
        plot_over_time,
        plot_validation,
    )
    from lambdist_lib.figures.scaling import plot_residuals, plot_scaling
    from lambdist_lib.figures.speedup import plot_by_level, plot_pairs, plot_ratios, plot_speedup
    from lambdist_lib.figures.theme import apply_theme, save
    from lambdist_lib.figures.timeline import plot_timeline

NAMES = {  # by module
    "catalogue": "draw draw_all",
    "cold_starts": "plot_cold_shares plot_cold_starts plot_handlers",
    "concurrency": "plot_concurrency",
    "cost": "plot_costs",
    "dead_letters": "plot_outcomes plot_receives plot_theory",
    "display": "show",
    "environments": "plot_bursts plot_environments",
    "inputs": "FigureInputs select_run",
    "latency": "plot_latency",
    "outlook": "plot_outlook",
    "plan": "plot_by_size plot_front plot_held_out plot_over_time plot_validation",
    "scaling": "plot_residuals plot_scaling",
    "speedup": "plot_by_level plot_pairs plot_ratios plot_speedup",
    "theme": "apply_theme save",
    "timeline": "plot_timeline",
}
HOMES = {name: module for module, names in NAMES.items() for name in names.split()}

__all__ = [
    "FigureInputs",
    "apply_theme",
    "draw",
    "draw_all",
    "plot_bursts",
    "plot_by_level",
    "plot_by_size",
    "plot_cold_shares",
    "plot_cold_starts",
    "plot_concurrency",
    "plot_costs",
    "plot_environments",
    "plot_front",
    "plot_handlers",
    "plot_held_out",
    "plot_latency",
    "plot_outcomes",
    "plot_outlook",
    "plot_over_time",
    "plot_pairs",
    "plot_ratios",
    "plot_receives",
    "plot_residuals",
    "plot_scaling",
    "plot_speedup",
    "plot_theory",
    "plot_timeline",
    "plot_validation",
    "save",
    "select_run",
    "show",
]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
