"""Things that process() may do, none of which may harm another datapoint."""

import sys
from asyncio import CancelledError


class Rude(Exception):
    """An exception whose text cannot be had."""

    def __str__(self):
        raise SystemExit(0)


class Endless(Exception):
    """An exception whose text never ends its recursion."""

    def __str__(self):
        return f"{self}"


class Stubborn(dict):
    """A result that ends the process while it is encoded."""

    def items(self):
        sys.exit(0)


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


HARMFUL = {  # what harm() does for a datapoint of this text: the beginning of its cause
    "exit": "SystemExit: 0",
    "exit without status": "SystemExit: ",
    "interrupt": "KeyboardInterrupt: ",
    "generator": "GeneratorExit: ",
    "cancelled": "CancelledError: no",
    "stop iteration": "StopIteration: ",
    "rude": "Rude: its text raises SystemExit",
    "endless": "Endless: its text raises RecursionError",
    "deep": "PermanentError: process() returned lists or dicts more than 200 deep",
    "very deep": "PermanentError: process() returned lists or dicts more than 200 deep",
    "merged": 'PermanentError: process() returned a dict with two keys that JSON writes as "1"',
    "surrogate": "PermanentError: process() returned what JSON cannot hold",
    "not a number": "PermanentError: process() returned what JSON cannot hold",
    "too long": "PermanentError: process() returned 300,002 bytes",
    "stubborn": "SystemExit: 0",
}


def harm(data):
    """Do what a datapoint names; any other is returned."""
    raised = {
        "exit": SystemExit(0),
        "exit without status": SystemExit(),
        "interrupt": KeyboardInterrupt(),
        "generator": GeneratorExit(),
        "cancelled": CancelledError("no"),
        "stop iteration": StopIteration(),
        "rude": Rude(),
        "endless": Endless(),
    }
    if data in raised:
        raise raised[data]
    results = {
        "deep": lambda: nested(900),
        "very deep": lambda: nested(100_000),
        "merged": lambda: {"a": {1: "x", "1": "y"}},
        "surrogate": lambda: "\ud800",
        "not a number": lambda: float("nan"),
        "too long": lambda: "x" * 300_000,
        "stubborn": lambda: Stubborn(a=1),
    }
    return results[data]() if data in results else data
