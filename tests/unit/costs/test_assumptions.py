"""Load limits and prices with dates and sources; a user's file may replace any of them."""

import pytest

from lambdist_lib.cloud import limits
from lambdist_lib.costs import assumptions, prices
from lambdist_lib.errors import UsageError


def load(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return assumptions.load(path)


@pytest.mark.parametrize("name", assumptions.load())
def test_a_number_says_where_it_is_from(name):
    """A known class, a source, a year, a unit, and a spread around the value."""
    one = assumptions.load()[name]

    assert one.provenance in limits.PROVENANCES
    assert one.source and one.unit and one.as_of.startswith("20")
    assert one.low <= one.value <= one.high


def test_what_nobody_measured_on_aws_does_not_say_so():
    """No AWS run was made, so no number that ships with us may claim one."""
    classes = {number.provenance for number in assumptions.load().values()}

    assert not classes & {limits.ON_AWS, limits.ON_LOCAL_CLOUD, limits.GIVEN}


def test_a_file_replaces_a_number(tmp_path):
    """It counts as given, keeps its unit, and leaves the others alone."""
    table = load(tmp_path, "account_concurrency = 5000\n")

    assert (table["account_concurrency"].value, table["account_concurrency"].provenance) == (5000, "given")
    assert table["account_concurrency"].unit == limits.LIMITS["account_concurrency"].unit
    assert table["esm_start"] == limits.LIMITS["esm_start"]
    assert limits.LIMITS["account_concurrency"].value == 1000


def test_a_file_may_say_more_of_a_number(tmp_path):
    """Its spread, source and date."""
    text = '[init_s]\nvalue = 0.9\nlow = 0.7\nhigh = 1.4\nsource = "our logs"\nas_of = "2026-11-02"\n'
    found = load(tmp_path, text)["init_s"]

    assert (found.low, found.value, found.high) == (0.7, 0.9, 1.4)
    assert (found.source, found.as_of) == ("our logs", "2026-11-02")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("account_concurency = 5\n", "did you mean account_concurrency"),
        ("esm_start = 0\n", "write a number above 0"),
        ("esm_start = -5\n", "write a number above 0"),
        ("esm_start = nan\n", "write a number above 0"),
        ("esm_start = true\n", "write a number above 0"),
        ('esm_start = "5"\n', "write a number above 0"),
        ("[esm_start]\nlow = 5\n", "write a number above 0"),
        ("[esm_start]\nvalue = 5\nhigh = 4\n", "not between"),
        ("[esm_start]\nvalue = 5\nunits = 'x'\n", "unknown units"),
        ("esm_start 5\n", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_told(tmp_path, text, says):
    """Each fault by its own words, with the name of the file."""
    with pytest.raises(UsageError, match=says) as caught:
        load(tmp_path, text)
    assert "mine.toml" in str(caught.value)


def test_a_missing_file_is_told(tmp_path):
    """Not a traceback."""
    with pytest.raises(UsageError, match="cannot be read"):
        assumptions.load(tmp_path / "none.toml")


def test_a_price_may_be_nothing(tmp_path):
    """A contract or a free tier may say so; a limit of nothing would be none."""
    assert load(tmp_path, "price_sqs = 0\n")["price_sqs"].value == 0


def test_slow_api_regions_have_a_quarter_of_the_rate():
    """13 Regions have 2,500 requests a second and a burst of 1,250; others keep the default."""
    slow = limits.in_region("eu-south-1")

    assert len(limits.SLOW_API_REGIONS) == 13
    assert (slow["api_rate_per_s"].value, slow["api_burst"].value) == (2_500, 1_250)
    assert limits.in_region("eu-west-1") == limits.in_region("") == {}


def test_an_unknown_region_is_refused_with_the_one_that_was_meant():
    """Its limits would otherwise be those of most Regions, and the plan would not say so."""
    with pytest.raises(UsageError, match=r"'eu-suth-1' is unknown \(did you mean eu-south-1\?\)"):
        limits.in_region("eu-suth-1")


def test_every_slow_api_region_is_known():
    for region in limits.SLOW_API_REGIONS:
        assert limits.in_region(region)


@pytest.mark.parametrize(("account", "reservable"), [(10, 0), (50, 0), (100, 0), (1_000, 900)])
def test_a_reservation_leaves_the_account_its_floor(account, reservable):
    """New accounts can reserve nothing; a normal one must keep 100 executions."""
    assert limits.reservable(account) == reservable


def test_facts_have_no_name_of_a_limit_or_price():
    """Each number exists once, and all of them are loaded."""
    assert len(assumptions.load()) == len(limits.LIMITS) + len(limits.FACTS) + len(prices.PRICES)
