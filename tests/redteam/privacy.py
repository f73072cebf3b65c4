"""What answers tell about the data: who was in it, and what a class looks like."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.neural_network import MLPClassifier

from .adapters import AsClassifier
from .bench import Bench, Result, Skip
from .data import Rows
from .service import Oracle, Spent

# Step of the search of model inversion, in standard deviations.
PROBE = 0.5


def membership(bench: Bench) -> Result:
    """Black-box membership inference (Shokri et al., IEEE S&P 2017); ART's implementation, with a forest.

    The attacker knows of half the rows whether they were in the training data, and guesses the other half.
    """
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBox

    victim, members = bench.victim, _members(bench)
    quarter = bench.budget // 4
    inside, outside = members.some(bench.rng(20), 2 * quarter), victim.honest.some(bench.rng(21), 2 * quarter)
    half = min(len(inside), len(outside)) // 2
    np.random.seed(bench.seed % 2**32)
    with bench.open("attacker", bench.budget) as oracle:
        attack = MembershipInferenceBlackBox(AsClassifier(victim, oracle), attack_model_type="rf")
        # Beyond the budget there is nothing to learn from; what is not told is a guess.
        try:
            attack.fit(inside.x[:half], inside.y[:half], outside.x[:half], outside.y[:half])
            x = np.concatenate([inside.x[half:2 * half], outside.x[half:2 * half]])
            y = np.concatenate([inside.y[half:2 * half], outside.y[half:2 * half]])
            shares = np.asarray(attack.infer(x, y, probabilities=True)).reshape(len(x), -1)[:, -1]
        except Spent:
            return Result({"auc": 0.5, "advantage": 0.0}, note="not finished").count(oracle)
        return _judged(shares, half).count(oracle)


def lira(bench: Bench) -> Result:
    """LiRA, offline (Carlini et al., IEEE S&P 2022): shadow models that never saw a row say what to expect of it."""
    victim, members = bench.victim, _members(bench)
    half = bench.budget // 2
    inside, outside = members.some(bench.rng(22), half), victim.honest.some(bench.rng(23), half)
    half = min(len(inside), len(outside))
    rows = Rows(np.concatenate([inside.x[:half], outside.x[:half]]), np.concatenate([inside.y[:half], outside.y[:half]]))
    with bench.open("attacker", bench.budget) as oracle:
        try:
            shares = AsClassifier(victim, oracle).predict(rows.x)
        except Spent:
            return Result({"auc": 0.5, "advantage": 0.0}, note="not finished").count(oracle)
        told = _log_odds(shares[np.arange(len(rows)), rows.y])
        expected = np.stack([_shadow(bench, number, rows) for number in range(4 if bench.short else 12)])
        # One spread for all rows: few shadows give no good one for each.
        spread = max(float(expected.std(axis=0).mean()), 1e-3)
        return _judged(norm.cdf((told - expected.mean(axis=0)) / spread), half).count(oracle)


def _members(bench: Bench) -> Rows:
    if bench.victim.members is None:
        raise Skip("needs --held-out data, so that --data is what the model was trained on")
    return bench.victim.members


def _shadow(bench: Bench, number: int, rows: Rows) -> np.ndarray:
    """How sure a model of the attacker's own is of the true class of each row."""
    victim = bench.victim
    own = victim.outside.some(bench.rng(100 + number), len(victim.outside) // 2)
    settings = {"hidden_layer_sizes": (32,), "max_iter": 60, "random_state": number}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it could train longer is no news
        model = MLPClassifier(**settings).fit(victim.scaled(own.x), own.y)
    shares = np.full((len(rows), int(max(rows.y.max(), model.classes_.max())) + 1), 1e-6)
    shares[:, model.classes_] = model.predict_proba(victim.scaled(rows.x))
    return _log_odds(shares[np.arange(len(rows)), rows.y])


def _log_odds(share: np.ndarray) -> np.ndarray:
    share = np.clip(share.astype(np.float64), 1e-4, 1 - 1e-4)
    return np.log(share / (1 - share))


def _judged(shares: np.ndarray, members: int) -> Result:
    """The first `members` shares are of members. Advantage: most by which true positives exceed false ones."""
    truth = np.arange(len(shares)) < members
    false, true, _ = roc_curve(truth, shares)
    return Result({"auc": float(roc_auc_score(truth, shares)), "advantage": float((true - false).max()),
                   "true positives at 1 %": float(true[false <= 0.01].max(initial=0))}, note=f"{members} members")


def inversion(bench: Bench) -> Result:
    """Model inversion without gradients (after Fredrikson, Jha, Ristenpart, CCS 2015): climbs a class's score.

    Scored by how much of the rarest class's typical row it finds: the correlation of the row that it ends with and
    the class's mean, both as distances from the overall mean, in standard deviations.
    """
    victim, rng = bench.victim, bench.rng(24)
    labels = victim.plain.labels(victim.profile.x)
    rare = min(np.unique(labels), key=lambda label: (labels == label).sum())
    z = np.zeros(len(victim.mean))
    with bench.open("attacker", bench.budget) as oracle:
        try:
            best = _sureness(bench, oracle, z, rare)
            while True:
                step = rng.normal(0, PROBE, len(z))
                sureness = _sureness(bench, oracle, z + step, rare)
                if sureness > best:
                    z, best = z + step, sureness
        except Spent:
            pass
        typical = victim.scaled(victim.profile.x[labels == rare]).mean(axis=0)
        found = float(np.corrcoef(z, typical)[0, 1]) if z.any() else 0.0
        return Result({"found": found if np.isfinite(found) else 0.0}).count(oracle)


def _sureness(bench: Bench, oracle: Oracle, z: np.ndarray, label: int) -> float:
    labels, scores, refused = oracle.predict(bench.victim.unscaled(z)[None])
    if refused[0]:
        return -np.inf
    if scores is None or not np.isfinite(scores).all():
        return float(labels[0] == label)
    return float(scores[0, label])


def mi_face(bench: Bench) -> Result:
    """MIFace (Fredrikson, Jha, Ristenpart, CCS 2015) on a stolen copy; ART's implementation. Scored as `inversion`."""
    from art.attacks.inference.model_inversion import MIFace

    from .adapters import CopyClassifier
    from .evasion import _stolen

    victim = bench.victim
    labels = victim.plain.labels(victim.profile.x)
    rare = min(np.unique(labels), key=lambda label: (labels == label).sum())
    with bench.open("attacker", bench.budget) as oracle:
        copy = _stolen(bench, oracle, bench.budget)
        if copy is None:
            return Result({"found": 0.0}, note="nothing was stolen").count(oracle)
        attack = MIFace(CopyClassifier(copy, len(victim.mean)), max_iter=300, threshold=0.99, verbose=False)
        start = np.zeros((1, len(victim.mean)), dtype=np.float32)
        z = attack.infer(start, y=np.eye(copy.classes)[[rare]])[0]
        typical = victim.scaled(victim.profile.x[labels == rare]).mean(axis=0)
        found = float(np.corrcoef(z, typical)[0, 1]) if z.any() else 0.0
        return Result({"found": found if np.isfinite(found) else 0.0}).count(oracle)
