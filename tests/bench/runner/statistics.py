"""Ratios of rounds that took turns.

Two contenders run in each round, one right after the other, in an order that alternates. A ratio is taken within a round
and the median over the rounds, so that whatever else the machine did meets both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Ratio:
    """Median of the rounds' ratios, and the least and the largest."""

    median: float
    least: float
    most: float


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Ours by theirs, round by round."""
    each = [mine / other for mine, other in zip(ours, theirs, strict=True) if other > 0]
    return Ratio(median(each), min(each), max(each)) if each else Ratio(float("nan"), float("nan"), float("nan"))


def rounds(contenders: dict[str, Callable[[], T]], count: int) -> dict[str, list[T]]:
    """What each contender measured in each round."""
    measured: dict[str, list[T]] = {name: [] for name in contenders}
    for number in range(count):
        names = list(contenders) if number % 2 == 0 else list(reversed(contenders))
        for name in names:
            measured[name].append(contenders[name]())
    return measured
