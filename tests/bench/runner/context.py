"""What every figure is given: models, settings, and where results go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .models import Models
from .results import Results


@dataclass(frozen=True)
class Settings:
    """How long and how often."""

    # Rounds in which contenders take turns.
    rounds: int
    # Seconds of one contender in one round.
    seconds: float
    # A smoke test: small models, few points.
    quick: bool

    @classmethod
    def full(cls) -> Settings:
        return cls(rounds=7, seconds=5.0, quick=False)

    @classmethod
    def smoke(cls) -> Settings:
        return cls(rounds=2, seconds=0.5, quick=True)


@dataclass
class Context:
    """The run."""

    settings: Settings
    models: Models
    results: Results
    # State, logs and requests of the run.
    folder: Path
    # URL of a server that is to run beside ours, and the process whose CPU is read, where it is on this machine.
    peer: str | None = None
    peer_pid: int | None = None

    @property
    def cores(self) -> int:
        return len(os.sched_getaffinity(0))
