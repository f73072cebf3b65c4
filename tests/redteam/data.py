"""Models to attack and data about them: the bundled one, one that is trained here, or the owner's own.

The rows of a victim are split by who holds them, so that no attacker is scored on what it was given:

* `profile`: what the owner makes the profile from;
* `honest`: held out, sent by honest users; every copy is scored on it;
* `outside`: rows of the same distribution that an insider, or the maker of shadow models, has;
* `members`: rows that the model was trained on, where that is known.
"""

from __future__ import annotations

import csv
import importlib.util
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime

REPOSITORY = Path(__file__).resolve().parents[2]

# Rows of each part of the bundled and the trained victim.
PROFILE_ROWS, HONEST_ROWS, OUTSIDE_ROWS = 20_000, 3_000, 8_000

# Least rows that an owner's data must have, a tenth of them for each part.
LEAST_ROWS = 300


class DataError(Exception):
    """What was given cannot be used."""


@dataclass(frozen=True)
class Rows:
    """Features and true labels."""

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def some(self, rng: np.random.Generator, count: int) -> Rows:
        """At most `count` of them, in random order."""
        chosen = rng.permutation(len(self.x))[:count]
        return Rows(self.x[chosen], self.y[chosen])


@dataclass(frozen=True)
class Victim:
    """A model, and who has which data."""

    name: str
    onnx: Path
    profile: Rows
    honest: Rows
    outside: Rows
    members: Rows | None

    @cached_property
    def plain(self) -> Plain:
        """The model itself. Scores are kept with it; no attacker sees it."""
        return Plain(self.onnx)

    @cached_property
    def mean(self) -> np.ndarray:
        return self.profile.x.mean(axis=0)

    @cached_property
    def spread(self) -> np.ndarray:
        """Standard deviation of each feature, never nothing."""
        return np.maximum(self.profile.x.std(axis=0), 1e-6)

    def scaled(self, x: np.ndarray) -> np.ndarray:
        """In standard deviations from the mean."""
        return (np.asarray(x, dtype=np.float64) - self.mean) / self.spread

    def unscaled(self, z: np.ndarray) -> np.ndarray:
        return (np.asarray(z, dtype=np.float64) * self.spread + self.mean).astype(np.float32)


class Plain:
    """An ONNX classifier run in the open, to find out its outputs and to score by."""

    def __init__(self, onnx: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(onnx, options, ["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own that it does not export
            raise DataError(f"{onnx}: {error}") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
            raise DataError(f"{onnx}: attacks need a single input of FP32 rows, [batch, features]")
        self.input, self.features = inputs[0].name, inputs[0].shape[1]
        outputs = self._session.get_outputs()
        labels = [output.name for output in outputs if output.type in ("tensor(int64)", "tensor(int32)")]
        scores = [output.name for output in outputs if output.type == "tensor(float)" and len(output.shape) == 2]
        if not labels:
            raise DataError(f"{onnx}: attacks need an output of integers that holds the winning class")
        self.label, self.scores = labels[0], scores[0] if scores else None

    def ask(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Labels and scores."""
        wanted = [self.label] + ([self.scores] if self.scores else [])
        answer = self._session.run(wanted, {self.input: np.asarray(x, dtype=np.float32)})
        return answer[0].reshape(-1), answer[1] if self.scores else None

    def labels(self, x: np.ndarray) -> np.ndarray:
        return self.ask(x)[0]

    def are_probabilities(self, x: np.ndarray) -> bool:
        """Whether the scores of these rows are shares of one, rather than logits."""
        scores = self.ask(x)[1]
        return scores is not None and bool(np.allclose(scores.sum(axis=1), 1, atol=1e-3) and scores.min() >= -1e-6)


def bundled(seed: int) -> Victim:
    """The fraud model of the repository, with fresh payments of the seed from the script that made it."""
    folder = REPOSITORY / "models" / "fraud"
    spec = importlib.util.spec_from_file_location("fraud_make", folder / "make.py")
    if spec is None or spec.loader is None:
        raise DataError(f"{folder}/make.py is missing")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    members = Rows(*make.payments(np.random.Generator(np.random.PCG64(make.SEED)), make.TRAIN_ROWS))
    fresh = np.random.Generator(np.random.PCG64(seed))
    parts = [Rows(*make.payments(fresh, rows)) for rows in (PROFILE_ROWS, HONEST_ROWS, OUTSIDE_ROWS)]
    return Victim("fraud", folder / "fraud.onnx", *parts, members)


def trained(seed: int, folder: Path) -> Victim:
    """A network of three classes of unequal size on twelve correlated features, trained here."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(seed)
    shares, features, causes = [0.6, 0.3, 0.1], 12, 5
    centres = rng.normal(0, 0.35, (3, features))
    # Five causes move twelve features, otherwise for each class: real features are not independent either.
    mixing = rng.normal(0, 1, (3, causes, features)) / np.sqrt(causes)

    def draw(rows: int) -> Rows:
        y = rng.choice(3, rows, p=shares)
        moved = np.einsum("nc,ncf->nf", rng.normal(0, 1, (rows, causes)), mixing[y])
        x = centres[y] + moved + rng.normal(0, 0.4, (rows, features))
        return Rows(x.astype(np.float32), y.astype(np.int64))

    members = draw(PROFILE_ROWS)
    model = MLPClassifier((48,), alpha=1e-4, max_iter=40, random_state=seed % 2**31)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it could train longer is no news
        model.fit(members.x, members.y)
    graph = to_onnx(model, initial_types=[("X", FloatTensorType([None, features]))],
                    options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 1})
    onnx = folder / "trained.onnx"
    onnx.write_bytes(graph.SerializeToString())
    return Victim("trained", onnx, draw(PROFILE_ROWS), draw(HONEST_ROWS), draw(OUTSIDE_ROWS), members)


def owners(model: Path, data: Path, labels: Path, held_out: tuple[Path, Path] | None, seed: int) -> Victim:
    """An owner's model. With held-out data, `data` is what it was trained on, and membership can be tested."""
    rows = _read_pair(data, labels)
    rng = np.random.default_rng(seed)
    if held_out is None:
        half, rest = _split(rows.some(rng, len(rows)), 0.5)
        members = None
    else:
        half, rest, members = rows, _read_pair(*held_out), rows
    honest, outside = _split(rest.some(rng, len(rest)), 0.5)
    if min(len(half), len(honest), len(outside)) < LEAST_ROWS // 10:
        raise DataError(f"{data}: too few rows; {LEAST_ROWS} at least, and some thousands for good numbers")
    victim = Victim("model", model, half, honest, outside, members)
    if victim.plain.features not in (None, half.x.shape[1]) and not isinstance(victim.plain.features, str):
        raise DataError(f"{data} has {half.x.shape[1]} columns, and the model takes {victim.plain.features}")
    return victim


def _split(rows: Rows, share: float) -> tuple[Rows, Rows]:
    at = int(len(rows) * share)
    return Rows(rows.x[:at], rows.y[:at]), Rows(rows.x[at:], rows.y[at:])


def _read_pair(data: Path, labels: Path) -> Rows:
    x, y = read_table(data).astype(np.float32), read_table(labels).reshape(-1).astype(np.int64)
    if len(x) != len(y):
        raise DataError(f"{data} has {len(x)} rows and {labels} has {len(y)}")
    if not np.isfinite(x).all():
        raise DataError(f"{data} holds what is not finite")
    if y.min() < 0:
        raise DataError(f"{labels}: classes are numbers from 0")
    return Rows(x, y)


def read_table(path: Path) -> np.ndarray:
    """A NumPy array, or CSV with or without one line of names."""
    try:
        if path.suffix == ".npy":
            table = np.load(path, allow_pickle=False)
        else:
            with open(path, newline="", encoding="utf-8") as file:
                lines = [line for line in csv.reader(file) if line]
            table = np.array([[float(cell) for cell in line] for line in lines[_names(lines):]])
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error
    return table


def _names(lines: list[list[str]]) -> int:
    try:
        [float(cell) for cell in (lines[0] if lines else [])]
    except ValueError:
        return 1
    return 0
