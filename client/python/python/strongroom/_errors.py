"""What can go wrong. Every exception of a call is a `StrongroomError`, and says whose fault it is."""

from __future__ import annotations

import json
from typing import List, NamedTuple, Optional, Tuple


class Check(NamedTuple):
    """One check of a judgement."""

    id: str
    """Which check, such as ``chain`` or ``pcrs``."""
    status: str
    """``PASS``, ``FAIL`` or ``SKIP``: waived by name, or not judged because an earlier one failed."""
    detail: str
    """What was found, in words."""


class StrongroomError(Exception):
    """A call that failed. The text repeats nothing of what was sent."""

    kind: str = "other"
    """One word: ``usage``, ``evidence``, ``binding``, ``refused``, ``unreachable`` or ``other``."""

    def __init__(self, message: str, *, exit_code: int = 1, status: int = 502,
                 retry_after_seconds: Optional[float] = None, checks: Tuple[Check, ...] = ()) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        """The code that the command `strongroom` exits with for the same failure."""
        self.status = status
        """The status of HTTP that `strongroom proxy` answers with for the same failure."""
        self.retry_after_seconds = retry_after_seconds
        """After how many seconds the same request may pass, where the enclave said so."""
        self.checks = checks
        """Every check of the judgement that failed; empty for other failures."""


class UsageError(StrongroomError, ValueError):
    """An argument is wrong. Nothing was sent."""

    kind = "usage"


class EvidenceError(StrongroomError):
    """The enclave, or a document, did not meet what is demanded. Nothing was sent but a nonce."""

    kind = "evidence"


class BindingError(StrongroomError):
    """What came back is not bound to the enclave that was verified, or the model is none that the trust file names."""

    kind = "binding"


class RefusedError(StrongroomError):
    """The enclave refused: the key, the model, the input, a rate. `status` says which."""

    kind = "refused"


class UnreachableError(StrongroomError, ConnectionError):
    """Nobody answered in time, or nobody who serves."""

    kind = "unreachable"


_KINDS = {kind.kind: kind for kind in (UsageError, EvidenceError, BindingError, RefusedError, UnreachableError)}


def checks_of(text: Optional[str]) -> Tuple[Check, ...]:
    """Checks from their JSON."""
    lines: List[dict[str, str]] = json.loads(text) if text else []
    return tuple(Check(line["id"], line["status"], line["detail"]) for line in lines)


def of(kind: str, message: str, exit_code: int, status: int, retry_after_seconds: Optional[float],
       checks: Optional[str]) -> StrongroomError:
    """The exception of a failure below."""
    return _KINDS.get(kind, StrongroomError)(message, exit_code=exit_code, status=status,
                                             retry_after_seconds=retry_after_seconds, checks=checks_of(checks))


def usage(message: str) -> UsageError:
    """An argument is wrong."""
    return UsageError(message, exit_code=2, status=400)
