"""Arrays of NumPy as the Open Inference Protocol's tensors, and back.

========  =======================  ======================================================================
datatype  array sent               array given back
========  =======================  ======================================================================
BOOL      bool                     bool
UINT8…64  uint8 … uint64           the same
INT8…64   int8 … int64             the same
FP16…64   float16 … float64        the same
BF16      bfloat16 (ml_dtypes)     bfloat16 where ml_dtypes is installed, else float32, which holds every value
BYTES     object, S or U; str as   object, of ``bytes``
          UTF-8
========  =======================  ======================================================================

An array is sent as what it is, and never converted: where the model takes another datatype, the enclave refuses it and
names both. What is no array (a list, a number) has no type yet, and takes the model's.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from ._errors import usage

Handed = Tuple[str, str, Sequence[int], bytes]
"""Name, datatype, shape, elements as little-endian bytes."""

_DTYPES: Dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"), "UINT8": np.dtype("u1"), "UINT16": np.dtype("<u2"), "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"), "INT8": np.dtype("i1"), "INT16": np.dtype("<i2"), "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"), "FP16": np.dtype("<f2"), "FP32": np.dtype("<f4"), "FP64": np.dtype("<f8"),
    "BYTES": np.dtype("O"),
}
_DATATYPES = {dtype: name for name, dtype in _DTYPES.items()}

# Bytes of the length in front of each element of BYTES.
_LENGTH_BYTES = 4


def dtype_of(datatype: str) -> np.dtype[Any]:
    """The dtype of an array that is given back."""
    if datatype == "BF16":
        return _bfloat16() or np.dtype("<f4")
    return _DTYPES[datatype]


def untyped(inputs: Mapping[str, Any]) -> bool:
    """Whether some input has no type of its own."""
    return not all(hasattr(value, "__array__") for value in inputs.values())


def encode(inputs: Mapping[str, Any], datatypes: Mapping[str, str]) -> List[Handed]:
    """Every input as name, datatype, shape and bytes. `datatypes` are the model's, for inputs without a type."""
    return [_encode(name, value, datatypes.get(name)) for name, value in inputs.items()]


def decode(outputs: Iterable[Tuple[str, str, Sequence[int], bytearray]]) -> Dict[str, np.ndarray[Any, Any]]:
    """Every output as an array that may be written to."""
    return {name: _decode(datatype, shape, elements) for name, datatype, shape, elements in outputs}


def _encode(name: str, value: Any, datatype: Optional[str]) -> Handed:
    try:
        array = _array(value, datatype)
    except (TypeError, ValueError, OverflowError):
        wanted = f" of {datatype}" if datatype else ""
        raise usage(f"input '{name}': not an array{wanted}") from None
    if array.dtype.kind in "OSU":
        return name, "BYTES", array.shape, _join(name, array)
    if array.dtype.name == "bfloat16":
        return name, "BF16", array.shape, array.tobytes()
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    found = _DATATYPES.get(little.dtype)
    if found is None:
        raise usage(f"input '{name}': dtype {array.dtype.name} has no datatype in the protocol")
    return name, found, array.shape, little.tobytes()


def _array(value: Any, datatype: Optional[str]) -> np.ndarray[Any, Any]:
    if hasattr(value, "__array__") or datatype is None:
        return np.asarray(value)
    if datatype == "BYTES":
        return np.asarray(value, dtype=object)
    return _typed(value, dtype_of(datatype))


def _typed(value: Any, wanted: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An array of what has no type, whose elements are of the wanted kind: NumPy makes 1 of 1.7, 3 of "3" and True of 2."""
    elements = np.asarray(value, dtype=object)
    kinds = {"b": (bool, np.bool_), "i": (int, np.integer), "u": (int, np.integer)}
    kind = kinds.get(wanted.kind, (int, float, np.integer, np.floating, wanted.type))
    for element in elements.flat:
        if not isinstance(element, kind) or (wanted.kind != "b" and isinstance(element, bool)):
            raise TypeError("an element is of another kind")
    array = np.asarray(value, dtype=wanted)
    # Before NumPy 2, 300 becomes 44 in a byte.
    if wanted.kind in "iu" and not np.array_equal(array.astype(object), elements):
        raise OverflowError("an element is out of range")
    return array


def _join(name: str, array: np.ndarray[Any, Any]) -> bytes:
    parts: List[bytes] = []
    for element in array.ravel(order="C"):
        if isinstance(element, str):
            element = element.encode()
        if not isinstance(element, bytes):
            raise usage(f"input '{name}': an element is neither bytes nor str")
        parts += (len(element).to_bytes(_LENGTH_BYTES, "little"), element)
    return b"".join(parts)


def _decode(datatype: str, shape: Sequence[int], elements: bytearray) -> np.ndarray[Any, Any]:
    if datatype == "BYTES":
        array = np.empty(len(found := _split(elements)), dtype=object)
        array[:] = found
        return array.reshape(shape)
    if not elements:
        return np.empty(shape, dtype=dtype_of(datatype))
    if datatype == "BF16" and _bfloat16() is None:
        # The upper half of a float32.
        upper = np.frombuffer(elements, dtype="<u2").astype("<u4") << 16
        return upper.view("<f4").reshape(shape)
    return np.frombuffer(elements, dtype=dtype_of(datatype)).reshape(shape)


def _split(elements: bytearray) -> List[bytes]:
    found, at = [], 0
    while at < len(elements):
        end = at + _LENGTH_BYTES + int.from_bytes(elements[at:at + _LENGTH_BYTES], "little")
        found.append(bytes(elements[at + _LENGTH_BYTES:end]))
        at = end
    return found


def _bfloat16() -> Optional[np.dtype[Any]]:
    try:
        import ml_dtypes
    except ImportError:
        return None
    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found
