"""Attacks that copy the model. Each asks until its budget is spent and is scored by `copies.best`."""

from __future__ import annotations

import numpy as np

from . import copies, queries
from .adapters import AsClassifier
from .bench import Bench, Result
from .service import Oracle, Spent

# Shares of the answers from which a copy is trained to see how it grows; the last is scored.
CURVE, SHORT_CURVE = (0.2, 0.4, 0.6, 0.8, 1.0), (0.5, 1.0)


def knockoff(bench: Bench) -> Result:
    """KnockoffNets with random choice (Orekondy, Schiele, Fritz, CVPR 2019); ART's implementation.

    The pool is half columns drawn apart, half surrogate data, of four times the budget.
    """
    from art.attacks.extraction import KnockoffNets

    def ask(oracle: Oracle) -> None:
        attack = KnockoffNets(AsClassifier(bench.victim, oracle), batch_size_query=64, nb_epochs=1,
                              nb_stolen=bench.budget, use_probability=True, verbose=False)
        attack.extract(_pool(bench), thieved_classifier=AsClassifier(bench.victim, oracle))

    return _steal(bench, ask)


def copycat(bench: Bench) -> Result:
    """CopycatCNN (Correia-Silva et al., IJCNN 2018): labels of unrelated data alone; ART's implementation."""
    from art.attacks.extraction import CopycatCNN

    def ask(oracle: Oracle) -> None:
        attack = CopycatCNN(AsClassifier(bench.victim, oracle), batch_size_query=64, nb_epochs=1,
                            nb_stolen=bench.budget)
        attack.extract(_pool(bench), thieved_classifier=AsClassifier(bench.victim, oracle))

    return _steal(bench, ask, kinds=("hard",))


def active(bench: Bench) -> Result:
    """Active learning by uncertainty (Chandrasekaran et al., USENIX Security 2020; Pal et al., AAAI 2020).

    Starts from seeds; each round asks about the candidates near which the copy of the round before is least sure.
    """
    victim, rng = bench.victim, bench.rng(1)
    start = queries.seeds(victim, rng)

    def ask(oracle: Oracle) -> None:
        oracle.predict(start)
        while True:
            near = queries.jittered(victim, rng, start, 1500, 2 * queries.JITTER)
            candidates = np.concatenate([near, queries.shuffled(victim, rng, 500)])
            made = copies.train(victim, oracle, bench.seed)
            oracle.predict(_least_sure(bench, made, candidates, max(10, bench.budget // 10)))

    return _steal(bench, ask)


def _least_sure(bench: Bench, made: dict[str, copies.Copy], candidates: np.ndarray, count: int) -> np.ndarray:
    if not made:
        return candidates[:count]
    copy = made.get("soft", made["hard"])
    shares = np.sort(copy.probabilities(bench.victim.scaled(candidates)), axis=1)
    return candidates[np.argsort(shares[:, -1] - shares[:, -2])[:count]]


def jitter(bench: Bench) -> Result:
    """Copies of a few real rows with noise: the cheapest way to be near real data."""
    victim, rng = bench.victim, bench.rng(2)
    start = queries.seeds(victim, rng)
    rows = queries.jittered(victim, rng, start, bench.budget, queries.JITTER)
    return _steal(bench, lambda oracle: _all(oracle, np.concatenate([start, rows])))


def surrogate(bench: Bench) -> Result:
    """Data of another distribution over the same columns."""
    rows = queries.surrogate(bench.victim, bench.rng(3), bench.budget)
    return _steal(bench, lambda oracle: _all(oracle, rows))


def noise(bench: Bench) -> Result:
    """Uniform noise (Tramèr et al., USENIX Security 2016, without the equations)."""
    rows = queries.noise(bench.victim, bench.rng(4), bench.budget)
    return _steal(bench, lambda oracle: _all(oracle, rows))


def insider(bench: Bench) -> Result:
    """Real data of the same distribution: looks like a customer, and is no different from one."""
    rows = bench.victim.outside.some(bench.rng(5), bench.budget).x
    return _steal(bench, lambda oracle: _all(oracle, rows))


def _pool(bench: Bench) -> np.ndarray:
    rng, size = bench.rng(6), 2 * bench.budget
    # ART draws from the global generator.
    np.random.seed(bench.seed % 2**32)
    return np.concatenate([queries.shuffled(bench.victim, rng, size), queries.surrogate(bench.victim, rng, size)])


def _all(oracle: Oracle, rows: np.ndarray) -> None:
    oracle.predict(rows)


def _steal(bench: Bench, ask, kinds: tuple[str, ...] = ("hard", "soft")) -> Result:
    """Asks, then trains both kinds of copies from the answers; refused rows teach nothing."""
    result = Result()
    with bench.open("attacker", bench.budget) as oracle:
        try:
            ask(oracle)
        except Spent:
            pass
        answered = oracle.asked - sum(oracle.seen.refused)
        for share in SHORT_CURVE if bench.short else CURVE:
            limit = int(answered * share)
            made = copies.train(bench.victim, oracle, bench.seed, limit)
            chosen = {kind: copy for kind, copy in made.items() if kind in kinds}
            kind, kappa = copies.best(bench.victim, chosen)
            result.curve.append((limit, kappa))
        result.measures = {"kappa": kappa, "answered": float(answered)}
        result.note = f"{kind} labels"
        return result.count(oracle)
