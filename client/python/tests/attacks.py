"""ART and Foolbox attack the service through `as_predict_fn`, as their authors ship them. Run by name, where they are installed."""

from __future__ import annotations

import unittest

import eagerpy
import foolbox
import numpy as np
import strongroom
from art.attacks.evasion import HopSkipJump
from art.estimators.classification import BlackBoxClassifier

from . import fixture

CLASSES = 2

# Values of the rows, for tools that want to know the space they search.
LOW, HIGH = -1e4, 1e6


def predict():
    return strongroom.as_predict_fn(fixture.client().model("fraud"), output="probabilities")


class Remote(foolbox.models.base.Model):
    """What Foolbox asks of a model."""

    bounds = foolbox.types.Bounds(LOW, HIGH)

    def __init__(self) -> None:
        self._predict = predict()

    def __call__(self, inputs):
        rows, restore = eagerpy.astensor_(inputs)
        return restore(eagerpy.astensor(self._predict(rows.numpy())))


class Attacks(unittest.TestCase):
    def test_hop_skip_jump_of_art_finds_another_label(self) -> None:
        ask, rows = predict(), fixture.payments(3)
        classifier = BlackBoxClassifier(ask, (fixture.FRAUD_COLUMNS,), CLASSES, clip_values=(LOW, HIGH))
        attack = HopSkipJump(classifier, max_iter=2, max_eval=100, init_eval=10, init_size=50, verbose=False)
        found = attack.generate(rows)
        self.assertTrue((ask(found).argmax(axis=1) != ask(rows).argmax(axis=1)).any())

    def test_additive_noise_of_foolbox_finds_another_label(self) -> None:
        model, rows = Remote(), fixture.payments(4)
        labels = predict()(rows).argmax(axis=1)
        attack = foolbox.attacks.L2RepeatedAdditiveGaussianNoiseAttack(repeats=5)
        _, changed, success = attack(model, eagerpy.astensor(rows), eagerpy.astensor(labels), epsilons=1e4)
        changed = np.asarray(changed.numpy())
        np.testing.assert_array_equal(np.asarray(success.numpy()), predict()(changed).argmax(axis=1) != labels)
        self.assertTrue(success.any())
