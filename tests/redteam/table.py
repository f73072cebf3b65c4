"""The attacks, and the loop that runs each of them with defences off and on at the same budget."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from . import averaging, evasion, honest, privacy, thieves
from .bench import Bench, Result, Skip
from .data import Victim
from .service import ServiceError
from .world import World


@dataclass(frozen=True)
class Attack:
    """An attack, the measure that its row shows, and the worlds that it is run in."""

    run: Callable[[Bench], Result]
    measure: str
    worlds: tuple[str, ...] = ("off", "on")


# In the order of the report. Accuracy comes first: a defence that costs it needs no attacks to be judged.
ATTACKS: dict[str, Attack] = {
    "honest": Attack(honest.honest, "accuracy"),
    "noise": Attack(thieves.noise, "kappa"),
    "surrogate": Attack(thieves.surrogate, "kappa"),
    "knockoff": Attack(thieves.knockoff, "kappa"),
    "copycat": Attack(thieves.copycat, "kappa"),
    "jitter": Attack(thieves.jitter, "kappa"),
    "active": Attack(thieves.active, "kappa"),
    "insider": Attack(thieves.insider, "kappa"),
    "hopskipjump": Attack(evasion.hopskipjump, "success"),
    "boundary": Attack(evasion.boundary, "success"),
    "fgsm": Attack(evasion.fgsm, "success"),
    "cleverhans": Attack(evasion.cleverhans, "agreement", ("off",)),
    "membership": Attack(privacy.membership, "auc"),
    "lira": Attack(privacy.lira, "auc"),
    "inversion": Attack(privacy.inversion, "found"),
    "miface": Attack(privacy.mi_face, "found"),
    "averaging": Attack(averaging.averaging, "noise left", ("off",)),
}


@dataclass
class Row:
    """One attack on one victim."""

    attack: str
    results: dict[str, Result] = field(default_factory=dict)
    skipped: str | None = None
    failed: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Settings:
    """What all attacks of a run share. `seconds` bounds one attack in one world."""

    attacks: list[str]
    budget: int
    seed: int
    short: bool
    seconds: float


class TooLong(Exception):
    """An attack did not end in time, its training included."""


def run(victim: Victim, worlds: dict[str, World], settings: Settings) -> list[Row]:
    """Every attack in every world. What fails is a row that says so, and the others go on."""
    rows = []
    for name in settings.attacks:
        row, start = Row(name), time.monotonic()
        attack = ATTACKS[name]
        try:
            for world in attack.worlds:
                with _time_limit(2 * settings.seconds):
                    row.results[world] = attack.run(_bench(victim, world, worlds[world], settings))
        except Skip as why:
            row.skipped = str(why)
        except (TooLong, ServiceError) as error:
            row.failed = str(error) or type(error).__name__
        except Exception as error:  # one attack's mistake must not cost the others' results
            row.failed = f"{type(error).__name__}: {error}"
        row.seconds = time.monotonic() - start
        rows.append(row)
        print(_told(victim, row, attack), file=sys.stderr, flush=True)
    return rows


def _bench(victim: Victim, name: str, world: World, settings: Settings) -> Bench:
    def open_key(role: str, budget: int):
        return world.open(role, budget, settings.seconds)

    return Bench(victim, name, settings.seed, settings.budget, settings.short, open_key)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Beside the limit on questions: libraries and training are interrupted, too."""
    def stop(*_: object) -> None:
        raise TooLong(f"not finished after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _told(victim: Victim, row: Row, attack: Attack) -> str:
    if row.skipped or row.failed:
        return f"{victim.name} {row.attack}: {'skipped' if row.skipped else 'FAILED'}: {row.skipped or row.failed}"
    values = ", ".join(f"{world} {result.measures[attack.measure]:.3f}" for world, result in row.results.items())
    return f"{victim.name} {row.attack}: {attack.measure} {values} ({row.seconds:.1f} s)"
