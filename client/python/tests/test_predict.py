"""A deployed model as a black box."""

from __future__ import annotations

import unittest

import numpy as np
import strongroom

from . import fixture


class Predicting(unittest.TestCase):
    def test_rows_in_scores_out_over_several_requests(self) -> None:
        predict = strongroom.as_predict_fn(fixture.client().model("fraud"), batch_rows=7)
        rows = fixture.rows(20)
        scores = predict(rows.astype(np.float64))
        self.assertEqual(scores.shape, (20, 2))
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
        expected = fixture.client().infer("fraud", {"X": rows})["probabilities"]
        np.testing.assert_allclose(scores, expected, atol=1e-6)

    def test_an_attack_that_only_asks_finds_another_label(self) -> None:
        # The random walk that every decision-based attack begins with: no tool is needed to see that one would work.
        predict = strongroom.as_predict_fn(fixture.client().model("fraud"))
        row, random = fixture.rows(1), np.random.default_rng(3)
        label = predict(row).argmax()
        tried = row + random.normal(scale=5, size=(256, fixture.FRAUD_COLUMNS))
        self.assertTrue((predict(tried).argmax(axis=1) != label).any())

    def test_what_is_meant_must_be_clear(self) -> None:
        fraud, types = fixture.client().model("fraud"), fixture.client().model("types")
        for call in (lambda: strongroom.as_predict_fn(types), lambda: strongroom.as_predict_fn(fraud, input="Y"),
                     lambda: strongroom.as_predict_fn(fraud, output="none"),
                     lambda: strongroom.as_predict_fn(fraud, batch_rows=0), lambda: strongroom.as_predict_fn(fraud)(1.0)):
            with self.assertRaises(strongroom.UsageError):
                call()

    def test_a_used_up_rate_says_when_to_go_on(self) -> None:
        world = fixture.guarded_world()
        with strongroom.connect(world.program.url, **fixture.arguments(world, "slow")) as client:
            predict = strongroom.as_predict_fn(client.model("fraud"), batch_rows=1)
            with self.assertRaises(strongroom.RefusedError) as caught:
                predict(fixture.payments(10))
        self.assertEqual(caught.exception.status, 429)
        self.assertGreater(caught.exception.retry_after_seconds, 0)
