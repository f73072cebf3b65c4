"""What thieves ask about: rows made from what little each of them has.

All know the plausible range of each feature, as a form or a manual would tell. Seeds are a handful of real rows.
"""

from __future__ import annotations

import numpy as np

from .data import Victim

# Real rows that a thief with seeds has.
SEEDS = 20

# How far jitter moves a seed, in standard deviations of each feature.
JITTER = 0.25


def noise(victim: Victim, rng: np.random.Generator, count: int) -> np.ndarray:
    """Each feature uniform over its range: nothing is known but the form."""
    low, high = np.quantile(victim.profile.x, [0.001, 0.999], axis=0)
    return rng.uniform(low, high, (count, len(low))).astype(np.float32)


def surrogate(victim: Victim, rng: np.random.Generator, count: int) -> np.ndarray:
    """Bell curves with the right mean and half as much spread again: data of some other business."""
    drawn = rng.normal(victim.mean, 1.5 * victim.spread, (count, len(victim.mean)))
    return drawn.astype(np.float32)


def shuffled(victim: Victim, rng: np.random.Generator, count: int) -> np.ndarray:
    """Right values in every column, drawn apart: published statistics of each feature."""
    x = victim.profile.x
    return np.stack([rng.choice(x[:, column], count) for column in range(x.shape[1])], axis=1)


def seeds(victim: Victim, rng: np.random.Generator, count: int = SEEDS) -> np.ndarray:
    """Real rows, as many of each class as can be had."""
    chosen = []
    classes = np.unique(victim.outside.y)
    for label in classes:
        rows = victim.outside.x[victim.outside.y == label]
        chosen.append(rows[rng.permutation(len(rows))[: -(-count // len(classes))]])
    return np.concatenate(chosen)[:count]


def jittered(victim: Victim, rng: np.random.Generator, around: np.ndarray, count: int, scale: float) -> np.ndarray:
    """Rows near given ones."""
    base = around[rng.integers(len(around), size=count)]
    return (base + rng.normal(0, scale * victim.spread, base.shape)).astype(np.float32)
