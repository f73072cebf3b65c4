"""Tests of the toolkit that need no service: `python -m unittest redteam.tests` from the folder above."""

from __future__ import annotations

import tempfile
import tomllib
import unittest
from pathlib import Path

import numpy as np

from . import copies, gate, policy, queries
from .bench import Result
from .data import DataError, Plain, Rows, Victim, bundled, read_table
from .service import Form
from .table import Row

FORM = Form("fraud", "X", "label", "probabilities", 2)


class Gate(unittest.TestCase):
    def limits(self, text: str) -> list[gate.Limit]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "gate.toml"
            path.write_text(text)
            return gate.read(path)

    def kept(self, text: str, *rows: Row) -> list[bool]:
        return [verdict.kept for verdict in gate.judge(self.limits(text), "v", list(rows))]

    def test_a_number_beyond_its_limit_is_not_kept(self):
        limit = '[[limit]]\nattack = "noise"\nworld = "on"\nmeasure = "kappa"\nat_most = 0.15\n'
        self.assertEqual(self.kept(limit, Row("noise", {"on": Result({"kappa": 0.15})})), [True])
        self.assertEqual(self.kept(limit, Row("noise", {"on": Result({"kappa": 0.16})})), [False])

    def test_what_was_not_measured_is_not_kept_unless_it_is_optional(self):
        limit = '[[limit]]\nattack = "lira"\nworld = "on"\nmeasure = "auc"\nat_most = 0.6\n'
        for row in (Row("lira", skipped="why"), Row("lira", failed="why"), Row("lira", {"on": Result({"auc": np.nan})})):
            self.assertEqual(self.kept(limit, row), [False])
            self.assertEqual(self.kept(limit + "optional = true\n", row), [True])

    def test_never_flagged_is_later_than_any_limit(self):
        limit = '[[limit]]\nattack = "jitter"\nworld = "on"\nmeasure = "flagged at"\nat_most = 60\n'
        for at, kept in ((60, True), (61, False), (None, False)):
            self.assertEqual(self.kept(limit, Row("jitter", {"on": Result(flagged_at=at)})), [kept])

    def test_loss_is_off_minus_on(self):
        limit = '[[limit]]\nattack = "honest"\nworld = "loss"\nmeasure = "accuracy"\nat_most = 0.01\n'
        row = Row("honest", {"off": Result({"accuracy": 0.98}), "on": Result({"accuracy": 0.96})})
        self.assertEqual(self.kept(limit, row), [False])

    def test_limits_that_say_nothing_are_refused(self):
        for text in ('attack = "none"\nworld = "on"\nmeasure = "x"\nat_most = 1', 'attack = "noise"\nworld = "on"\n'
                     'measure = "kappa"', 'attack = "noise"\nworld = "on"\nmeasure = "kappa"\nat_mots = 1'):
            with self.assertRaises(DataError):
                self.limits("[[limit]]\n" + text)

    def test_the_gate_of_the_repository_is_one(self):
        self.assertTrue(gate.read(Path(__file__).with_name("gate.toml")))


class Policy(unittest.TestCase):
    KEYS = policy.Keys(["aa"], ["bb"])

    def test_both_policies_are_toml_with_every_key(self):
        off = tomllib.loads(policy.open_policy(FORM, "probabilities", self.KEYS))
        on = tomllib.loads(policy.guarded_policy(FORM, "probabilities", Path("/p"), self.KEYS))
        self.assertEqual([key["role"] for key in off["key"]], ["attacker", "noisy"])
        self.assertEqual(on["model"]["fraud"]["watch"], {"profile": "/p", "unlike": "refused", "reacts": True})
        self.assertNotIn("flips", on["model"]["fraud"]["watch"])

    def test_paths_of_an_owners_policy_hold_wherever_it_is_copied(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "policy.toml"
            path.write_text('audit_key = "a.pub"\n[model.m]\n[role.r]\n[role.s]\noperations = ["status"]\n')
            text, model = policy.owners_policy(path, None, self.KEYS)
            told = tomllib.loads(text)
            self.assertEqual(model, "m")
            self.assertEqual(told["audit_key"], str((Path(folder) / "a.pub").resolve()))
            self.assertEqual(told["key"], [{"sha256": "aa", "role": "r"}])


class Copies(unittest.TestCase):
    def test_a_copy_gets_its_gradient_right_for_two_classes_and_for_three(self):
        rng = np.random.default_rng(1)
        for classes in (2, 3):
            x = rng.normal(0, 1, (200, 4)).astype(np.float32)
            y = np.argmax(x[:, :classes], axis=1)
            rows = Rows(x, y)
            victim = Victim("v", Path("none"), rows, rows, rows, None)
            net = copies.MLPClassifier((8,), max_iter=20, random_state=1).fit(victim.scaled(x), y)
            copy = copies.Copy(victim, classes, net)
            z, direction = victim.scaled(x[:1]), np.eye(classes)[[1]]
            nudged = np.eye(4) * 1e-6
            slopes = [(copy.logits(z + step) - copy.logits(z))[0, 1] / 1e-6 for step in nudged]
            np.testing.assert_allclose(copy.gradient(z, direction)[0], slopes, atol=1e-4)


class Data(unittest.TestCase):
    def test_csv_with_and_without_names_and_npy_read_alike(self):
        with tempfile.TemporaryDirectory() as folder:
            table = np.array([[1.5, 2.0], [3.0, 4.0]])
            named, bare, array = (Path(folder) / name for name in ("n.csv", "b.csv", "a.npy"))
            named.write_text("a,b\n1.5,2\n3,4\n")
            bare.write_text("1.5,2\n3,4\n")
            np.save(array, table)
            for path in (named, bare, array):
                np.testing.assert_array_equal(read_table(path), table)

    def test_queries_are_the_same_for_the_same_seed(self):
        victim = bundled(3)
        self.assertIsInstance(victim.plain, Plain)
        for make in (queries.noise, queries.surrogate, queries.shuffled):
            one, other = (make(victim, np.random.default_rng(5), 20) for _ in range(2))
            np.testing.assert_array_equal(one, other)


if __name__ == "__main__":
    unittest.main()
