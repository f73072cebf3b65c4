"""An attestation document without an enclave behind it."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Mapping, Optional, Union

from . import _native
from ._errors import checks_of, usage
from ._types import Report

MAX_AGE_SECONDS = 300.0
"""Greatest age of a document at the time at which it is judged."""


class Skip(enum.Enum):
    """Says that a check is not to be made."""

    DANGEROUSLY_ANY = "any value"


DANGEROUSLY_ANY = Skip.DANGEROUSLY_ANY
"""Any value will do. For a check that was made elsewhere."""


def verify_document(document: bytes, *, at: datetime, pcrs: Mapping[int, Union[str, bytes]], nonce: Union[bytes, Skip],
                    user_data: Union[bytes, Skip], max_age_seconds: float = MAX_AGE_SECONDS) -> Report:
    """Judges a stored Nitro attestation document (COSE_Sign1) against the root of AWS.

    Signature, chain, debug mode, registers, age, nonce and user data are checked, in this order.

    Args:
        document: The bytes of it.
        at: The time to judge it at, with a time zone: certificates and age go by it.
        pcrs: Demanded registers by index, SHA-384 as 48 bytes or in hexadecimal. At least one.
        nonce: The demanded nonce, or `DANGEROUSLY_ANY`.
        user_data: The demanded user data, or `DANGEROUSLY_ANY`.
        max_age_seconds: Greatest age of the document at that time.

    Raises:
        EvidenceError: A check failed; `exit_code` says which sort, and `checks` holds all of them.
        UsageError: A demand is none that a document could meet.
    """
    if at.tzinfo is None:
        raise usage("at: a time zone is needed")
    at_ms = round(at.timestamp() * 1000)
    if at_ms < 0:
        raise usage("at: before 1970")
    registers = {index: value.hex() if isinstance(value, bytes) else value for index, value in pcrs.items()}
    demands = (_demand(nonce), _demand(user_data))
    return Report(checks_of(_native.verify_document(document, at_ms, registers, demands, max_age_seconds)))


def _demand(value: Union[bytes, Skip]) -> Optional[bytes]:
    return None if value is DANGEROUSLY_ANY else bytes(value)
