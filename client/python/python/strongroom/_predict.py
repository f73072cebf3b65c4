"""A deployed model as the function that tools for robustness attack."""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence

import numpy as np

from ._client import Model
from ._errors import usage
from ._types import TensorInfo

BATCH_ROWS = 64
"""Rows of one request."""


def as_predict_fn(model: Model, *, input: Optional[str] = None, output: Optional[str] = None,
                  batch_rows: int = BATCH_ROWS) -> Callable[[Any], np.ndarray[Any, Any]]:
    """Makes of a deployed model the black box that ART, Foolbox and TextAttack ask: rows in, scores out.

    The function takes an array of shape ``(rows, …)``, or a list of texts for a model that takes BYTES, and returns the
    output of shape ``(rows, …)``. Values are converted to the model's datatype, which for tools that compute in float64 is
    a rounding. Every limit of the deployment holds: a rate that is used up raises `RefusedError`, whose
    ``retry_after_seconds`` says when to go on.

    Args:
        model: `Client.model`.
        input: Which input takes the rows; the only one where it is absent.
        output: Which output is the score; the only one of fractions where it is absent.
        batch_rows: Rows of one request.

    Raises:
        UsageError: There is no such input or output, or several where none was named.
    """
    if batch_rows < 1:
        raise usage("batch_rows: at least one row is needed")
    taken = _one("input", input, model.info.inputs)
    scores = model.info.outputs
    if output is None and scores is not None:
        scores = tuple(each for each in scores if each.datatype in ("FP16", "BF16", "FP32", "FP64"))
    given = _one("output", output, scores)

    def predict(rows: Any) -> np.ndarray[Any, Any]:
        if taken.datatype != "BYTES":
            array = np.asarray(rows).astype(taken.dtype, copy=False)
        else:
            array = np.asarray(rows, dtype=object)
        if array.ndim == 0:
            raise usage("the rows have no dimension")
        # No rows are asked for too, so that the answer has the model's shape.
        starts = range(0, max(len(array), 1), batch_rows)
        parts = [model.infer({taken.name: array[at:at + batch_rows]}, outputs=[given.name])[given.name] for at in starts]
        return np.concatenate(parts)

    return predict


def _one(which: str, name: Optional[str], of: Optional[Sequence[TensorInfo]]) -> TensorInfo:
    if of is None:
        raise usage(f"{which}: the release does not say which the model has")
    found = [each for each in of if name is None or each.name == name]
    if len(found) != 1:
        names = ", ".join(each.name for each in of) or "none"
        raise usage(f"{which}: name one of {names}")
    return found[0]
