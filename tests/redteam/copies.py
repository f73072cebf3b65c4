"""Copies of a model, trained from nothing but what an attacker was told.

Two kinds are tried, and an attack is scored by the better one: a *hard-label* thief learns the classes, a
*soft-label* thief the scores. Fidelity is Cohen's kappa between copy and victim (Cohen, 1960), which gives a copy
that always says "honest" nothing, however rare fraud is.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.metrics import cohen_kappa_score
from sklearn.neural_network import MLPClassifier, MLPRegressor

from .data import Victim
from .service import Oracle

HIDDEN = (64,)
LEAST_ANSWERS = 10

# Weight decay: with L-BFGS the best copies of some hundred rows, of those tried from 0.001 to 10.
DECAY = 0.1

# Probabilities are learnt as log-odds, between these of 0.001 and 0.999.
LEAST_PROBABILITY = 1e-3


class Copy:
    """A network with one hidden layer over scaled features, and its gradient."""

    def __init__(self, victim: Victim, classes: int, net: MLPClassifier | MLPRegressor) -> None:
        self._victim, self.classes, self._net = victim, classes, net

    def logits(self, z: np.ndarray) -> np.ndarray:
        """One column a class, from scaled rows."""
        first, second = self._net.coefs_
        hidden = np.maximum(z @ first + self._net.intercepts_[0], 0)
        return self._spread(hidden @ second + self._net.intercepts_[1])

    def gradient(self, z: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Gradient of `direction · logits` by the scaled rows; `direction` has one column a class."""
        first, second = self._net.coefs_
        active = (z @ first + self._net.intercepts_[0]) > 0
        return ((self._gather(direction) @ second.T) * active) @ first.T

    def probabilities(self, z: np.ndarray) -> np.ndarray:
        logits = self.logits(z)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def labels(self, x: np.ndarray) -> np.ndarray:
        return self.logits(self._victim.scaled(x)).argmax(axis=1)

    def _spread(self, out: np.ndarray) -> np.ndarray:
        """A classifier of two classes has one output, and one that never saw a class none for it."""
        known = getattr(self._net, "classes_", np.arange(self.classes))
        logits = np.full((len(out), self.classes), -1e3)
        if out.shape[1] == 1:
            logits[:, known] = np.hstack([np.zeros_like(out), out])
        else:
            logits[:, known] = out
        return logits

    def _gather(self, direction: np.ndarray) -> np.ndarray:
        known = getattr(self._net, "classes_", np.arange(self.classes))
        columns = direction[:, known]
        return columns[:, 1:] if self._net.coefs_[1].shape[1] == 1 else columns


def train(victim: Victim, oracle: Oracle, seed: int, limit: int | None = None) -> dict[str, Copy]:
    """The hard and the soft copy from what the oracle answered, of its first `limit` answers where given."""
    x, labels, scores = oracle.accepted()
    x, labels, scores = x[:limit], labels[:limit], scores[:limit] if scores is not None else None
    if len(x) < LEAST_ANSWERS or len(np.unique(labels)) < 2:
        return {}
    z, classes = victim.scaled(x), oracle.form.classes
    settings = {"hidden_layer_sizes": HIDDEN, "alpha": DECAY, "solver": "lbfgs", "max_iter": 300,
                "random_state": seed % 2**31}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it could train longer is no news
        copies = {"hard": Copy(victim, classes, MLPClassifier(**settings).fit(z, labels))}
        if scores is not None:
            targets = _targets(scores)
            copies["soft"] = Copy(victim, classes, MLPRegressor(**settings).fit(z, targets))
    return copies


def _targets(scores: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, centred; logits as they are."""
    if scores.min() >= 0 and scores.max() <= 1:
        scores = np.log(np.clip(scores, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))
    return scores - scores.mean(axis=1, keepdims=True)


def fidelity(victim: Victim, copy: Copy) -> float:
    """Cohen's kappa between copy and victim on honest rows; 0 where it is not defined."""
    kappa = cohen_kappa_score(victim.plain.labels(victim.honest.x), copy.labels(victim.honest.x))
    return float(kappa) if np.isfinite(kappa) else 0.0


def best(victim: Victim, copies: dict[str, Copy]) -> tuple[str, float]:
    """Which kind copies better, and how well. Without any copy, nothing."""
    scored = [(fidelity(victim, copy), kind) for kind, copy in copies.items()]
    kappa, kind = max(scored, default=(0.0, "none"))
    return kind, kappa
