"""The figure of executions at once."""

import pandas as pd
import pytest
from support.figure_tables import (
    SPANS,
    drawn,
)

from lambdist_lib.errors import RunError
from lambdist_lib.figures import (
    concurrency,
)
from lambdist_lib.measures import concurrency as concurrency_measures


def test_the_area_of_concurrency_is_the_work(ax):
    concurrency.plot_concurrency(SPANS, ax, target_label="local cloud", limits={"MaximumConcurrency": 10})
    words = drawn(ax)

    assert "MaximumConcurrency: 10" in words
    assert "each of 8 environments used 7.5 times" in words
    [area] = ax.collections
    assert area.get_paths()[0].get_extents().y1 == concurrency_measures.summary(SPANS).loc[0, "peak"]


def test_concurrency_is_of_one_run(ax):
    both = pd.concat([SPANS, SPANS.assign(run_id="run-2")])

    with pytest.raises(RunError, match="concurrency is drawn of one run, not of 2"):
        concurrency.plot_concurrency(both, ax, target_label="local cloud")
