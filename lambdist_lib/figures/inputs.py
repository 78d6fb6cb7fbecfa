"""Hold what the figures of the catalogue are drawn from, and choose the run that they show."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure

from lambdist_lib.errors import RunError
from lambdist_lib.measures import sweep

if TYPE_CHECKING:
    from lambdist_lib.analysis import Results

WIDTH_IN = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureInputs:
    """Hold the tables of an experiment or a run (columns: `results.schema`).

    costs: returns the table of `costs.metering.table`; called only by the figure that shows it.
    target_label: where it was measured, for the figures' titles.
    outlook: returns `planner.outlook.Outlook.table`; called only by the figure that shows it.
    ways, arm_map: return `planner.which_way.WhichWay.table` and `.map`, empty where ways were not compared.
    """

    runs: pd.DataFrame
    records: pd.DataFrame
    invocations: pd.DataFrame
    costs: Callable[[], pd.DataFrame]
    target_label: str
    outlook: Callable[[], pd.DataFrame] = pd.DataFrame
    ways: Callable[[], pd.DataFrame] = pd.DataFrame
    arm_map: Callable[[], pd.DataFrame] = pd.DataFrame

    @property
    def factor(self) -> str:
        """The factor that a sweep varied, "" for runs under equal conditions."""
        return sweep.varied_factor(self.runs)

    @property
    def has_cold_and_warm_levels(self) -> bool:
        """Whether a sweep ran each level cold and warm."""
        return bool(self.factor) and (self.runs["temperature"] == "cold").any()

    def one_run(self, table: pd.DataFrame, temperature: str = "warm") -> pd.DataFrame:
        """Keep the rows of the run that a figure of one run shows."""
        return table[table["run_id"] == select_run(self.runs, temperature, self.factor)]


def select_run(runs: pd.DataFrame, temperature: str = "warm", factor: str = "") -> str:
    """Choose the run to look at closely; "" without runs.

    The first distributed run of this temperature; of a sweep the last one at the highest level. Without
    such a run, the one that comes nearest.
    """
    if runs.empty:
        return ""
    others = {"warm": 0, "as found": 1, "cold": 2} if temperature == "warm" else {"cold": 0, "as found": 1}
    ranked = runs.assign(
        other_arm=runs["arm"] != "distributed",
        other_temperature=runs["temperature"].map(others).fillna(3),
    ).sort_values(["other_arm", "other_temperature", "started_at"], kind="stable")
    best = ranked[["other_arm", "other_temperature"]].iloc[0]
    ranked = ranked[(ranked[["other_arm", "other_temperature"]] == best).all(axis="columns")]
    if not factor:
        return str(ranked["run_id"].iloc[0])
    return str(ranked.sort_values([factor, "pair"], kind="stable")["run_id"].iloc[-1])


def read_tables(results: "Results") -> dict[str, pd.DataFrame]:
    """Read the runs, records and invocations of an experiment, each file once.

    The records and invocations come first: the ledger behind the runs would read columns of both.
    """
    others = {"records": results.records, "invocations": results.invocations}
    return {"runs": results.runs, **others}


def require_one_run(table: pd.DataFrame, figure: str, name: str) -> None:
    """Raise RunError for rows of several runs.

    Args:
        figure: Begin of the sentence, such as "a timeline is drawn".
        name: Of the table, for the line of code that keeps one run.
    """
    if (count := table["run_id"].nunique()) > 1:
        raise RunError(
            f"{figure} of one run, not of {count}; "
            f"keep one with {name}[{name}['run_id'] == {table['run_id'].iloc[0]!r}]"
        )


def has_predictions(table: pd.DataFrame) -> bool:
    """Return whether a row of an outlook or of ways has a predicted time."""
    return "predicted_s" in table and bool(table["predicted_s"].notna().any())


def draw_one(
    plot: Callable[..., Any], *args: Any, height_in: float, width_in: float = WIDTH_IN, **options: Any
) -> Figure:
    """Draw one plot on a figure of its own."""
    figure = Figure(figsize=(width_in, height_in))
    plot(*args, figure.subplots(), **options)
    return figure
