"""One row of values of every element type, with the extremes of each."""

from __future__ import annotations

import numpy as np

from .models import TYPES


def sample(name: str) -> np.ndarray:
    """Two rows of 2 of this type."""
    kind = TYPES[name][1]
    if name == "BYTES":
        return np.array([[b"", "grüße".encode()], [b"\x00 is text, too", b"x" * 300]], dtype=np.object_)
    if name == "BOOL":
        return np.array([[True, False], [False, True]])
    if np.issubdtype(kind, np.integer):
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        return np.array([[low, high], [0, 1]], dtype=kind)
    low, high = np.finfo(kind).min, np.finfo(kind).max
    return np.array([[low, high], [0.1, -0.0]], dtype=kind)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Equality of every bit, so that −0 and 0 differ."""
    if one.dtype == np.object_ or other.dtype == np.object_:
        return one.shape == other.shape and [_text(x) for x in one.flat] == [_text(x) for x in other.flat]
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def _text(element: bytes | str) -> bytes:
    return element.encode() if isinstance(element, str) else bytes(element)
