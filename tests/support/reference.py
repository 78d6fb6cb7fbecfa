"""The committed reference experiment, as planners calibrate from it."""

from lambdist_lib import paths
from lambdist_lib.analysis import load_results

FOLDER = paths.root() / "results" / "reference"
REFERENCE = load_results(FOLDER)
WARM = REFERENCE.runs.query("arm == 'distributed' and temperature == 'warm'").sort_values("started_at")


def tables_of(*run_ids):
    """The runs, records and invocations of some of its runs."""
    tables = (REFERENCE.runs, REFERENCE.records, REFERENCE.invocations)
    return [table[table["run_id"].isin(run_ids)] for table in tables]
