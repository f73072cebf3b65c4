"""`python -m redteam`: the bundled models, or an owner's own. `strongroom redteam` starts this.

Exit codes: 0 good, 1 an attack or the service failed, 2 usage, 3 a limit of the gate was not kept.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import tempfile
import warnings
from contextlib import ExitStack
from pathlib import Path

GOOD, FAILED, USAGE, GATE = 0, 1, 2, 3

# Questions of one attack, and seconds that it may ask, in the whole form and the short one.
BUDGET, SECONDS = 500, 300.0
SHORT_SECONDS = 25.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="redteam", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for report.md, report.json and plots")
    parser.add_argument("--model", type=Path, help="an owner's ONNX classifier; absent: the bundled models")
    parser.add_argument("--data", type=Path, help="its data, CSV or NPY")
    parser.add_argument("--labels", type=Path, help="true classes of the data, numbers from 0")
    parser.add_argument("--held-out", type=Path, help="rows that it was not trained on; --data is then training data")
    parser.add_argument("--held-out-labels", type=Path)
    parser.add_argument("--policy", type=Path, help="the policy to test in place of every defence")
    parser.add_argument("--role", help="the role of that policy that attackers have")
    parser.add_argument("--attacks", default="", help="comma-separated; absent: all")
    parser.add_argument("--budget", type=int, default=BUDGET, help="questions of one attack")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gate", type=Path, help="limits in TOML")
    parser.add_argument("--short", action="store_true", help="fewer repetitions, and the fraud model alone")
    given = parser.parse_args()
    if given.model and not (given.data and given.labels):
        parser.error("--model needs --data and --labels")
    if bool(given.held_out) != bool(given.held_out_labels):
        parser.error("--held-out and --held-out-labels go together")
    if given.budget < 50:
        parser.error("--budget: 50 questions at least, or no attack gets anywhere")
    return given


def main() -> int:
    # An end by SIGTERM runs the clean-up, too, and says so.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("redteam: ended by SIGTERM"))
    warnings.filterwarnings("ignore", message="PyTorch not found")
    given = arguments()
    # Small matrices: more threads would only wait for each other. Before NumPy is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Slow to load: an error in an argument should not wait for them.
    try:
        from . import gate, report
        from .data import DataError
        from .service import ServiceError
    except ImportError as error:
        print(f"redteam: {error}: run scripts/setup-dev --redteam", file=sys.stderr)
        return USAGE
    try:
        limits = gate.read(given.gate) if given.gate else []
        settings = _settings(given)
        with tempfile.TemporaryDirectory(prefix="strongroom-redteam.") as work:
            runs, notes = _run(given, settings, limits, Path(work))
    except DataError as error:
        print(f"redteam: {error}", file=sys.stderr)
        return USAGE
    except ServiceError as error:
        print(f"redteam: {error}", file=sys.stderr)
        return FAILED
    report.write(given.out, shlex.join(["strongroom", "redteam", *sys.argv[1:]]), settings, notes, runs)
    print(given.out / "report.md")
    return _verdict(runs)


def _settings(given: argparse.Namespace):
    from .data import DataError
    from .table import ATTACKS, Settings

    attacks = [name for name in given.attacks.split(",") if name] or list(ATTACKS)
    unknown = [name for name in attacks if name not in ATTACKS]
    if unknown:
        raise DataError(f"no attack {', '.join(unknown)}; there are {', '.join(ATTACKS)}")
    return Settings(attacks, given.budget, given.seed, given.short, SHORT_SECONDS if given.short else SECONDS)


def _run(given: argparse.Namespace, settings, limits, work: Path):
    from . import data, gate, table
    from .world import Binaries

    binaries = Binaries(Path(os.environ.get("STRONGROOM_BIN", data.REPOSITORY / "target" / "release")))
    runs, notes = [], []
    for victim in _victims(given, work):
        with ExitStack() as stack:
            worlds = _worlds(given, stack, binaries, victim, work, notes)
            rows = table.run(victim, worlds, settings)
        runs.append((victim, rows, gate.judge(limits, victim.name, rows)))
    return runs, notes


def _victims(given: argparse.Namespace, work: Path):
    from . import data

    if given.model:
        held_out = (given.held_out, given.held_out_labels) if given.held_out else None
        return [data.owners(given.model, given.data, given.labels, held_out, given.seed)]
    bundled = data.bundled(given.seed)
    return [bundled] if given.short else [bundled, data.trained(given.seed, work)]


def _worlds(given: argparse.Namespace, stack: ExitStack, binaries, victim, work: Path, notes: list[str]):
    from . import policy
    from .service import Form
    from .world import World

    plain = victim.plain
    scores = plain.ask(victim.honest.x[:1])[1]
    classes = scores.shape[1] if scores is not None else int(victim.profile.y.max()) + 1
    kind = "probabilities" if plain.are_probabilities(victim.honest.x) else "logits"
    name, on = victim.name, None
    if given.policy:
        _, name = policy.owners_policy(given.policy, given.role, policy.Keys([], []))
        on = lambda keys: policy.owners_policy(given.policy, given.role, keys)[0]  # noqa: E731
    form = Form(name, plain.input, plain.label, plain.scores, classes)
    if on is None:
        profile = _profile(binaries, victim, work, notes)
        on = lambda keys: policy.guarded_policy(form, kind, profile, keys)  # noqa: E731
    off = lambda keys: policy.open_policy(form, kind, keys)  # noqa: E731
    return {world: stack.enter_context(World(binaries, victim, form, given.seed, write))
            for world, write in (("off", off), ("on", on))}


def _profile(binaries, victim, work: Path, notes: list[str]) -> Path:
    """`strongroom profile` of what the owner has."""
    import numpy as np

    from .service import ServiceError

    data, labels, out = (work / f"{victim.name}-{part}" for part in ("data.npy", "labels.txt", "profile"))
    np.save(data, np.ascontiguousarray(victim.profile.x))
    np.savetxt(labels, victim.profile.y, fmt="%d")
    made = binaries.run("profile", "--model", victim.onnx, "--data", data, "--labels", labels, "--out", out)
    if made.returncode != 0:
        raise ServiceError("strongroom profile: " + made.stderr.strip()[-400:])
    return out


def _verdict(runs) -> int:
    failed = [row for _, rows, _ in runs for row in rows if row.failed]
    broken = [verdict for _, _, verdicts in runs for verdict in verdicts if not verdict.kept]
    for verdict in broken:
        print(f"redteam: {verdict.victim}: not kept: {verdict.limit.words()}", file=sys.stderr)
    if broken:
        return GATE
    return FAILED if failed else GOOD


if __name__ == "__main__":
    sys.exit(main())
