"""Read a usage and a bill in tests."""

from lambdist_lib.costs import bill


def quantities(parts, *names):
    """Of a split usage: what was asked for, of all parts together."""
    return tuple(getattr(bill.total(parts), name) for name in names)


def usd(lines):
    """The dollars of a bill, by service and what it charges for."""
    return {(line.service, line.what): line.usd for line in lines}
