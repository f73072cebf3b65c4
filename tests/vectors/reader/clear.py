"""What travels in clear, and the conventions: sections 1, 2, 7, 13 and 15."""

import base64
import hashlib
import re

from .cbor import Refused, loads, need, tree
from .crypto import derived, digest, labelled, open_record, power_of_two
from .shape import NAME, blob, boolean, by, bytes_of, fields, many, name, nullable, number, package_id, point
from .shape import released, text, uint, up_to

LABELS = {f"strongroom/{label}-v1" for label in """
    charter release controls model-manifest private-manifest claims offers nonce measurements evidence channel
    request-key answer-key request outcome receipt audit-opening audit audit-key audit-chain audit-checkpoint
    audit-commitment state field watermark report claim kms
""".split()}


def decoded(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("not text") from error


def cbor(given, data):
    return {"value": tree(loads(data, given["max_bytes"], given["max_depth"], given["max_items"]))}


def names(given, data):
    parts = decoded(data).split("@")
    need(len(parts) == (2 if given["kind"] == "package_id" else 1), "not so many parts")
    need(all(NAME.fullmatch(part) for part in parts), "not a name")
    return dict(zip(("name", "version"), parts))


def api_key(given, data):
    found = re.fullmatch(r"sr_([A-Za-z0-9_-]{43})(\r?\n)?", decoded(data))
    need(found is not None, "not an API key")
    key = base64.urlsafe_b64decode(found[1] + "=")
    need(base64.urlsafe_b64encode(key).decode().rstrip("=") == found[1], "a second spelling")
    return {"key": key.hex(), "digest": hashlib.sha256(key).hexdigest()}


def digests(given, data):
    need(given["label"] in LABELS, "no such label")
    return {"digest": labelled(given["label"], data).hex()}


def derived_key(given, data):
    need(len(data) == 32, "not a secret of 32 bytes")
    key, purpose = derived(data, given["label"], b""), bytes.fromhex(given["purpose"])
    return {"key": (derived(key, given["label"], purpose) if purpose else key).hex()}


def hello(given, data):
    need(len(data) == 32, "not 32 bytes")
    return {"nonce_digest": digest("nonce", data).hex()}


EVIDENCE = fields({part: blob for part in ("document", "offers", "claims", "charter", "release", "controls")})


def evidence(given, data):
    return tree(EVIDENCE(loads(data, 2 << 20)))


def find_offer(data, nonce):
    need(len(data) % 64 == 0 and len(data) <= 256 * 64, "not whole pairs")
    pairs = [data[at : at + 64] for at in range(0, len(data), 64)]
    own = digest("nonce", nonce)
    offer = next((pair[48:] for pair in pairs if pair[:48] == own), None)
    need(offer is not None, "no offer to this nonce")
    return pairs, offer


def offers(given, data):
    pairs, offer = find_offer(data, bytes.fromhex(given["nonce"]))
    return {"pairs": [pair.hex() for pair in pairs], "offer": offer.hex()}


CLAIMS = fields({
    "protocol": uint, "charter": bytes_of(48), "release": bytes_of(48), "epoch": uint, "controls": bytes_of(48),
    "models": many(released), "channel_key": bytes_of(1216), "receipt_key": point, "boot": bytes_of(16),
})


def read_claims(data):
    stated = CLAIMS(loads(data, 128 * 1024))
    need(stated["protocol"] == 1, "another protocol")
    return stated


def claims(given, data):
    return tree(read_claims(data))


KIB, MIB = 1024, 1024 * 1024
KINDS = {
    1: ("Hello", 32), 2: ("Message", 128 * MIB + 4 * KIB), 3: ("Release", 32 * MIB), 4: ("Status", 0),
    16: ("Reply", 128 * MIB + 4 * KIB + 1), 32: ("Boot", 0), 33: ("Credentials", 0), 34: ("Range", 64 * KIB),
    35: ("Log", KIB), 36: ("Audit", MIB), 37: ("State", 33 * MIB), 38: ("Report", 8 * MIB),
    48: ("HostReply", 65 * MIB + 80 * KIB), 49: ("Absent", 0),
}
STATUSES = {0: 200, 1: 400, 2: 413, 3: 421, 4: 429, 5: 503}


def frame(given, data):
    need(len(data) >= 9, "ends inside the header")
    length, kind, request = int.from_bytes(data[:4], "big"), data[4], int.from_bytes(data[5:9], "big")
    need(kind in KINDS, "no such kind")
    called, most = KINDS[kind]
    need(length <= most, "longer than its kind allows")
    body = data[9:]
    need(len(body) == length, "a body of another length")
    if called != "Reply":
        return {"kind": called, "id": request, "body": body.hex()}
    need(body and body[0] in STATUSES, "no code")
    return {
        "kind": called, "id": request, "code": body[0], "http_status": STATUSES[body[0]], "payload": body[1:].hex(),
    }


def plain(shape):
    return lambda given, data: tree(shape(loads(data)))


boot_documents = plain(fields({"charter": blob, "release": blob, "state": blob}))
credentials = plain(fields({
    "access_key_id": text, "secret_access_key": text, "session_token": text, "expires_ms": uint,
}))
ranges = plain(fields({"package": package_id, "offset": uint, "length": up_to(2**32 - 1)}))
status = plain(fields({"serving": boolean, "epoch": uint, "sessions": uint, "answered": uint, "refusal": text}, {"panics": uint}))
report = plain(fields({"boot": bytes_of(16), "number": uint, "summary": blob, "sealed": blob}))

share = nullable(number)
drift = fields({
    "features": uint, "drifted": uint, "psi": number, "psi_threshold": number, "ks": number, "ks_threshold": number,
})
SUMMARY = fields({
    "number": uint, "epoch": uint, "from_ms": uint, "to_ms": uint, "epsilon": number,
    "models": by(name, fields({
        "requests": nullable(uint), "refused": share, "failed": share, "latency_us": many(nullable(uint), 3, 3),
        "rows": nullable(uint), "classes": many(share), "drift": nullable(drift),
    })),
})


def summary(given, data):
    need(len(data) >= 4, "no length")
    length = int.from_bytes(data[:4], "big")
    need(length <= len(data) - 4 and not any(data[4 + length :]), "a length beyond the bytes, or no zeros")
    return {"summary": tree(SUMMARY(loads(data[4 : 4 + length]))), "bytes": len(data)}


def state(given, data):
    outer = fields({"boot": bytes_of(16), "number": uint, "sealed": blob})(loads(data))
    power_of_two(len(outer["sealed"]), 4096)
    key = derived(bytes.fromhex(given["state_key"]), "strongroom/state-v1", outer["boot"])
    body = open_record(key, outer["number"], given["deployment"].encode(), outer["sealed"])
    return {"boot": outer["boot"].hex(), "number": outer["number"], "body": body.hex()}
