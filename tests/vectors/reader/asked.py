"""What stands inside records: section 11."""

import math
import struct

from .cbor import loads, need, tree
from .clear import read_claims
from .crypto import content_digest, open_signed
from .owner import DTYPES, treatment
from .shape import blob, boolean, by, bytes_of, choice, fields, finite, many, name, nullable, package_id, text, uint
from .shape import up_to, words

WIDTHS = {
    "BOOL": (1, "B"), "UINT8": (1, "B"), "UINT16": (2, "H"), "UINT32": (4, "I"), "UINT64": (8, "Q"), "INT8": (1, "b"),
    "INT16": (2, "h"), "INT32": (4, "i"), "INT64": (8, "q"), "FP16": (2, "e"), "BF16": (2, None), "FP32": (4, "f"),
    "FP64": (8, "d"),
}
TENSOR = fields({"name": text, "dtype": words(*DTYPES), "shape": many(uint, 0, 8), "data": blob})


def strings(data):
    found = []
    while data:
        need(len(data) >= 4, "a torn length")
        length = int.from_bytes(data[:4], "little")
        need(length <= 1 << 20 and length <= len(data) - 4, "a torn string")
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found


def values(tensor):
    """The elements, of which there are as many as the shape says."""
    TENSOR(tensor)
    need(1 <= len(tensor["name"].encode()) <= 128, "not a name of a tensor")
    count, data, dtype = math.prod(tensor["shape"]), tensor["data"], tensor["dtype"]
    need(math.prod(max(length, 1) for length in tensor["shape"]) < 2**64, "a shape that is too large")
    if dtype == "BYTES":
        found = strings(data)
        need(len(found) == count, "another number of strings")
        return [tree(string) for string in found]
    width, code = WIDTHS[dtype]
    need(len(data) == count * width, "another number of bytes")
    if code is None:
        return [struct.unpack("<f", b"\0\0" + data[at : at + 2])[0] for at in range(0, len(data), 2)]
    need(dtype != "BOOL" or set(data) <= {0, 1}, "a BOOL that is neither 0 nor 1")
    return list(struct.unpack(f"<{count}{code}", data))


def tensor(given, data):
    item = loads(data)
    return {"tensor": tree(item), "values": values(item)}


INFERENCE = fields({"id": bytes_of(16), "model": name, "inputs": many(values, 0, 64)}, {
    "version": name, "outputs": many(text, 0, 64), "risk": by(name, finite, 16),
})
# One more question is one more word here.
ASK = choice(("status", "audit"), {"infer": INFERENCE})


def read_ask(data):
    return tree(ASK(loads(data, depth=6)))


def ask(given, data):
    return read_ask(data)


LIMIT = fields({
    "what": words("key_rate", "organisation_rate", "service_rate", "daily_rows", "rows", "daily_bits", "bits", "burst"),
    "retry_after_ms": nullable(uint),
})
REFUSAL = choice(("key", "operation", "model", "malformed", "answer_size", "failed", "in_flight"), {
    "input": text, "limit": LIMIT, "out_of_distribution": fields({"rows": many(uint, 0, 16)}),
    "suspended": fields({"retry_after_ms": uint}), "frozen": fields({"retry_after_ms": nullable(uint)}),
})
STATUS = fields({
    "uptime_ms": uint, "epoch": uint, "not_after_ms": uint, "models": many(package_id), "sessions": uint,
    "answered": uint, "audit_pending": uint,
}, {"panics": uint})
REPORT = fields({"segment": nullable(up_to(2**32 - 1)), "records": uint, "confirmed": uint, "checkpoint": blob})
ANSWER = fields({"model": name, "version": name, "outputs": many(values, 0, 64)})
# And one more answer is one more entry here.
OUTCOME = choice(("open",), {"answer": ANSWER, "status": STATUS, "audit": REPORT, "refused": REFUSAL})


def read_outcome(data):
    return tree(OUTCOME(loads(data, depth=6)))


def outcome(given, data):
    return read_outcome(data)


RECEIPT = fields({
    "request": bytes_of(48), "outcome": bytes_of(48), "model": nullable(bytes_of(48)), "release": bytes_of(48),
    "epoch": uint, "controls": bytes_of(48), "treatment": nullable(treatment), "boot": bytes_of(16),
    "budget": fields({}, {"rows_today": uint, "rows": uint, "bits_today": uint, "bits": uint}),
    "index": nullable(uint), "audit": nullable(bytes_of(48)), "time": uint, "anchor": uint,
}, {"voted": boolean})


def judge_receipt(document, claims_bytes, request, outcome_digest):
    need(len(document) <= 960, "longer than a receipt")
    claimed = read_claims(claims_bytes)
    payload, _ = open_signed("receipt", document, [claimed["receipt_key"]], 960)
    stated = RECEIPT(loads(payload))
    need((stated["request"], stated["outcome"]) == (request, outcome_digest), "of another exchange")
    for part in ("release", "epoch", "controls", "boot"):
        need(stated[part] == claimed[part], "something else than the claims")
    need(stated["model"] in [None, *(model["digest"] for model in claimed["models"])], "another model")
    need(stated["time"] >= stated["anchor"], "older than its anchor")
    return stated


def receipt(given, data):
    claims_bytes, request, answered = (
        bytes.fromhex(given[part]) for part in ("claims", "request_digest", "outcome_digest")
    )
    return {"receipt": tree(judge_receipt(data, claims_bytes, request, answered))}


def split_answer(body, claims_bytes, request):
    need(len(body) >= 4, "no length")
    length = int.from_bytes(body[:4], "big")
    need(length <= len(body) - 4, "ends inside the outcome")
    answered, signed = body[4 : 4 + length], body[4 + length :]
    stated = judge_receipt(signed, claims_bytes, content_digest("request", request), content_digest("outcome", answered))
    return {"outcome": read_outcome(answered), "receipt": tree(stated)}
