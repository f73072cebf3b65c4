"""Limits that a run has to keep: `[[limit]]` in TOML, one number each.

A number that was not measured does not keep its limit, unless the limit says `optional`.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from .data import DataError
from .table import ATTACKS, Row

FIELDS = {"attack", "world", "measure", "at_most", "at_least", "victim", "optional"}

# `loss` is what the defences take: off minus on.
WORLDS = ("off", "on", "loss")


@dataclass(frozen=True)
class Limit:
    attack: str
    world: str
    measure: str
    at_most: float
    at_least: float
    victim: str | None
    optional: bool

    def words(self) -> str:
        bounds = [f"≤ {self.at_most:g}"] * math.isfinite(self.at_most)
        bounds += [f"≥ {self.at_least:g}"] * math.isfinite(self.at_least)
        return f"{self.attack} {self.world}: {self.measure} {' and '.join(bounds)}"


@dataclass(frozen=True)
class Verdict:
    """One limit on one victim."""

    limit: Limit
    victim: str
    value: float | None
    kept: bool


def read(path: Path) -> list[Limit]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("limit", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: {error}") from error
    return [_limit(path, entry) for entry in entries]


def _limit(path: Path, entry: dict) -> Limit:
    unknown = set(entry) - FIELDS
    if unknown:
        raise DataError(f"{path}: a limit has no field {', '.join(sorted(unknown))}")
    if entry.get("attack") not in ATTACKS or entry.get("world") not in WORLDS or "measure" not in entry:
        raise DataError(f"{path}: a limit names attack, world ({', '.join(WORLDS)}) and measure: {entry}")
    if "at_most" not in entry and "at_least" not in entry:
        raise DataError(f"{path}: a limit has at_most or at_least: {entry}")
    return Limit(entry["attack"], entry["world"], entry["measure"], float(entry.get("at_most", math.inf)),
                 float(entry.get("at_least", -math.inf)), entry.get("victim"), bool(entry.get("optional", False)))


def judge(limits: list[Limit], victim: str, rows: list[Row]) -> list[Verdict]:
    by_name = {row.attack: row for row in rows}
    verdicts = []
    for limit in limits:
        # Limits of attacks that were not asked for say nothing.
        if limit.victim not in (None, victim) or limit.attack not in by_name:
            continue
        value = _value(limit, by_name[limit.attack])
        kept = limit.optional if value is None else limit.at_least <= value <= limit.at_most
        verdicts.append(Verdict(limit, victim, value, kept))
    return verdicts


def _value(limit: Limit, row: Row) -> float | None:
    if row.skipped or row.failed:
        return None
    if limit.world == "loss":
        off, on = _measure(row, "off", limit.measure), _measure(row, "on", limit.measure)
        return None if off is None or on is None else off - on
    return _measure(row, limit.world, limit.measure)


def _measure(row: Row, world: str, measure: str) -> float | None:
    result = row.results.get(world)
    if result is None:
        return None
    if measure in ("flagged at", "suspended at"):
        at = result.flagged_at if measure == "flagged at" else result.suspended_at
        return math.inf if at is None else float(at)
    value = result.measures.get(measure)
    return None if value is None or math.isnan(value) else value
