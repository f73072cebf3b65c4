"""Verify a Strongroom enclave, then infer: NumPy arrays in, NumPy arrays out, sealed for the enclave alone.

>>> import strongroom
>>> with strongroom.connect("http://127.0.0.1:8080", trust="trust.toml", api_key="@api-key") as client:
...     answer = client.infer("fraud", {"X": rows})
...     answer["probabilities"], answer.receipt.time

Nothing but a nonce is sent before the enclave has met every demand of the trust file, and no answer is given out whose
receipt does not name what was verified. Arrays in and out are described at `strongroom.DATATYPES`.
"""

from __future__ import annotations

from . import _tensors
from ._aio import AsyncClient, AsyncModel, connect_async
from ._client import Client, Model, connect
from ._document import DANGEROUSLY_ANY, verify_document
from ._errors import (BindingError, Check, EvidenceError, RefusedError, StrongroomError, UnreachableError, UsageError)
from ._predict import as_predict_fn
from ._types import Answer, ModelInfo, Receipt, Report, TensorInfo

DATATYPES = _tensors.__doc__
"""Which arrays are sent as which datatype, and what comes back."""

__all__ = [
    "DANGEROUSLY_ANY", "DATATYPES", "Answer", "AsyncClient", "AsyncModel", "BindingError", "Check", "Client",
    "EvidenceError", "Model", "ModelInfo", "Receipt", "RefusedError", "Report", "StrongroomError", "TensorInfo",
    "UnreachableError", "UsageError", "as_predict_fn", "connect", "connect_async", "verify_document",
]
