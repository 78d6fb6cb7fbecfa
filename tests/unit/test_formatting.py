"""Format numbers and durations for people."""

import pytest

from lambdist_lib import formatting


@pytest.mark.parametrize(
    ("seconds", "exact", "rough"),
    [
        (0.4, "0.4 s", "0 s"),
        (119, "119.0 s", "119 s"),
        (125, "2.1 min", "2 min"),
        (3600, "60.0 min", "60 min"),
        (9000, "2.5 h", "2.5 h"),
        (200_000, "2.3 days", "2.3 days"),
    ],
)
def test_duration_has_the_largest_unit_with_two_or_more(seconds, exact, rough):
    """A duration has one unit; a rough one has no tenths of seconds and minutes."""
    assert formatting.duration(seconds) == exact
    assert formatting.duration(seconds, rough=True) == rough


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (float("nan"), "-"), (1234.5, "1,234"), (0.12345, "0.123")]
)
def test_number_has_three_significant_digits(value, text):
    """A number has three significant digits, and unknown values are a dash."""
    assert formatting.number(value) == text


def test_counted_has_the_singular_for_one():
    """A count of one takes the noun without its s."""
    assert [formatting.counted(value, "runs") for value in (0, 1, 1200)] == ["0 runs", "1 run", "1,200 runs"]


def test_between_has_the_unit_once():
    """An interval of per cents has one per cent sign, an unknown end makes it a dash."""
    assert formatting.between(0.012, 0.034, formatting.percent) == "1.2 to 3.4 %"
    assert formatting.between(None, 1.0) == "-"


@pytest.mark.parametrize(("usd", "text"), [(6604.842, "6,604.84"), (0.0011, "0.0011"), (0, "0")])
def test_money_shows_small_amounts(usd, text):
    """A job of a few datapoints costs a tenth of a cent, and the page says so."""
    assert formatting.money(usd) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.2 s"), (90, "90.0 s"), (600, "10.0 min"), (9000, "2.5 h"), (1e6, "11.6 days")],
)
def test_duration_of_a_plan_is_in_a_unit_that_fits(seconds, text):
    """Seconds up to two minutes, then minutes, hours and days."""
    assert formatting.duration(seconds) == text


def test_a_level_is_a_number_or_declared_work():
    levels = [formatting.level(value) for value in (5, 0.5, 1e6, "io:20ms")]

    assert levels == ["5", "0.5", "1,000,000", "io:20ms"]


def test_small_amounts_of_money_are_written_out():
    """Without a power: a reader does not count the zeros of 2.9e-05."""
    assert [formatting.money(usd) for usd in (2.9e-05, 0.0, 1234.5)] == ["0.000029", "0", "1,234.50"]
