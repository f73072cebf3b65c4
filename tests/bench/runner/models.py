"""What is run: the bundled model, the fetched ones, and those that are made here with a fixed seed and kept in the cache.

Every case is an ONNX file and a request as an Open Inference Protocol body in JSON, which all contenders are given alike.
"""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
FETCHED = Path(os.environ.get("STRONGROOM_CACHE") or Path.home() / ".cache/strongroom") / "models"
SEED = 7

# Columns of the tables that the trees learn from, and rows that they learn.
FEATURES, ROWS = 30, 4000

# Numbers of one KiB.
FLOATS_PER_KIB = 256

# Token ids that every vocabulary of BERT's family has, special ones left out.
IDS = (1000, 30_000)


@dataclass(frozen=True)
class Case:
    """A model and what it is asked."""

    # What it is called in results.
    name: str
    # What it is called where it is served.
    model: str
    onnx: Path
    request: Path
    # Ranges of symbols that our engine is told, as an owner would.
    dims: tuple[str, ...] = ()

    @property
    def mib(self) -> float:
        return self.onnx.stat().st_size / 2**20


@dataclass
class Models:
    """Makes the cases on first use, in one folder."""

    folder: Path

    def all(self) -> dict[str, Case]:
        """The cases of the engines' comparison."""
        named = [self.mlp(), self.mlp(64), self.boosted(), self.forest(), self.minilm(16), self.minilm(128),
                 self.resnet(1), self.resnet(8), self.magika(), self.silero(), self.ocr()]
        return {case.name: case for case in named}

    def mlp(self, rows: int = 1) -> Case:
        """The bundled classifier of card payments: 30 features, two hidden layers."""
        table = np.loadtxt(ROOT / "models/fraud/test.csv", np.float32, delimiter=",", skiprows=1)
        name = "mlp" if rows == 1 else f"mlp-b{rows}"
        return self._case(name, "mlp", ROOT / "models/fraud/fraud.onnx", {"X": np.resize(table, (rows, FEATURES))})

    def boosted(self) -> Case:
        return self._case("boosted", "boosted", self._trees()["boosted"], {"X": self._table()[0][-1:]})

    def forest(self) -> Case:
        return self._case("forest", "forest", self._trees()["forest"], {"X": self._table()[0][-1:]})

    def minilm(self, tokens: int, rows: int = 1) -> Case:
        ids = np.random.default_rng(SEED).integers(*IDS, (rows, tokens))
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return self._case(f"minilm-s{tokens}" + ("" if rows == 1 else f"-b{rows}"), "minilm",
                          FETCHED / "minilm.onnx", inputs, ("batch=1..8", "seq=1..128"))

    def resnet(self, images: int) -> Case:
        """A thin ResNet-50; one image is 588 KiB."""
        pixels = np.random.default_rng(SEED).integers(-120, 140, (images, 224, 224, 3)).astype(np.float32)
        return self._case(f"resnet-b{images}", "resnet", FETCHED / "opennsfw.onnx", {"input:0": pixels},
                          ("unk__653=1..8",))

    def magika(self) -> Case:
        content = np.random.default_rng(SEED).integers(0, 257, (1, 2048)).astype(np.int32)
        return self._case("magika", "magika", FETCHED / "magika.onnx", {"bytes": content}, ("unk__214=1..16",))

    def silero(self) -> Case:
        rng = np.random.default_rng(SEED)
        inputs = {"input": rng.uniform(-1, 1, (1, 576)), "state": rng.uniform(-1, 1, (2, 1, 128))}
        return self._case("silero", "silero", FETCHED / "silero.onnx",
                          {name: array.astype(np.float32) for name, array in inputs.items()})

    def ocr(self) -> Case:
        page = np.random.default_rng(SEED).uniform(-1, 1, (1, 3, 320, 320)).astype(np.float32)
        sides = tuple(f"p2o.DynamicDimension.{axis}={span}" for axis, span in enumerate(("1..1", "32..640", "32..640")))
        return self._case("ocr", "ocr", FETCHED / "ocr-detector.onnx", {"x": page}, sides)

    def sized(self, kib: int) -> Case:
        """A model that computes next to nothing of so many KiB."""
        numbers = np.random.default_rng(SEED).uniform(-1, 1, (kib, FLOATS_PER_KIB)).astype(np.float32)
        return self._case(f"sized-{kib}", "sized", self._sized(), {"x": numbers})

    def _case(self, name: str, model: str, onnx: Path, inputs: dict[str, np.ndarray], dims: tuple[str, ...] = ()) -> Case:
        path = self.folder / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps({"inputs": [tensor(key, array) for key, array in inputs.items()]}))
        return Case(name, model, onnx, path, dims)

    @functools.cached_property
    def _made(self) -> Path:
        made = FETCHED.parent / "bench-models"
        made.mkdir(parents=True, exist_ok=True)
        return made

    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows that trees can learn something of, and their classes."""
        rng = np.random.default_rng(SEED)
        rows = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
        noise = rng.normal(size=ROWS) * 0.5
        return rows, (rows[:, 0] + rows[:, 1] * rows[:, 2] - np.abs(rows[:, 3]) + noise > -0.8).astype(int)

    def _trees(self) -> dict[str, Path]:
        """100 boosted trees of depth 4, and a forest of 100 of depth 8, as scikit-learn makes them."""
        paths = {name: self._made / f"{name}-{SEED}.onnx" for name in ("boosted", "forest")}
        if all(path.exists() for path in paths.values()):
            return paths
        from skl2onnx import to_onnx
        from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

        rows, classes = self._table()
        learners = {"boosted": GradientBoostingClassifier(n_estimators=100, max_depth=4, random_state=SEED),
                    "forest": RandomForestClassifier(n_estimators=100, max_depth=8, random_state=SEED)}
        for name, learner in learners.items():
            graph = to_onnx(learner.fit(rows, classes), rows[:1], options={"zipmap": False},
                            target_opset={"": 17, "ai.onnx.ml": 3}, name=name)
            paths[name].write_bytes(graph.SerializeToString(deterministic=True))
        return paths

    def _sized(self) -> Path:
        """The largest of the numbers in any number of KiB."""
        import onnx
        from onnx import TensorProto, helper

        path = self._made / "sized.onnx"
        value = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", FLOATS_PER_KIB]),
                 helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])]
        graph = helper.make_graph([helper.make_node("ReduceMax", ["x"], ["y"], axes=[0, 1], keepdims=1)], "sized",
                                  value[:1], value[1:])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return path


def tensor(name: str, array: np.ndarray) -> dict:
    """One input in JSON. Numbers have the six digits that data in files has, not the seventeen of a printed float."""
    kinds = {np.dtype(np.float32): "FP32", np.dtype(np.int32): "INT32", np.dtype(np.int64): "INT64"}
    flat = array.ravel()
    data = [float(f"{value:.6g}") for value in flat] if flat.dtype.kind == "f" else flat.tolist()
    return {"name": name, "datatype": kinds[array.dtype], "shape": list(array.shape), "data": data}
