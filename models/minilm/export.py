#!/usr/bin/env python3
"""Writes the ONNX graph of all-MiniLM-L6-v2 from its published weights.

    export.py model.safetensors minilm.onnx

Six BERT layers of width 384 with twelve heads, then the mean over the tokens that the mask keeps
and a scaling to length one. Inputs input_ids, attention_mask, token_type_ids INT64 [batch,seq];
output sentence_embedding FP32 [batch,384]. Needs numpy and onnx (versions in requirements.txt:
another version of onnx may write other bytes).
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
LAYERS = 6
HEADS = 12
WIDTH = 384
POSITIONS = 512
LAYER_NORM_EPSILON = 1e-12
DTYPES = {"F32": "<f4", "I64": "<i8"}


def read_safetensors(path):
    """Tensors by name: eight bytes of header length, a JSON header, then the data."""
    blob = path.read_bytes()
    header_end = 8 + int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8:header_end])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        start, end = (header_end + offset for offset in entry["data_offsets"])
        array = np.frombuffer(blob[start:end], dtype=DTYPES[entry["dtype"]])
        tensors[name.removeprefix("bert.")] = array.reshape(entry["shape"])
    return tensors


class Graph:
    """Collects nodes and weights; every value is named after what it is."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.nodes = []
        self.weights = {}

    def constant(self, name, array):
        self.weights.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def ints(self, *values):
        return self.constant("ints" + "".join(f"_{value}" for value in values), np.array(values, np.int64))

    def number(self, name, value):
        return self.constant(name, np.array(value, np.float32))

    def weight(self, name, transpose=False):
        array = self.tensors[name].astype(np.float32)
        return self.constant(name, array.T if transpose else array)

    def op(self, name, operator, *inputs, **attributes):
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def linear(self, name, value, layer):
        product = self.op(f"{name}/product", "MatMul", value, self.weight(f"{layer}.weight", transpose=True))
        return self.op(name, "Add", product, self.weight(f"{layer}.bias"))

    def norm(self, name, value, layer):
        return self.op(name, "LayerNormalization", value, self.weight(f"{layer}.weight"),
                       self.weight(f"{layer}.bias"), axis=-1, epsilon=LAYER_NORM_EPSILON)


def embed(graph):
    """Word, kind and position of each token, added and normalized."""
    words = graph.op("embed/words", "Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    kinds = graph.op("embed/kinds", "Gather", graph.weight("embeddings.token_type_embeddings.weight"),
                     "token_type_ids")
    shape = graph.op("embed/shape", "Shape", "input_ids")
    length = graph.op("embed/length", "Gather", shape, graph.ints(1), axis=0)
    positions = graph.weight("embeddings.position_embeddings.weight")
    positions = graph.op("embed/positions", "Slice", positions, graph.ints(0), length, graph.ints(0))
    total = graph.op("embed/words_and_kinds", "Add", words, kinds)
    total = graph.op("embed/total", "Add", total, positions)
    return graph.norm("embed/norm", total, "embeddings.LayerNorm")


def mask_bias(graph):
    """Zero for tokens to look at, the lowest float for padding."""
    mask = graph.op("mask/rank4", "Unsqueeze", "attention_mask", graph.ints(1, 2))
    mask = graph.op("mask/float", "Cast", mask, to=TensorProto.FLOAT)
    hidden = graph.op("mask/hidden", "Sub", graph.number("one", 1), mask)
    lowest = graph.number("lowest", np.finfo(np.float32).min)
    return graph.op("mask/bias", "Mul", hidden, lowest)


def attend(graph, name, value, layer, bias):
    """Twelve heads look at all tokens."""
    heads = graph.ints(0, 0, HEADS, WIDTH // HEADS)
    split = {}
    for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        flat = graph.linear(f"{name}/{part}", value, f"{layer}.attention.self.{part}")
        flat = graph.op(f"{name}/{part}/split", "Reshape", flat, heads)
        split[part] = graph.op(f"{name}/{part}/heads", "Transpose", flat, perm=order)
    scores = graph.op(f"{name}/scores", "MatMul", split["query"], split["key"])
    scores = graph.op(f"{name}/scaled", "Div", scores, graph.number("head_scale", math.sqrt(WIDTH // HEADS)))
    scores = graph.op(f"{name}/masked", "Add", scores, bias)
    share = graph.op(f"{name}/share", "Softmax", scores, axis=-1)
    mixed = graph.op(f"{name}/mixed", "MatMul", share, split["value"])
    mixed = graph.op(f"{name}/tokens", "Transpose", mixed, perm=[0, 2, 1, 3])
    mixed = graph.op(f"{name}/joined", "Reshape", mixed, graph.ints(0, 0, WIDTH))
    mixed = graph.linear(f"{name}/out", mixed, f"{layer}.attention.output.dense")
    mixed = graph.op(f"{name}/residual", "Add", mixed, value)
    return graph.norm(f"{name}/norm", mixed, f"{layer}.attention.output.LayerNorm")


def feed_forward(graph, name, value, layer):
    """A wide layer with the exact GELU, and back."""
    wide = graph.linear(f"{name}/wide", value, f"{layer}.intermediate.dense")
    scaled = graph.op(f"{name}/gelu/scaled", "Div", wide, graph.number("sqrt_two", math.sqrt(2)))
    erf = graph.op(f"{name}/gelu/erf", "Erf", scaled)
    erf = graph.op(f"{name}/gelu/shifted", "Add", erf, graph.number("one", 1))
    product = graph.op(f"{name}/gelu/product", "Mul", wide, erf)
    gelu = graph.op(f"{name}/gelu", "Mul", product, graph.number("half", 0.5))
    narrow = graph.linear(f"{name}/narrow", gelu, f"{layer}.output.dense")
    narrow = graph.op(f"{name}/residual", "Add", narrow, value)
    return graph.norm(f"{name}/norm", narrow, f"{layer}.output.LayerNorm")


def pool(graph, value):
    """Mean of the unmasked tokens, scaled to length one."""
    mask = graph.op("pool/mask", "Unsqueeze", "attention_mask", graph.ints(2))
    mask = graph.op("pool/mask/float", "Cast", mask, to=TensorProto.FLOAT)
    kept = graph.op("pool/kept", "Mul", value, mask)
    total = graph.op("pool/total", "ReduceSum", kept, graph.ints(1), keepdims=0)
    count = graph.op("pool/count", "ReduceSum", mask, graph.ints(1), keepdims=0)
    count = graph.op("pool/count/positive", "Clip", count, graph.number("tiny_count", 1e-9))
    mean = graph.op("pool/mean", "Div", total, count)
    length = graph.op("pool/length", "ReduceL2", mean, axes=[1], keepdims=1)
    length = graph.op("pool/length/positive", "Clip", length, graph.number("tiny_length", 1e-12))
    return graph.op("sentence_embedding", "Div", mean, length)


def build(tensors):
    graph = Graph(tensors)
    value = embed(graph)
    bias = mask_bias(graph)
    for layer in range(LAYERS):
        weights = f"encoder.layer.{layer}"
        value = attend(graph, f"layer{layer}/attention", value, weights, bias)
        value = feed_forward(graph, f"layer{layer}/feed_forward", value, weights)
    pool(graph, value)
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "seq"])
              for name in ("input_ids", "attention_mask", "token_type_ids")]
    output = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", WIDTH])
    body = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, [output], list(graph.weights.values()))
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                             producer_name="strongroom models/minilm/export.py")


def main():
    source, target = map(Path, sys.argv[1:])
    model = build(read_safetensors(source))
    onnx.checker.check_model(model, full_check=True)
    target.write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
