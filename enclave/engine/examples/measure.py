#!/usr/bin/env python3
"""Times the engine against onnxruntime, one thread each, in turns on one machine.

    cargo build --release -p strongroom-engine --example measure
    VENV/bin/pip install -r tests/models/requirements.txt
    VENV/bin/python enclave/engine/examples/measure.py TARGET/release/examples/measure [NAME...]

Tree ensembles are made here, as is the perceptron; other models are those of scripts/fetch-models,
with the inputs kept in tests/models, or with inputs of this shape where a batch stands in the name.
A call from Python costs onnxruntime some microseconds; `bare` is its time without that of a model
that does nothing with the same input. Ratios below 1 are in the engine's favour.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper

ROOT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("STRONGROOM_CACHE", Path.home() / ".cache/strongroom")) / "models"
SECONDS = 1.0
TURNS = 3


def small(folder):
    """Models of 30 features, by name."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(3)
    table = rng.normal(size=(4000, 30)).astype(np.float32)
    truth = (table[:, :8].sum(axis=1) + table[:, 8] * table[:, 9] + rng.normal(size=4000) > 0).astype(int)
    models = {
        "boosted": GradientBoostingClassifier(n_estimators=100, max_depth=4, random_state=1),
        "forest": RandomForestClassifier(100, random_state=1),
        "mlp": MLPClassifier((96, 48), max_iter=20, random_state=1),
    }
    for name, model in models.items():
        graph = to_onnx(model.fit(table, truth), table[:1], options={"zipmap": False},
                        target_opset={"": 17, "ai.onnx.ml": 3})
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
        for rows in (1, 8, 64, 1024):
            yield f"{name} b{rows}", folder / f"{name}.onnx", {"X": rng.normal(size=(rows, 30)).astype(np.float32)}


def large():
    """The models of scripts/fetch-models."""
    rng = np.random.default_rng(4)
    for name in ("magika", "silero", "ocr-detector", "opennsfw"):
        with np.load(ROOT / "tests/models" / name / "inputs.npz") as inputs:
            yield name, CACHE / f"{name}.onnx", dict(inputs)
    image = rng.normal(size=(8, 224, 224, 3)).astype(np.float32) * 50
    yield "opennsfw b8", CACHE / "opennsfw.onnx", {"input:0": image}
    for name in ("minilm", "minilm-int8"):
        for batch, length in ((1, 32), (1, 128), (8, 128)):
            ids = rng.integers(1000, 20000, (batch, length))
            text = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
            yield f"{name} b{batch} s{length}", CACHE / f"{name}.onnx", text


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])


def nothing(inputs):
    """A model that hands its inputs on."""
    values = [(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in inputs.items()]
    nodes = [helper.make_node("Identity", [name], [f"{name}_"]) for name, _, _ in values]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(*value) for value in values],
                              [helper.make_tensor_value_info(f"{name}_", kind, shape) for name, kind, shape in values])
    return onnx.helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def timed(session, inputs):
    session.run(None, inputs)
    times, end = [], time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        session.run(None, inputs)
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 4] * 1e6


def main():
    measure, wanted = sys.argv[1], sys.argv[2:]
    print(f"{'model':20} {'engine us':>11} {'ort us':>11} {'bare us':>11} {'ratio':>7} {'of bare':>7}")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, model, inputs in (*small(folder), *large()):
            if wanted and not any(name.startswith(want) for want in wanted):
                continue
            np.savez(folder / "inputs.npz", **inputs)
            theirs, idle = session(model), session(nothing(inputs))
            engine, ort, empty = [], [], []
            for _ in range(TURNS):
                command = [measure, str(model), str(folder / "inputs.npz"), str(SECONDS)]
                engine.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
                ort.append(timed(theirs, inputs))
                empty.append(timed(idle, inputs))
            engine, ort, empty = min(engine), min(ort), min(empty)
            bare = max(ort - empty, 0.01)
            print(f"{name:20} {engine:11.1f} {ort:11.1f} {bare:11.1f} {engine / ort:7.2f} {engine / bare:7.2f}",
                  flush=True)


if __name__ == "__main__":
    main()
