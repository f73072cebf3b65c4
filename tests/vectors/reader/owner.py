"""What an owner signs, seals or hands over: sections 4 and 5."""

import hashlib
import re

from .cbor import canonical, loads, need, tree
from .crypto import aead_open, digest, envelope, key_id, open_signed
from .shape import (
    blob, boolean, by, bytes_of, choice, fields, finite, image, many, name, number, p384, package_id, released, text,
    uint, up_to, words,
)

WEEK_MS = 7 * 24 * 3600 * 1000
DAY_MS = 24 * 3600 * 1000
ARN = re.compile(r"arn:aws[^:]*:kms:([^:]*):[0-9]{12}:key/[0-9A-Za-z-]+")


def given_keys(given):
    return [bytes.fromhex(key) for key in given["keys"]]


# The charter.

CHARTER = fields({
    "deployment": name, "keys": many(p384, 1, 8), "region": name, "kms_keys": many(text, 1, 8), "least_epoch": uint,
})


def open_charter(document):
    need(len(document) <= 16 * 1024, "too long")
    claimed = CHARTER(loads(envelope("charter", document, 16 * 1024)[2]))
    for arn in claimed["kms_keys"]:
        found = ARN.fullmatch(arn)
        need(found is not None and found[1] == claimed["region"], "not a KMS key of the region")
    _, signer = open_signed("charter", document, claimed["keys"], 16 * 1024)
    return claimed, signer


def pcr16(document):
    return hashlib.sha384(bytes(48) + digest("charter", document)).digest()


def charter(given, data):
    claimed, signer = open_charter(data)
    return {
        "charter": tree(claimed), "digest": digest("charter", data).hex(), "signer": key_id(signer).hex(),
        "pcr16": pcr16(data).hex(),
    }


# The release.

RELEASE = fields({
    "deployment": name, "epoch": uint, "not_before": uint, "not_after": uint, "images": many(image, 1, 16),
    "models": many(released, 1, 64), "controls": bytes_of(48), "private": bytes_of(48),
})


def no_debug(listed):
    for registers in listed:
        need(all(any(register) for register in registers.values()), "a debug image")


def judge_release(document, controls_bytes, charter_document, running, now):
    claimed, _ = open_charter(charter_document)
    payload, _ = open_signed("release", document, claimed["keys"], 128 * 1024)
    stated = RELEASE(loads(payload))
    need(stated["deployment"] == claimed["deployment"], "another deployment")
    no_debug(stated["images"])
    ids = [canonical(model["id"]) for model in stated["models"]]
    need(len(set(ids)) == len(ids), "a model twice")
    need(stated["epoch"] >= 1 and stated["not_before"] < stated["not_after"], "makes no sense")
    need(stated["epoch"] >= claimed["least_epoch"], "below the charter's floor")
    need(stated["not_before"] <= now < stated["not_after"], "not in force")
    need(running in stated["images"], "an image that is not listed")
    need(digest("controls", controls_bytes) == stated["controls"], "other controls")
    return stated, read_controls(controls_bytes)


def release(given, data):
    running = {register: bytes.fromhex(value) for register, value in given["image"].items()}
    charter_document, controls_bytes = (bytes.fromhex(given[part]) for part in ("charter", "controls"))
    stated, _ = judge_release(data, controls_bytes, charter_document, running, given["now"])
    return {"release": tree(stated), "digest": digest("release", data).hex()}


# What a model takes and gives.

DTYPES = tuple("BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 BF16 FP32 FP64 BYTES".split())


def dimension(value):
    return value if isinstance(value, str) else uint(value)


spec = fields({"name": text, "dtype": words(*DTYPES), "shape": many(dimension, 0, 8)})
INTERFACE = fields({
    "inputs": many(spec, 1, 64), "outputs": many(spec, 1, 64),
    "symbols": by(text, fields({"min": uint, "max": uint})),
})


def interface(value):
    INTERFACE(value)
    for specs in (value["inputs"], value["outputs"]):
        names = [one["name"] for one in specs]
        need(len(set(names)) == len(names) and all(names), "a tensor twice, or without a name")
    for size in value["symbols"].values():
        need(size["min"] <= size["max"], "an empty range")
    used = {size for one in value["inputs"] for size in one["shape"] if isinstance(size, str)}
    need(used <= set(value["symbols"]), "an input symbol without a range")


# Controls.

def rate(value):
    fields({"rows": uint, "per_ms": uint, "burst": uint})(value)
    need(1 <= value["rows"] <= 2**32 and 1 <= value["burst"] <= 2**32, "not a number of rows")
    need(1 <= value["per_ms"] <= WEEK_MS, "not a time of a rate")


limits = fields({}, {"rate": rate, "rows_per_day": uint, "rows": uint, "bits_per_day": uint, "bits": uint})


def positive(value):
    need(finite(value) > 0, "not above 0")


def clamp(value):
    fields({"min": finite, "max": finite})(value)
    need(value["min"] < value["max"], "an empty clamp")


def clip(value):
    fields({"min": finite, "max": finite})(value)
    need(value["min"] <= value["max"], "an empty range")


def smooth(value):
    fields({"window": uint, "axis": up_to(7)})(value)
    need(value["window"] % 2 == 1 and value["window"] <= 31, "not a window")


def top_k(value):
    need(uint(value, 2**32 - 1) > 0, "the best none")


def flips(value):
    need(0 < number(value) <= 0.05, "not a share of flips")


treatment = fields(
    {"detail": choice(("full", "label_only"), {"top_k": top_k})},
    {"clamp": clamp, "temperature": positive, "noise": positive, "decimals": up_to(6)},
)
role = fields(
    {"operations": many(words("infer", "audit", "status")), "limits": limits},
    {"models": by(name, treatment), "priority": words("high", "normal", "low")},
)
provenance = fields({"claim": name, "kind": words("declared", "recomputed", "measured"), "sha256": bytes_of(32)})
transform = choice((), {"clip": clip, "quantize": fields({"step": positive}), "smooth": smooth})
model_controls = fields({"limits": limits}, {
    "outputs": by(text, words("label", "probabilities", "logits", "values")), "transforms": by(text, many(transform)),
    "provenance": many(provenance), "interfaces": by(name, interface), "frozen_until": uint,
    "watch": fields({"unlike": words("answered", "refused", "misinformed"), "reacts": boolean}, {"flips": flips}),
})
route = fields({"models": many(name, 1), "votes": boolean}, {"fields": many(name)})


def telemetry(value):
    fields({"epsilon_per_day": positive, "period_ms": uint})(value)
    need(1000 <= value["period_ms"] <= DAY_MS, "not a period")


def quantum(value):
    need(5 <= uint(value) <= 10_000, "not a quantum of answers")


CONTROLS = fields({
    "authentication": words("api_key"), "max_request_bytes": uint, "payloads": words("not_recorded"), "audit": boolean,
    "counting": words("per_boot"), "roles": by(name, role, 256),
}, {"rate": rate, "models": by(name, model_controls), "routes": by(name, route, 256), "telemetry": telemetry,
    "answer_quantum_ms": quantum})


def read_controls(data):
    return CONTROLS(loads(data, 256 * 1024))


def controls(given, data):
    return {"controls": tree(read_controls(data)), "digest": digest("controls", data).hex()}


# The private part.

def disagreement(value):
    need(0 <= number(value) <= 1, "not a share")


ensemble = fields(
    {"members": many(name, 2, 8), "disagreement": disagreement, "stricter": treatment, "vote": boolean}
)
rule = fields({"target": choice((), {"model": name, "ensemble": ensemble})}, {
    "roles": many(name), "when": fields({"field": name}, {"at_least": number, "below": number}),
})
monitored = fields({"profile": blob, "rules": fields({
    "alarm": number, "near_share": number, "near_least": uint, "young_rows": uint, "reaction_ms": uint,
    "suspension_ms": uint,
})})
key_entry = fields({"key": bytes_of(32), "role": name}, {
    "organisation": name, "models": many(name), "not_after": uint, "frozen_until": uint, "limits": limits,
})
PRIVATE = fields({"state_key": bytes_of(32), "keys": many(key_entry, 0, 131072)}, {
    "audit_key": bytes_of(1216), "organisations": by(name, fields({"limits": limits}, {"frozen_until": uint})),
    "monitors": by(name, monitored), "routes": by(name, many(rule, 1, 64)),
})


def within(own, most):
    for allowance, value in own.items():
        if allowance in most and allowance != "rate":
            need(value <= most[allowance], "more than the role")
    if "rate" in own and "rate" in most:
        mine, theirs = own["rate"], most["rate"]
        need(mine["rows"] * theirs["per_ms"] <= theirs["rows"] * mine["per_ms"], "a faster rate than the role's")
        need(mine["burst"] <= theirs["burst"], "a larger burst than the role's")


def check_key(entry, public, organisations):
    need(entry["role"] in public["roles"], "a role that is not stated")
    need(entry.get("organisation") in (None, *organisations), "an organisation that is not there")
    within(entry.get("limits", {}), public["roles"][entry["role"]]["limits"])


def check_rules(rules, public):
    need(not rules[-1].get("roles") and "when" not in rules[-1], "no last rule for everybody")
    for one in rules:
        need("when" not in one or one["when"]["field"] in public.get("fields", ()), "a field that is not stated")
        ((kind, target),) = one["target"].items()
        members = [target] if kind == "model" else target["members"]
        need(all(member in public["models"] for member in members), "a model that is not stated")
        need(len(set(members)) == len(members), "a member twice")
        need(kind == "model" or public["votes"] or not target["vote"], "votes where the controls do not")


def private_part(given, data):
    public = read_controls(bytes.fromhex(given["controls"]))
    part = PRIVATE(loads(data, 32 << 20))
    need(("audit_key" in part) == public["audit"], "an audit key without a log, or a log without")
    for entry in part["keys"]:
        check_key(entry, public, part.get("organisations", {}))
    watched = {model for model, stated in public.get("models", {}).items() if "watch" in stated}
    need(set(part.get("monitors", {})) == watched, "not the models that are watched")
    routes = public.get("routes", {})
    need(set(part.get("routes", {})) == set(routes), "not the routes of the controls")
    for route_name, rules in part.get("routes", {}).items():
        check_rules(rules, routes[route_name])
    return tree(part)


def bundle(given, data):
    return tree(fields({"release": blob, "controls": blob, "private": blob})(loads(data, 32 << 20, depth=2)))


def open_published(document, keys, deployment):
    payload, _ = open_signed("measurements", document, keys, 32 * 1024)
    listed = many(fields({"version": name, "image": image}), 1, 16)
    stated = fields({"deployment": name, "images": listed})(loads(payload))
    need(stated["deployment"] == deployment, "another deployment")
    no_debug([entry["image"] for entry in stated["images"]])
    return stated


def published(given, data):
    return {"measurements": tree(open_published(data, given_keys(given), given["deployment"]))}


# The sealed package.

content = fields({"sha256": bytes_of(32), "length": uint, "chunk_bytes": up_to(2**32 - 1)})
value_rule = fields({}, {
    "non_finite": boolean, "min": many(number, 0, 4096), "max": many(number, 0, 4096),
    "lengthscale": many(positive, 0, 4096), "vocabulary": uint, "max_string_bytes": uint,
})
answer_bound = fields({"names_bytes": uint, "bytes_per_request_kib": uint, "max_bytes": uint})


def commit(value):
    fields({"commit": text}, {"repository": text})(value)
    need(re.fullmatch(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}", value["commit"]) is not None, "not a commit")


claim = choice((), {"code_commit": commit, "training_data": many(bytes_of(32), 1, 64)})


def operator(value):
    need(isinstance(value, str) and re.fullmatch(r"[!-~]{1,128}", value) is not None, "no operator's name")
    return value


MODEL = fields({
    "deployment": name, "model": package_id, "content": content, "answer": answer_bound,
    "interface": interface,
    "schema": fields({}, {"inputs": by(text, value_rule), "max_bytes": uint}),
}, {"provenance": many(claim, 0, 16), "operators": many(operator, 0, 64)})
PRIVATE_MANIFEST = fields({"deployment": name, "epoch": uint, "content": content})


def check_schema(schema, interface):
    for tensor, stated in schema.get("inputs", {}).items():
        need(tensor in [one["name"] for one in interface["inputs"]], "a rule for no input")
        low, high = stated.get("min", []), stated.get("max", [])
        if low and high:
            longest = max(len(low), len(high))
            pairs = zip(low * longest if len(low) == 1 else low, high * longest if len(high) == 1 else high)
            need(all(a <= b for a, b in pairs), "an empty range")


def model_context(manifest):
    check_schema(manifest["schema"], manifest["interface"])
    kinds = [next(iter(one)) for one in manifest.get("provenance", [])]
    need(len(set(kinds)) == len(kinds), "a claim twice")
    operators = manifest.get("operators", [])
    need(operators == sorted(set(operators)), "operators out of order")
    return {"strongroom:model": manifest["model"]["name"], "strongroom:version": manifest["model"]["version"]}


def private_context(manifest):
    return {"strongroom:private-epoch": str(manifest["epoch"])}


def open_chunks(sealed, stated, key, associated):
    size, length = stated["chunk_bytes"], stated["length"]
    need(4096 <= size <= 2 << 20 and 1 <= length <= 16 << 30, "chunks or content out of bounds")
    count, plain = -(-length // size), b""
    for index in range(count):
        last = index == count - 1
        sealed_bytes = (length - index * size if last else size) + 16
        need(len(sealed) >= sealed_bytes, "ends early")
        nonce = bytes(7) + index.to_bytes(4, "big") + bytes([last])
        plain += aead_open(key, nonce, associated, sealed[:sealed_bytes])
        sealed = sealed[sealed_bytes:]
    need(not sealed, "bytes follow the last chunk")
    need(hashlib.sha256(plain).digest() == stated["sha256"] and len(plain) == length, "another content")
    return plain


def package(label, shape, context_of):
    def read(given, data):
        need(data[:8] == b"SRSEAL\0\1" and len(data) >= 12, "not a package")
        end = 12 + int.from_bytes(data[8:12], "big")
        need(12 < end <= len(data) and end - 12 <= 74 * 1024, "not the length of a header")
        header = fields({"manifest": blob, "key_arn": text, "wrapped_key": blob})(loads(data[12:end]))
        need(len(header["wrapped_key"]) <= 6144, "a long wrapped key")
        payload, _ = open_signed(label, header["manifest"], given_keys(given), 64 * 1024)
        named = digest(label, payload)
        need(named.hex() == given["manifest_digest"], "another manifest")
        manifest = shape(loads(payload))
        need(manifest["deployment"] == given["deployment"], "another deployment")
        context = context_of(manifest)
        context |= {"strongroom:deployment": manifest["deployment"], "strongroom:manifest": named.hex()}
        plain = open_chunks(data[end:], manifest["content"], bytes.fromhex(given["data_key"]), named)
        return {
            "format_version": data[7], "manifest": tree(manifest), "encryption_context": context,
            "key_arn": header["key_arn"], "wrapped_key": tree(header["wrapped_key"]),
            "content_sha256": hashlib.sha256(plain).hexdigest(),
        }

    return read


model_package = package("model-manifest", MODEL, model_context)
private_package = package("private-manifest", PRIVATE_MANIFEST, private_context)
