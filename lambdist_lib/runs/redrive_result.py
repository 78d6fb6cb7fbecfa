"""Count the outcomes of dead letters that were sent again, from their items before and after."""

import collections
from dataclasses import dataclass
from typing import Any

from lambdist_lib.errors import UnfinishedError
from lambdist_lib.formatting import counted
from lambdist_lib.protocol.contract import STORED
from lambdist_lib.records.dead_letters import DeadLetter

COUNTS = ("recovered", "died_again", "stored_before", "not_sent", "in_flight", "missing", "duplicates")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveResult:
    """The outcomes of a run's dead letters: `letters` is the sum of the next six counts.

    not_sent: refused by the API, or unreadable. missing: accepted, but neither queued nor settled.
    duplicates: results refused because one was stored. drain_s: first send to the last outcome.
    """

    run_id: str
    letters: int
    recovered: int = 0
    died_again: int = 0
    stored_before: int = 0
    not_sent: int = 0
    in_flight: int = 0
    missing: int = 0
    duplicates: int = 0
    drain_s: float = 0.0

    def sentence(self) -> str:
        """Return the counts that are not 0 as a sentence."""
        counts = [(name.replace("_", " "), getattr(self, name)) for name in COUNTS]
        outcomes = ", ".join(f"{count:,} {name}" for name, count in counts if count)
        letters = counted(self.letters, "dead letters")
        if not outcomes:
            return f"{self.run_id}: {letters}"
        return f"{self.run_id}: {letters}: {outcomes}; {self.drain_s:.1f} s"

    def require_finished(self) -> None:
        """Raise UnfinishedError if letters are neither stored nor dead by now."""
        if waiting := self.not_sent + self.in_flight + self.missing:
            raise UnfinishedError(
                f"{self.run_id}: {counted(waiting, 'dead letters')} not settled; "
                f"send them again with `lambdist redrive {self.run_id}`"
            )


def count_outcomes(
    run_id: str,
    letters: list[DeadLetter],
    before: dict[int, dict[str, Any]],
    after: dict[int, dict[str, Any]],
    accepted: set[int],
    queued: int,
    drain_s: float,
) -> RedriveResult:
    """Count each letter's outcome by its item before and after, and by what the API accepted."""
    outcomes: collections.Counter[str] = collections.Counter()
    for n in (letter.n for letter in letters):
        was, now = before.get(n, {}), after.get(n, {})
        if was.get("outcome") == STORED:
            outcomes["stored_before"] += 1
        elif is_settled_again(was, now):
            outcomes["recovered" if now.get("outcome") == STORED else "died_again"] += 1
        elif n not in accepted:
            outcomes["not_sent"] += 1
        else:
            outcomes["in_flight" if queued else "missing"] += 1
    extra = [after[n].get("duplicates", 0) - before[n].get("duplicates", 0) for n in before if n in after]
    return RedriveResult(
        run_id=run_id, letters=len(letters), duplicates=sum(extra), drain_s=round(drain_s, 3), **outcomes
    )


def is_settled_again(was: dict[str, Any], now: dict[str, Any]) -> bool:
    """Return whether an item that was dead is stored, or has died once more."""
    return now.get("outcome") == STORED or now.get("dead_at") != was.get("dead_at")
