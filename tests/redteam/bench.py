"""What an attack gets to work with, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .data import Victim
from .service import Oracle


@dataclass(frozen=True)
class Bench:
    """One attack on one victim in one world."""

    victim: Victim
    world: str
    seed: int
    budget: int
    short: bool
    # Opens a fresh API key of a role with a budget of questions.
    open: Callable[[str, int], Oracle]

    def rng(self, salt: int = 0) -> np.random.Generator:
        """The same numbers with defences off and on."""
        return np.random.default_rng([self.seed, salt])


@dataclass
class Result:
    """What came of it. Which way is better for the defender, the gate says."""

    measures: dict[str, float] = field(default_factory=dict)
    asked: int = 0
    refused: int = 0
    flagged_at: int | None = None
    suspended_at: int | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    note: str = ""
    curve: list[tuple[int, float]] = field(default_factory=list)

    def count(self, oracle: Oracle) -> Result:
        """Adds what a key went through."""
        seen = oracle.seen
        self.asked += oracle.asked
        self.refused += sum(seen.refused)
        # Of several keys, the first that was flagged.
        flagged = [at for at in (self.flagged_at, seen.flagged_at) if at is not None]
        self.flagged_at = min(flagged, default=None)
        suspended = [at for at in (self.suspended_at, seen.suspended_at) if at is not None]
        self.suspended_at = min(suspended, default=None)
        for reason, count in seen.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count
        return self


class Skip(Exception):
    """The attack does not apply, and why."""
