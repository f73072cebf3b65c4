"""Small models for the tests, made on the spot so that nothing is downloaded.

`types` gives back one tensor of every element type that the engine has, `wide` one of 64 MiB, and `embed` averages rows
of a table as an embedding model does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# The dtypes of `types`: its input `in_NAME` comes back as `out_NAME`. BF16 is missing, for the engine has no such type.
TYPES = {
    "BOOL": (TensorProto.BOOL, np.bool_),
    "UINT8": (TensorProto.UINT8, np.uint8),
    "UINT16": (TensorProto.UINT16, np.uint16),
    "UINT32": (TensorProto.UINT32, np.uint32),
    "UINT64": (TensorProto.UINT64, np.uint64),
    "INT8": (TensorProto.INT8, np.int8),
    "INT16": (TensorProto.INT16, np.int16),
    "INT32": (TensorProto.INT32, np.int32),
    "INT64": (TensorProto.INT64, np.int64),
    "FP16": (TensorProto.FLOAT16, np.float16),
    "FP32": (TensorProto.FLOAT, np.float32),
    "FP64": (TensorProto.DOUBLE, np.float64),
    "BYTES": (TensorProto.STRING, np.object_),
}

# Elements of `wide`, of 4 bytes each: 64 MiB.
WIDE = (16, 1024 * 1024)

# Of `embed`: token ids and values of one embedding.
VOCABULARY, DIMENSIONS = 64, 8

# Versions of what is written, so that any reader of the last years takes it.
OPSET, IR_VERSION = 17, 8


def write_all(folder: Path) -> dict[str, Path]:
    """Writes every model, and says where each one is."""
    made = {"types": types(), "wide": wide(), "embed": embed()}
    paths = {name: folder / f"{name}.onnx" for name in made}
    for name, model in made.items():
        onnx.checker.check_model(model)
        onnx.save(model, paths[name])
    return paths


def types() -> onnx.ModelProto:
    """Identity of every type, over rows of 2."""
    nodes, inputs, outputs = [], [], []
    for name, (kind, _) in TYPES.items():
        nodes.append(helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]))
        inputs.append(helper.make_tensor_value_info(f"in_{name}", kind, ["n", 2]))
        outputs.append(helper.make_tensor_value_info(f"out_{name}", kind, ["n", 2]))
    return _model("types", nodes, inputs, outputs, [])


def wide() -> onnx.ModelProto:
    """Gives back 64 MiB."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, WIDE) for name in ("x", "y")]
    return _model("wide", [helper.make_node("Identity", ["x"], ["y"])], value[:1], value[1:], [])


def table() -> np.ndarray:
    """The rows that `embed` averages."""
    return np.random.default_rng(7).standard_normal((VOCABULARY, DIMENSIONS)).astype(np.float32)


def embed() -> onnx.ModelProto:
    """Mean of the rows of the tokens that the mask keeps."""
    constants = [numpy_helper.from_array(table(), "table"), numpy_helper.from_array(np.array([2]), "last"),
                 numpy_helper.from_array(np.array([1]), "middle")]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["kept", "last"], ["mask"]),
        helper.make_node("Mul", ["rows", "mask"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "middle"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask", "middle"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["embedding"]),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "s"])
              for name in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIMENSIONS])]
    return _model("embed", nodes, inputs, outputs, constants)


def _model(name: str, nodes: list, inputs: list, outputs: list, constants: list) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, name, inputs, outputs, constants)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
