"""Averaging noise away over jittered copies of a row."""

from __future__ import annotations

import numpy as np

from . import queries
from .bench import Bench, Result, Skip
from .service import Oracle, Spent

COPIES = 50

# How far a copy is from its row, in standard deviations of each feature.
SPREAD = 0.02


def averaging(bench: Bench) -> Result:
    """What is left of the noise when the answers to 50 jittered copies of a row are averaged.

    The key is of the role `noisy`, whose answers have noise and nothing else, so that rounding does not count as
    noise and no alarm ends the attack. Noise that is drawn for each answer would leave 0.14.
    """
    victim, rng = bench.victim, bench.rng(30)
    if victim.plain.scores is None:
        raise Skip("the model has no scores")
    points = _open_scores(bench)[: max(1, bench.budget // (COPIES + 1))]
    at, averaged = [], []
    with bench.open("noisy", bench.budget) as oracle:
        try:
            for point in points:
                near = queries.jittered(victim, rng, point[None], COPIES, SPREAD)
                at.append(_residual(bench, oracle, point[None]))
                averaged.append(_residual(bench, oracle, near))
        except Spent:
            pass
        at, averaged = np.array(at[: len(averaged)]), np.array(averaged)
        if not len(at) or not at.any():
            raise Skip("no noise: the service answers exactly")
        left = float((at * averaged).sum() / (at * at).sum())
        together = float(np.corrcoef(at, averaged)[0, 1]) if len(at) > 2 else float("nan")
        return Result({"noise left": left, "correlation": together}, note=f"{len(at)} rows").count(oracle)


def _open_scores(bench: Bench) -> np.ndarray:
    """Rows whose scores leave room for noise on both sides, the widest first."""
    rows = bench.victim.outside.some(bench.rng(31), 4000).x
    scores = bench.victim.plain.ask(rows)[1]
    top = np.sort(scores, axis=1)
    return rows[np.argsort(np.abs(top[:, -1] - top[:, -2] - 0.5))]


def _residual(bench: Bench, oracle: Oracle, rows: np.ndarray) -> float:
    """Mean noise in the first class's score."""
    _, scores, refused = oracle.predict(rows)
    if scores is None or refused.any():
        raise Spent
    return float((scores - bench.victim.plain.ask(rows)[1])[:, 0].mean())
