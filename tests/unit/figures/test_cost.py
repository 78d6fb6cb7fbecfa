"""The figure of the bill."""

from support.figure_tables import BILLS, drawn

from lambdist_lib.figures import (
    cost,
)


def test_the_bars_of_the_bill_end_at_its_sums(ax):
    """Predicted and metered of each arm, each service once in the legend."""
    cost.plot_costs(BILLS, ax, target_label="local cloud", runs=2)

    said = drawn(ax)
    for _, last in BILLS.groupby("arm").tail(1).iterrows():
        assert f"{last['usd_predicted']:.3g} USD" in said
        assert f"{last['usd_metered']:.3g} USD (retries" in said
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(names) == len(set(names)) and {"API Gateway", "Lambda", "SQS", "DynamoDB"} <= set(names)
