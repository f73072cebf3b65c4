"""Oracle and copy in the forms that the attack libraries expect.

Libraries know no refusals. To them a refused row has equal scores for all classes, so that `argmax` says class 0;
attacks that look for a change of class use `Decisions`, to which a refused row never has another class.
"""

from __future__ import annotations

import numpy as np
from art.estimators import BaseEstimator, LossGradientsMixin
from art.estimators.classification import ClassGradientsMixin, ClassifierMixin

from .copies import Copy
from .data import Victim
from .service import Oracle


class AsClassifier(ClassifierMixin, BaseEstimator):
    """The oracle as a classifier of ART, for rows in natural units. `fit` does nothing: copies are trained later."""

    def __init__(self, victim: Victim, oracle: Oracle, bound: float | None = None) -> None:
        super().__init__(model=None, clip_values=None if bound is None else (-bound, bound))
        self._oracle, self.nb_classes = oracle, oracle.form.classes
        self._features = len(victim.mean)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self._features,)

    def predict(self, x: np.ndarray, **_: object) -> np.ndarray:
        labels, scores, refused = self._oracle.predict(x)
        shares = np.eye(self.nb_classes, dtype=np.float32)[np.maximum(labels, 0)]
        if scores is not None:
            told = np.isfinite(scores).all(axis=1)
            shares[told] = scores[told]
        shares[refused] = 1 / self.nb_classes
        return shares

    def fit(self, x: np.ndarray, y: np.ndarray, **_: object) -> None:
        return

    def save(self, filename: str, path: str | None = None) -> None:
        raise NotImplementedError


class Decisions(AsClassifier):
    """Labels alone of scaled rows, for attacks that look for a change of class from `home`."""

    def __init__(self, victim: Victim, oracle: Oracle, home: int, bound: float) -> None:
        super().__init__(victim, oracle, bound)
        self._victim, self._home = victim, home

    def predict(self, x: np.ndarray, **_: object) -> np.ndarray:
        labels, _, refused = self._oracle.predict(self._victim.unscaled(x))
        return np.eye(self.nb_classes, dtype=np.float32)[np.where(refused, self._home, labels)]


class CopyClassifier(ClassGradientsMixin, LossGradientsMixin, ClassifierMixin, BaseEstimator):
    """A stolen copy with its gradients, for ART's white-box attacks on scaled rows."""

    def __init__(self, copy: Copy, features: int) -> None:
        super().__init__(model=None, clip_values=None)
        self._copy, self.nb_classes, self._features = copy, copy.classes, features

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self._features,)

    def predict(self, x: np.ndarray, **_: object) -> np.ndarray:
        return self._copy.probabilities(x)

    def loss_gradient(self, x: np.ndarray, y: np.ndarray, **_: object) -> np.ndarray:
        """Of the cross-entropy against one-hot `y`."""
        return self._copy.gradient(x, self._copy.probabilities(x) - y).astype(np.float32)

    def class_gradient(self, x: np.ndarray, label: np.ndarray | int | None = None, **_: object) -> np.ndarray:
        """Of one class's probability."""
        shares = self._copy.probabilities(x)
        wanted = np.eye(self.nb_classes)[np.asarray(label)]
        share = (shares * wanted).sum(axis=1, keepdims=True)
        return self._copy.gradient(x, share * (wanted - shares))[:, None, :].astype(np.float32)

    def fit(self, x: np.ndarray, y: np.ndarray, **_: object) -> None:
        raise NotImplementedError

    def save(self, filename: str, path: str | None = None) -> None:
        raise NotImplementedError
