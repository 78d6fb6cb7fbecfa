"""Numbers, names and lists in a page's prose."""

from lambdist_lib.formatting import unbroken
from lambdist_lib.report import html, sentences


def test_numbers_stay_with_their_units():
    """Intervals, too, so that a line ends before or after them."""
    assert unbroken("0.92 s (4.11 to 4.72), 10 pairs to go") == (
        "0.92\u00a0s (4.11\u00a0to\u00a04.72), 10\u00a0pairs to go"
    )


def test_prose_names_things_as_tables_do():
    """Files and options keep their underscores."""
    assert html.spaced("than single_node_parallel; see my_file.csv, --queue_batch, a/b_c") == (
        "than single node parallel; see my_file.csv, --queue_batch, a/b_c"
    )


def test_long_enumerations_become_lists():
    """Semicolons in parentheses separate nothing; one or two items stay a sentence."""
    text = "Costs: one 1 USD (a; b); two 2 USD; three 3 USD."

    assert sentences.enumeration(text) == ("Costs:", ["one 1 USD (a; b)", "two 2 USD", "three 3 USD"])
    assert sentences.enumeration("Costs: one; two.") == ("Costs: one; two.", [])
