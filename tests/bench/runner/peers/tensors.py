"""Open Inference Protocol bodies as NumPy arrays and back, as a plain server would write it."""

from __future__ import annotations

import json

import numpy as np

DTYPES = {"FP32": np.float32, "FP64": np.float64, "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8}
NAMES = {np.dtype(kind): name for name, kind in DTYPES.items()}


def read(body: bytes, json_bytes: int | None = None) -> dict[str, np.ndarray]:
    """The inputs of a request, whose tensors stand behind the JSON where `json_bytes` says how long that is."""
    head = json.loads(body if json_bytes is None else body[:json_bytes])
    at, inputs = json_bytes or 0, {}
    for tensor in head["inputs"]:
        kind = DTYPES[tensor["datatype"]]
        if (size := tensor.get("parameters", {}).get("binary_data_size")) is not None:
            flat = np.frombuffer(body, kind, size // np.dtype(kind).itemsize, at)
            at += size
        else:
            flat = np.asarray(tensor["data"], kind)
        inputs[tensor["name"]] = flat.reshape(tensor["shape"])
    return inputs


def json_outputs(names: list[str], arrays: list[np.ndarray]) -> list[dict]:
    """The outputs of an answer, with their numbers in JSON."""
    return [{"name": name, "datatype": NAMES[array.dtype], "shape": list(array.shape), "data": array.ravel().tolist()}
            for name, array in zip(names, arrays)]


def binary_outputs(names: list[str], arrays: list[np.ndarray]) -> tuple[list[dict], bytes]:
    """The outputs of an answer, and the bytes that stand behind the JSON."""
    outputs = [{"name": name, "datatype": NAMES[array.dtype], "shape": list(array.shape),
                "parameters": {"binary_data_size": array.nbytes}} for name, array in zip(names, arrays)]
    return outputs, b"".join(array.tobytes() for array in arrays)
