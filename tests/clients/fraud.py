"""The bundled fraud classifier's held-out rows, and what it is known to answer."""

from __future__ import annotations

import functools

import numpy as np

from .fixture import FRAUD

NAME, FEATURES = "fraud", 30


@functools.cache
def rows() -> np.ndarray:
    """The held-out payments, one a row."""
    return np.loadtxt(FRAUD / "test.csv", delimiter=",", dtype=np.float32, skiprows=_skip("test.csv"))


@functools.cache
def expected() -> np.ndarray:
    """What onnxruntime answers about them."""
    return np.loadtxt(FRAUD / "expected.csv", delimiter=",", dtype=np.float32, skiprows=_skip("expected.csv"))


def _skip(name: str) -> int:
    """Lines of the header, where there is one."""
    with open(FRAUD / name, encoding="utf-8") as file:
        first = file.readline().split(",")[0].strip()
    try:
        float(first)
    except ValueError:
        return 1
    return 0
