"""Parse the declared work and faults of an experiment, and decide which attempts they strike.

    work    none | io:100ms | cpu:50ms              io waits, cpu keeps a core busy
    fault   none | KIND:P[@N+N+A-B][,...][,seed:S]  each kind with probability P,
                                                    on all datapoints or on the named ones

    KIND         drawn for each   what happens                                  where
    raise        attempt          process() raises; a retry may succeed         all arms
    permanent    datapoint        PermanentError at every attempt               all arms
    slow         attempt          it runs past the function's timeout           Lambdas
    crash        attempt          the process dies before the write             Lambdas
    crash-after  attempt          the process dies after the write              Lambdas
    memory       attempt          the process exceeds its memory                Lambdas on AWS
    poison       datapoint        its message is malformed                      collector
    duplicate    datapoint        its message is queued twice                   collector
    throttle     the run          share P of the processor's concurrency is     queue
                                  unavailable

    >>> parse_work("io:100ms").seconds
    0.1
    >>> str(parse_fault("raise:1@129+130"))
    'raise:1@129+130,seed:0'

Whether a fault strikes depends only on the seed, the kind, the datapoint and the number of
the attempt: the plan is known before the run, and can be compared with its outcome
(`runs.ground_truth`). In an arm without the struck part a kind does not strike.
Standard library only: this module ships in every zip.
"""

import hashlib
import math
import re
from collections.abc import Collection
from dataclasses import dataclass

from lambdist_lib.errors import GrammarError

WORK_KINDS = ("io", "cpu")
FATAL = frozenset({"raise", "permanent", "slow", "crash", "memory", "poison"})  # dead if at every attempt
BEFORE_WRITE = ("crash", "memory", "slow", "permanent", "raise")  # in this order: the first that strikes
FAULT_KINDS = (*BEFORE_WRITE, "crash-after", "poison", "duplicate", "throttle")
PER_DATAPOINT = {"permanent", "poison", "duplicate"}  # strikes every attempt or none
OF_LAMBDAS = (*BEFORE_WRITE, "crash-after")  # also in a stack without a queue
OF_PROCESSORS = (*OF_LAMBDAS, "throttle")  # behind a queue to which no collector of ours writes
OF_PROCESSES = ("permanent", "raise")
WITHOUT_TRACE = {"crash", "memory", "slow", "crash-after", "throttle"}  # no code runs to record it
UNITS_S = {"ms": 0.001, "s": 1.0}
FAULT_MAX_CHARS = 10_000  # it is in every message, and ten of them share 1 MiB
NUMBER = r"[0-9]{1,18}"
DATAPOINTS = rf"{NUMBER}(-{NUMBER})?(\+{NUMBER}(-{NUMBER})?)*"


@dataclass(frozen=True, slots=True)
class Work:
    """Additional work of an attempt: wait or compute for `seconds`."""

    kind: str = "none"
    seconds: float = 0.0

    def __str__(self) -> str:
        milliseconds = f"{self.seconds * 1000:.6f}".rstrip("0").rstrip(".")
        return "none" if self.kind == "none" else f"{self.kind}:{milliseconds}ms"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: it strikes the datapoints `among` (None: all) with `probability`."""

    kind: str
    probability: float
    among: tuple[range, ...] | None = None

    def __str__(self) -> str:
        probability = repr(self.probability).removesuffix(".0")  # all digits, as declared
        among = "" if self.among is None else "@" + "+".join(_format_range(part) for part in self.among)
        return f"{self.kind}:{probability}{among}"

    def concerns(self, n: int) -> bool:
        return self.among is None or any(n in part for part in self.among)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    faults: tuple[Fault, ...] = ()
    seed: int = 0

    def __str__(self) -> str:
        return ",".join([*map(str, self.faults), f"seed:{self.seed}"]) if self.faults else "none"

    def only(self, kinds: Collection[str]) -> "FaultPlan":
        """Return the plan with these kinds only."""
        return FaultPlan(tuple(fault for fault in self.faults if fault.kind in kinds), self.seed)

    @property
    def may_leave_no_trace(self) -> bool:
        """Whether an attempt may end without a record."""
        return any(fault.kind in WITHOUT_TRACE for fault in self.faults)

    def share(self, kind: str) -> float:
        """Return the highest probability of a kind in the plan, 0 without it."""
        return max((fault.probability for fault in self.faults if fault.kind == kind), default=0.0)

    def always_failing(self, datapoints: int) -> set[int]:
        """Return the numbers, below `datapoints`, that the plan names to fail at every attempt."""
        return {
            n
            for fault in self.faults
            if fault.among is not None and fault.probability == 1 and fault.kind in FATAL
            for part in fault.among
            for n in range(part.start, min(part.stop, datapoints))
        }

    def before_write(self, n: int, attempt: int) -> str:
        """Return the kind that strikes this attempt before its result is written, or ""."""
        return next((kind for kind in BEFORE_WRITE if self.strikes(kind, n, attempt)), "")

    def strikes(self, kind: str, n: int, attempt: int = 0) -> bool:
        """Return whether the fault strikes this attempt (from 1) at datapoint n."""
        attempt = 0 if kind in PER_DATAPOINT else attempt
        return any(
            fault.kind == kind and fault.concerns(n) and self._draw(kind, n, attempt) < fault.probability
            for fault in self.faults
        )

    def _draw(self, kind: str, n: int, attempt: int) -> float:
        digest = hashlib.sha256(f"{self.seed}:{kind}:{n}:{attempt}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 256**6  # in [0, 1): 48 bits, exact as a float


def places_taken(share: float, places: int) -> int:
    """Return the concurrent executions that `throttle` occupies: a whole number, at least 1."""
    return max(1, math.floor(share * places + 0.5)) if share else 0


def parse_work(text: str, *, longest_s: float | None = None) -> Work:
    """Parse a work declaration.

    Args:
        text: As in the module's docstring.
        longest_s: Maximum of the stack: half the function's timeout.

    Raises:
        GrammarError: It is malformed, or longer than allowed.

    Example:
        >>> parse_work("io:100ms").seconds
        0.1
    """
    if text in ("", "none"):
        return Work()
    match = re.fullmatch(r"(\w+):(\d{1,9}(?:\.\d{1,9})?)(ms|s)", text)
    if not match or match[1] not in WORK_KINDS:
        raise GrammarError(f"invalid work {text[:60]!r}: write none, io:100ms or cpu:50ms")
    work = Work(match[1], float(match[2]) * UNITS_S[match[3]])
    if longest_s is not None and work.seconds > longest_s:
        raise GrammarError(
            f"work {text} is longer than {longest_s:g} s, half the function's timeout: "
            "declare less work or deploy with a longer timeout"
        )
    return work


def parse_fault(text: str, *, seed: int = 0) -> FaultPlan:
    """Parse a fault declaration; `seed` is the default for a text without one.

    Raises:
        GrammarError: It is malformed, or a probability is outside [0, 1].

    Example:
        >>> str(parse_fault("raise:0.1,permanent:1@5+7-9", seed=3))
        'raise:0.1,permanent:1@5+7-9,seed:3'
    """
    if len(text) > FAULT_MAX_CHARS:
        raise GrammarError(
            f"the fault has {len(text):,} characters, at most {FAULT_MAX_CHARS:,} are possible"
        )
    faults = []
    for part in [] if text in ("", "none") else text.split(","):
        kind, _, rest = part.strip().partition(":")
        if kind == "seed" and re.fullmatch(NUMBER, rest):
            seed = int(rest)
        elif kind in FAULT_KINDS:
            faults.append(_parse_fault_kind(kind, rest, part))
        else:
            raise GrammarError(
                f"invalid fault {part!r}: write none, or kinds of {', '.join(FAULT_KINDS)} "
                "with a probability: raise:0.1, or raise:1@5+7 for the datapoints 5 and 7"
            )
    return FaultPlan(tuple(faults), seed)


def _parse_fault_kind(kind: str, rest: str, part: str) -> Fault:
    chance, separator, where = rest.partition("@")
    try:
        probability = float(chance)
    except ValueError:
        raise GrammarError(f"fault {part!r}: {chance!r} is not a probability: write {kind}:0.1") from None
    if not 0 <= probability <= 1:
        raise GrammarError(f"fault {part!r}: a probability lies between 0 and 1")
    if not separator:
        return Fault(kind, probability)
    if kind == "throttle":
        raise GrammarError(f"fault {part!r}: throttle is for the whole run: write throttle:0.5, without @")
    among = tuple(_range(piece) for piece in where.split("+")) if re.fullmatch(DATAPOINTS, where) else ()
    if not among or not all(among):
        raise GrammarError(f"fault {part!r}: name datapoints as 5+7 or 5-9, not {where!r}")
    return Fault(kind, probability, among)


def _range(piece: str) -> range:
    first, _, last = piece.partition("-")
    return range(int(first), int(last or first) + 1)


def _format_range(part: range) -> str:
    return str(part.start) if len(part) == 1 else f"{part.start}-{part.stop - 1}"
