"""The audit log, and reports that are sealed to the owner: sections 14 and 15."""

from .cbor import loads, need, tree
from .crypto import derive_key_pair, digest, exporter, open_record, open_signed
from .shape import blob, boolean, bytes_of, choice, fields, many, name, nullable, package_id, point, uint, up_to, words

U32 = up_to(2**32 - 1)
OPENING = fields({
    "deployment": name, "charter": bytes_of(48), "boot": bytes_of(16), "segment": U32, "receipt_key": point,
    "encapsulated": blob, "time": uint,
}, {"previous": fields({"boot": bytes_of(16), "segment": U32, "records": uint, "head": bytes_of(48)})})
LIMITS = words("key_rate", "organisation_rate", "service_rate", "daily_rows", "rows", "daily_bits", "bits", "burst")
REASON = choice((
    "key", "operation", "model", "malformed", "input", "out_of_distribution", "suspended", "frozen", "answer_size",
    "failed", "in_flight",
), {"limit": LIMITS})
ANSWERED = fields({
    "key": nullable(bytes_of(8)), "index": nullable(uint), "operation": nullable(words("infer", "audit", "status")),
    "model": nullable(package_id), "verdict": choice(("opened", "answered", "repeated"), {"refused": REASON}),
    "coarseness": nullable(words("exact", "rounded", "label_only")), "rows": uint, "bits": uint,
    "size_log2": up_to(255),
}, {"stricter": boolean})
RECORD = fields({
    "time": uint, "blind": bytes_of(16),
    "event": choice((), {"answered": ANSWERED, "release": fields({"epoch": uint, "digest": bytes_of(48)})}),
})
CHECKPOINT = fields({"boot": bytes_of(16), "segment": U32, "records": uint, "head": bytes_of(48), "time": uint})


def opening(given, data):
    stated = OPENING(loads(data, 8192))
    return {
        "opening": tree(stated), "digest": digest("audit-opening", data).hex(), "head": digest("audit-chain", data).hex(),
    }


def record(given, data):
    return tree(RECORD(loads(data, 512)))


def open_checkpoint(document, key, boot, segment):
    payload, _ = open_signed("audit-checkpoint", document, [key], 1024)
    stated = CHECKPOINT(loads(payload))
    need((stated["boot"], stated["segment"]) == (boot, segment), "of another log")
    return stated


def checkpoint(given, data):
    key, boot = bytes.fromhex(given["receipt_key"]), bytes.fromhex(given["boot"])
    return {"checkpoint": tree(open_checkpoint(data, key, boot, given["segment"]))}


BATCH = fields({
    "boot": bytes_of(16), "segment": U32, "opening": blob, "document": blob, "first": uint,
    "records": many(bytes_of(512), 0, 1000), "checkpoint": blob,
})


def owners_key(given):
    secret = bytes.fromhex(given["audit_secret_key"])
    need(secret == derive_key_pair(bytes.fromhex(given["audit_seed"])), "not the key of this seed")
    return secret


def batch(given, data):
    stated = BATCH(loads(data, 1 << 20))
    need(stated["first"] == 0, "not the beginning of a log")
    begin = OPENING(loads(stated["opening"], 8192))
    need((begin["boot"], begin["segment"]) == (stated["boot"], stated["segment"]), "not of its opening")
    boot, segment = begin["boot"], begin["segment"]
    info = b"strongroom/audit-v1\0" + begin["deployment"].encode() + b"\0" + boot + segment.to_bytes(4, "big")
    key = exporter(owners_key(given), begin["encapsulated"], info)("strongroom/audit-key-v1")
    head, records, commitments = digest("audit-chain", stated["opening"]), [], []
    for number, sealed in enumerate(stated["records"]):
        read = RECORD(loads(open_record(key, number, boot, sealed)))
        head = digest("audit-chain", head + sealed)
        commitments.append(digest("audit-commitment", read["blind"] + head).hex())
        records.append(tree(read))
    signed = open_checkpoint(stated["checkpoint"], begin["receipt_key"], boot, segment)
    need((signed["records"], signed["head"]) == (len(records), head), "a checkpoint of another chain")
    return {
        "opening": tree(begin), "records": records, "commitments": commitments, "head": head.hex(),
        "checkpoint": tree(signed), "document": tree(stated["document"]),
    }


def report(given, data):
    named = fields({"deployment": name, "boot": bytes_of(16), "number": uint})
    stated = fields({"id": named, "encapsulated": blob, "sealed": blob})(loads(data))
    info = b"strongroom/report-v1\0" + stated["id"]["deployment"].encode() + b"\0" + stated["id"]["boot"]
    info += stated["id"]["number"].to_bytes(8, "big")
    key = exporter(owners_key(given), stated["encapsulated"], info)("strongroom/report-v1")
    return {"id": tree(stated["id"]), "body": open_record(key, 0, info, stated["sealed"]).hex()}
