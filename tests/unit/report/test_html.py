"""Numbers, names and lists in a page's prose."""

from lambdist_lib.formatting import spaced, unbroken
from lambdist_lib.report import sentences


def test_numbers_stay_with_their_units():
    """Intervals and numbers of values, too, so that a line ends before or after them."""
    assert unbroken("0.92 s (4.11 to 4.72), 10 pairs to go") == (
        "0.92\u00a0s (4.11\u00a0to\u00a04.72), 10\u00a0pairs to go"
    )
    assert unbroken("in = 3 (n = 6 warm pairs)") == "in = 3 (n\u00a0=\u00a06 warm pairs)"


def test_prose_names_things_as_tables_do():
    """Files, options and assumptions with a unit keep their underscores."""
    assert spaced("than single_node_parallel; see my_file.csv, --queue_batch, a/b_c") == (
        "than single node parallel; see my_file.csv, --queue_batch, a/b_c"
    )
    assert spaced("it moves most: network_s 0.005 to 0.1") == "it moves most: network_s 0.005 to 0.1"


def test_long_enumerations_become_lists():
    """Semicolons in parentheses separate nothing; one or two items stay a sentence."""
    text = "Costs: one 1 USD (a; b); two 2 USD; three 3 USD."

    assert sentences.enumeration(text) == ("Costs:", ["one 1 USD (a; b)", "two 2 USD", "three 3 USD"])
    assert sentences.enumeration("Costs: one; two.") == ("Costs: one; two.", [])
