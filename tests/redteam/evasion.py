"""Attacks that change a row as little as they can so that its class changes.

Black-box ones are judged by their log: the nearest row that was answered with another class, confirmed by the
plain model, as a share of the distance to the real row that the attack began from. An attack *succeeds* on a start
when that share is at most one half.
"""

from __future__ import annotations

import numpy as np

from . import copies, queries
from .adapters import CopyClassifier, Decisions
from .bench import Bench, Result, Skip
from .service import Oracle, Spent

SUCCESS = 0.5

# Bounds of a scaled row for the libraries, in standard deviations.
BOUND = 30.0

# Sizes of the steps of FGSM, in standard deviations of each feature.
STEPS = (0.1, 0.25, 0.5)


def hopskipjump(bench: Bench) -> Result:
    """HopSkipJump (Chen, Jordan, Wainwright, IEEE S&P 2020); ART's implementation."""
    from art.attacks.evasion import HopSkipJump

    def attack(oracle: Oracle, start: np.ndarray, other: np.ndarray, home: int) -> None:
        classifier = Decisions(bench.victim, oracle, home, BOUND)
        hops = HopSkipJump(classifier, max_iter=20, max_eval=60, init_eval=20, verbose=False)
        y = np.eye(classifier.nb_classes)[[home]]
        hops.generate(start[None].astype(np.float32), y=y, x_adv_init=other[None].astype(np.float32))

    return _decide(bench, attack)


def boundary(bench: Bench) -> Result:
    """The boundary attack (Brendel, Rauber, Bethge, ICLR 2018); Foolbox's implementation."""
    import eagerpy
    from foolbox.attacks import BoundaryAttack
    from foolbox.criteria import Misclassification
    from foolbox.models import NumPyModel

    def attack(oracle: Oracle, start: np.ndarray, other: np.ndarray, home: int) -> None:
        model = NumPyModel(Decisions(bench.victim, oracle, home, BOUND).predict, (-BOUND, BOUND))
        walk = BoundaryAttack(steps=oracle.budget, spherical_step=0.05, source_step=0.1)
        tensor = lambda rows: eagerpy.astensor(rows[None].astype(np.float32))  # noqa: E731
        walk.run(model, tensor(start), Misclassification(eagerpy.astensor(np.array([home]))),
                 starting_points=tensor(other))

    return _decide(bench, attack)


def _decide(bench: Bench, attack) -> Result:
    """Runs a decision-based attack from several starts, all with one key."""
    victim, starts = bench.victim, 3 if bench.short else 5
    pairs = _pairs(bench, starts)
    # Both libraries draw from the global generator.
    np.random.seed(bench.seed % 2**32)
    shares: list[float] = []
    with bench.open("attacker", bench.budget) as oracle:
        for number, (start, other, home) in enumerate(pairs, 1):
            first, oracle.budget = oracle.asked, bench.budget * number // starts
            try:
                attack(oracle, start, other, home)
            except (Spent, AssertionError, ValueError):
                pass  # the libraries give up with either when a start is not adversarial, as after a refusal
            shares.append(_nearest(bench, oracle, first, start, other, home))
        oracle.budget = bench.budget
        result = Result({"success": float(np.mean([share <= SUCCESS for share in shares])),
                         "distance": float(np.median(shares))})
        result.note = f"{starts} starts"
        return result.count(oracle)


def _pairs(bench: Bench, count: int) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Rows to change, each with the nearest of some real rows of another class, scaled."""
    victim, rng = bench.victim, bench.rng(10)
    rows = victim.outside.some(rng, 2000).x
    labels, z = victim.plain.labels(rows), victim.scaled(rows)
    pairs = []
    # What somebody would want: away from the rarest class.
    rare = int(np.argmin(np.bincount(labels, minlength=2) + 1e9 * (np.bincount(labels, minlength=2) == 0)))
    for at in rng.permutation(np.flatnonzero(labels == rare))[:count]:
        others = z[labels != rare]
        pairs.append((z[at], others[np.argmin(np.linalg.norm(others - z[at], axis=1))], rare))
    if not pairs:
        raise Skip("no row of another class to begin with")
    return pairs


def _nearest(bench: Bench, oracle: Oracle, first: int, start: np.ndarray, other: np.ndarray, home: int) -> float:
    seen = oracle.seen
    found = [row for row, label in zip(seen.rows[first:], seen.labels[first:]) if label not in (-1, home)]
    if not found:
        return 1.0
    rows = np.stack(found)
    rows = rows[bench.victim.plain.labels(rows) != home]
    distances = np.linalg.norm(bench.victim.scaled(rows) - start, axis=1)
    return float(min(1.0, distances.min(initial=np.inf) / np.linalg.norm(other - start)))


def fgsm(bench: Bench) -> Result:
    """FGSM (Goodfellow, Shlens, Szegedy, ICLR 2015) on a stolen copy, transferred back; ART's implementation.

    Two thirds of the budget steal by real rows and jitter, the rest asks about changed rows of the rarest class.
    """
    from art.attacks.evasion import FastGradientMethod

    victim = bench.victim
    with bench.open("attacker", bench.budget) as oracle:
        copy, steps = _stolen(bench, oracle, 2 * bench.budget // 3), {}
        rows = _targets(bench, (bench.budget - oracle.asked) // len(STEPS))
        labels, z = victim.plain.labels(rows), victim.scaled(rows).astype(np.float32)
        try:
            for step in STEPS:
                if copy is None:
                    break
                made = FastGradientMethod(CopyClassifier(copy, z.shape[1]), eps=step, batch_size=256)
                moved = made.generate(z, y=np.eye(copy.classes)[labels])
                told, _, refused = oracle.predict(victim.unscaled(moved))
                steps[step] = float(np.mean(~refused & (told != labels)))
        except Spent:
            pass
        result = Result({"success": max(steps.values(), default=0.0)} | {f"step {s}": v for s, v in steps.items()})
        result.note = f"{len(rows)} rows" if copy else "nothing was stolen"
        return result.count(oracle)


def _stolen(bench: Bench, oracle: Oracle, budget: int) -> copies.Copy | None:
    victim, rng = bench.victim, bench.rng(11)
    start = queries.seeds(victim, rng, 60)
    try:
        oracle.predict(start)
        oracle.predict(queries.jittered(victim, rng, start, max(0, budget - len(start)), 2 * queries.JITTER))
    except Spent:
        pass
    made = copies.train(victim, oracle, bench.seed)
    kind, _ = copies.best(victim, made)
    return made.get(kind)


def _targets(bench: Bench, count: int) -> np.ndarray:
    victim, rng = bench.victim, bench.rng(12)
    rows = victim.outside.x[rng.permutation(len(victim.outside))]
    labels = victim.plain.labels(rows)
    rare = min(np.unique(labels), key=lambda label: (labels == label).sum())
    return rows[labels == rare][:count]


def cleverhans(bench: Bench) -> Result:
    """CleverHans' FGSM as a cross-check: on the same copy it has to move rows as ART's does."""
    try:
        import torch
        from cleverhans.torch.attacks.fast_gradient_method import fast_gradient_method
    except ImportError as error:
        raise Skip("needs scripts/setup-dev --redteam-torch") from error
    from art.attacks.evasion import FastGradientMethod

    victim, step = bench.victim, STEPS[1]
    with bench.open("attacker", bench.budget) as oracle:
        copy = _stolen(bench, oracle, bench.budget)
        if copy is None:
            return Result({"agreement": float("nan")}, note="nothing was stolen").count(oracle)
        rows = _targets(bench, 100)
        labels, z = victim.plain.labels(rows), victim.scaled(rows).astype(np.float32)
        ours = FastGradientMethod(CopyClassifier(copy, z.shape[1]), eps=step).generate(z, y=np.eye(copy.classes)[labels])
        theirs = fast_gradient_method(_torch(copy), torch.tensor(z), step, np.inf, y=torch.tensor(labels))
        agreement = float(np.mean(np.isclose(ours, theirs.detach().numpy(), atol=1e-4)))
        return Result({"agreement": agreement}, note="share of features moved alike").count(oracle)


def _torch(copy: copies.Copy):
    """The copy's logits as a function of a tensor; one sign a feature is all that FGSM takes from it."""
    import torch

    first, second = (torch.tensor(layer, dtype=torch.float32) for layer in copy._net.coefs_)
    low, high = (torch.tensor(bias, dtype=torch.float32) for bias in copy._net.intercepts_)

    def logits(x):
        out = torch.relu(x @ first + low) @ second + high
        return torch.cat([torch.zeros_like(out), out], dim=1) if out.shape[1] == 1 else out

    return logits
