"""What calls give back."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import _tensors
from ._errors import Check, checks_of


@dataclass(frozen=True)
class Report:
    """A judgement that every check of passed. One that failed is raised as an `EvidenceError`."""

    checks: Tuple[Check, ...]
    """Every check, in the order in which they were made."""
    enclave: Mapping[str, Any] = field(default_factory=dict)
    """Who was verified: ``deployment``, ``release``, ``epoch``, ``models``, ``image``, ``controls``, ``simulation`` and
    digests, in hexadecimal. Empty for a document alone."""

    def __str__(self) -> str:
        return "\n".join(f"{check.status} {check.id}: {check.detail}" for check in self.checks)


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a model."""

    name: str
    datatype: str
    """As the Open Inference Protocol names it, such as ``FP32``."""
    shape: Tuple[Optional[int], ...]
    """Dimensions, outermost first; ``None`` where a request may choose."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of arrays of it."""
        return _tensors.dtype_of(self.datatype)


@dataclass(frozen=True)
class ModelInfo:
    """A name that may be asked, and what the verified release says of it."""

    name: str
    versions: Tuple[str, ...]
    """Versions that may be asked for; empty of a route, which leads to one of several models."""
    inputs: Optional[Tuple[TensorInfo, ...]]
    """Of the version asked for, else of the only one; ``None`` where the release does not say."""
    outputs: Optional[Tuple[TensorInfo, ...]]

    def datatypes(self) -> Dict[str, str]:
        """Datatypes of the inputs, by name."""
        return {tensor.name: tensor.datatype for tensor in self.inputs or ()}


@dataclass(frozen=True)
class Receipt:
    """What the enclave signed with an answer, already verified."""

    fields: Mapping[str, Any]
    """``request``, ``outcome``, ``model``, ``release``, ``controls`` (digests in hexadecimal), ``epoch``, ``treatment``,
    ``voted``, ``budget``, ``index`` and ``time``."""
    document: bytes = field(repr=False)
    """As it was signed (COSE_Sign1, RFC 9052)."""
    evidence: bytes = field(repr=False)
    """What `strongroom receipt verify` verifies it with, later and elsewhere."""

    @property
    def time(self) -> datetime:
        """When the enclave answered, by its clock."""
        return datetime.fromtimestamp(self.fields["time"] / 1000, timezone.utc)

    def save(self, folder: Union[str, "os.PathLike[str]"]) -> Tuple[Path, Path]:
        """Writes ``REQUEST.receipt`` and ``SHA256.evidence``, for the owner's eyes alone, and says where. Files that are
        there already are left as they are: their names say what they hold."""
        into = Path(folder)
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        receipt = into / f"{self.fields['request']}.receipt"
        evidence = into / f"{hashlib.sha256(self.evidence).hexdigest()}.evidence"
        for path, content in ((receipt, self.document), (evidence, self.evidence)):
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(handle, "wb") as file:
                file.write(content)
        return receipt, evidence


class Answer(Dict[str, "np.ndarray[Any, Any]"]):
    """The outputs by name. Each array is the caller's own and may be written to."""

    model: str
    """Which model answered: the one asked for, or the one that a route led to."""
    version: str
    receipt: Receipt


def report(given: Tuple[str, str]) -> Report:
    enclave, checks = given
    return Report(checks_of(checks), json.loads(enclave))


def model(text: str) -> ModelInfo:
    return _model(json.loads(text))


def models(text: str) -> Tuple[ModelInfo, ...]:
    return tuple(_model(each) for each in json.loads(text))


def answer(given: Tuple[str, str, Sequence[Any], str, bytes, bytes]) -> Answer:
    found, version, outputs, receipt, document, evidence = given
    made = Answer(_tensors.decode(outputs))
    made.model, made.version = found, version
    made.receipt = Receipt(json.loads(receipt), document, evidence)
    return made


def _model(found: Mapping[str, Any]) -> ModelInfo:
    def tensors(of: Optional[Sequence[Mapping[str, Any]]]) -> Optional[Tuple[TensorInfo, ...]]:
        if of is None:
            return None
        return tuple(TensorInfo(each["name"], each["datatype"], tuple(each["shape"])) for each in of)

    return ModelInfo(found["name"], tuple(found["versions"]), tensors(found["inputs"]), tensors(found["outputs"]))
