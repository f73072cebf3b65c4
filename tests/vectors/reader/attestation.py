"""Attestation documents and evidence: sections 7 and 8. The steps are numbered as there."""

from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import owner, trust
from .cbor import Refused, canonical, loads, need, shortest, tree
from .clear import EVIDENCE, find_offer, read_claims
from .crypto import digest, key_id, to_be_signed, verify

FIELDS = "module_id digest timestamp pcrs certificate cabundle public_key user_data nonce".split()
REQUIRED = FIELDS[:6]


def sized(value, least, most, sizes=None):
    need(isinstance(value, bytes) and least <= len(value) <= most, "not bytes of an allowed size")
    need(sizes is None or len(value) in sizes, "not bytes of an allowed size")


def read_envelope(data):
    need(len(data) <= 16 * 1024 + 128, "step 1")
    untagged = data[1:] if data[:1] == b"\xd2" else data
    parts = loads(untagged)
    need(isinstance(parts, list) and len(parts) == 4, "step 2")
    protected, unprotected, payload, signature = parts
    need(isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes), "step 2")
    need(loads(protected) == {1: -35} and protected == shortest({1: -35}), "step 3")
    need(unprotected == {}, "step 4")
    need(1 <= len(payload) <= 16 * 1024, "step 5")
    need(len(signature) == 96, "step 6")
    need(shortest(parts) == untagged, "step 2: another spelling")
    return protected, payload, signature


def read_payload(payload):
    stated = loads(payload)
    need(isinstance(stated, dict), "step 7")
    need(set(stated) <= set(FIELDS) and all(field in stated for field in REQUIRED), "step 8")
    need(isinstance(stated["module_id"], str) and stated["module_id"], "step 9")
    need(stated["digest"] == "SHA384", "step 10")
    need(type(stated["timestamp"]) is int and stated["timestamp"] > 0, "step 11")
    need(isinstance(stated["pcrs"], dict) and 1 <= len(stated["pcrs"]) <= 32, "step 12")
    for index, register in stated["pcrs"].items():
        need(type(index) is int and 0 <= index <= 31, "step 12")
        sized(register, 32, 64, (32, 48, 64))
    sized(stated["certificate"], 1, 1024)
    need(isinstance(stated["cabundle"], list) and 1 <= len(stated["cabundle"]) <= 7, "step 14")
    for certificate in stated["cabundle"]:
        sized(certificate, 1, 1024)
    for field, least, most in (("public_key", 1, 1024), ("user_data", 0, 512), ("nonce", 0, 512)):
        if stated.get(field) is not None:
            sized(stated[field], least, most)
    return stated


def certificate(der):
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise Refused("not a certificate") from error


def constraints(cert):
    try:
        return (
            cert.extensions.get_extension_for_class(x509.BasicConstraints).value,
            cert.extensions.get_extension_for_class(x509.KeyUsage).value,
        )
    except (x509.ExtensionNotFound, ValueError) as error:
        raise Refused("a certificate without constraints or usage") from error


def judge_chain(stated, root_der, now):
    """Steps 18 to 22; returns the leaf's key as a point."""
    path = [certificate(der) for der in (root_der, *stated["cabundle"][1:], stated["certificate"])]
    at = datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=now)
    for above, below in zip(path, path[1:]):
        try:
            need(below.issuer == above.subject, "step 18: not the path")
            need(isinstance(below.signature_hash_algorithm, hashes.SHA384), "step 18: another algorithm")
            below.verify_directly_issued_by(above)
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError) as error:
            raise Refused("step 18: not signed by its issuer") from error
    for cert in path:
        need(cert.not_valid_before_utc <= at <= cert.not_valid_after_utc, "step 19")
    leaf_basic, leaf_usage = constraints(path[-1])
    need(not leaf_basic.ca and leaf_basic.path_length is None and leaf_usage.digital_signature, "step 21")
    for position, cert in enumerate(path[:-1]):
        basic, usage = constraints(cert)
        need(basic.ca and usage.key_cert_sign, "step 22")
        below = len(path) - 2 - position
        need(basic.path_length is None or below <= basic.path_length, "step 20")
    key = path[-1].public_key()
    need(isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp384r1", "step 23: another curve")
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def judge_document(data, root_der, now, demands):
    """All thirty steps; returns the statement."""
    protected, payload, signature = read_envelope(data)
    stated = read_payload(payload)
    leaf = judge_chain(stated, root_der, now)
    verify(leaf, to_be_signed(protected, payload), signature)
    if not demands.get("debug"):
        need(all(any(stated["pcrs"].get(index, b"")) for index in (0, 1, 2)), "step 24")
    sets = demands.get("pcrs")
    if sets is not None:
        met = [all(stated["pcrs"].get(index) == value for index, value in one.items()) for one in sets]
        need(any(met), "step 25")
    age = now - stated["timestamp"]
    need(demands.get("max_age_ms") is None or age <= demands["max_age_ms"], "step 26")
    need(age >= -60_000, "step 27")
    for field in ("nonce", "user_data", "public_key"):
        if field in demands:
            need(stated.get(field) == demands[field], "step 28, 29 or 30")
    return stated


def evidence_digest(stated):
    registers = dict(sorted(stated["pcrs"].items()))
    optional = [stated.get(field) for field in ("public_key", "user_data", "nonce")]
    return digest("evidence", shortest([stated["module_id"], stated["timestamp"], registers, *optional]))


def document(given, data):
    root = trust.aws_root() if given["root"] == "aws" else bytes.fromhex(given["root"])
    demands = {"debug": given.get("debug_images") == "allowed", "max_age_ms": given.get("max_age_ms")}
    if given.get("pcrs") is not None:
        demands["pcrs"] = [
            {int(index): bytes.fromhex(value) for index, value in one.items()} for one in given["pcrs"]
        ]
    for field in ("nonce", "user_data", "public_key"):
        if given[field] != "any":
            demands[field] = None if given[field] is None else bytes.fromhex(given[field])
    stated = judge_document(data, root, given["now"], demands)
    return {
        "module_id": stated["module_id"], "timestamp": stated["timestamp"], "pcrs": tree(stated["pcrs"]),
        **{field: tree(stated.get(field)) for field in ("public_key", "user_data", "nonce")},
        "evidence_digest": evidence_digest(stated).hex(),
    }


# Evidence.


def coarseness(stated):
    if stated["detail"] == "label_only":
        return "label_only"
    return "rounded" if "decimals" in stated else "exact"


STRENGTH = ("declared", "recomputed", "measured")


def judge_controls(demand, public, claimed):
    if demand == "owner_decides":
        return
    if "digest" in demand:
        need(claimed["controls"].hex() == demand["digest"], "step 9: other controls")
    treatments = [one for role in public["roles"].values() for one in role.get("models", {}).values()]
    allowed = demand.get("outputs")
    need(allowed is None or all(coarseness(one) in allowed for one in treatments), "step 9: finer answers")
    need(not demand.get("audit") or public["audit"], "step 9: no audit log")
    if demand.get("limits"):
        asking = [role for role in public["roles"].values() if "infer" in role["operations"]]
        need(all(role["limits"] for role in asking), "step 9: a role without a limit")
    for kind in demand.get("provenance", []):
        for model in claimed["models"]:
            stated = public.get("models", {}).get(model["id"]["name"], {}).get("provenance", [])
            strong = [one for one in stated if STRENGTH.index(one["kind"]) >= STRENGTH.index(kind)]
            need(strong, "step 9: nothing of this kind is stated")


def judge_charter(demand, document_bytes):
    if "digest" in demand:
        need(digest("charter", document_bytes).hex() == demand["digest"], "step 2: another charter")
    _, signer = owner.open_charter(document_bytes)
    if "signed_by" in demand:
        accepted = [key_id(bytes.fromhex(key)) for key in demand["signed_by"]]
        need(key_id(signer) in accepted, "step 2: another signer")


def judgement(given, data):
    demand = trust.read(given["trust_file"].encode())
    parts = EVIDENCE(loads(data, 2 << 20))  # 1
    judge_charter(demand["charter"], parts["charter"])  # 2
    register = owner.pcr16(parts["charter"])
    sets = [
        {0: one["pcr0"], 1: one["pcr1"], 2: one["pcr2"], 16: register} for one in demand["images"]
    ]
    stated = judge_document(parts["document"], demand["root"], given["now"], {  # 3
        "pcrs": sets, "max_age_ms": demand["max_age_seconds"] * 1000, "public_key": None,
        "nonce": digest("offers", parts["offers"]), "user_data": digest("claims", parts["claims"]),
    })
    _, offer = find_offer(parts["offers"], bytes.fromhex(given["nonce"]))  # 4
    claimed = read_claims(parts["claims"])  # 5
    for part in ("charter", "release", "controls"):
        need(claimed[part] == digest(part, parts[part]), "step 5: claims of something else")
    running = {f"pcr{index}": stated["pcrs"][index] for index in (0, 1, 2)}
    released, public = owner.judge_release(  # 6
        parts["release"], parts["controls"], parts["charter"], running, given["now"]
    )
    need(released["epoch"] == claimed["epoch"], "step 6: another epoch")
    listed = [canonical(model) for model in released["models"]]
    held = [canonical(model) for model in claimed["models"]]
    need(all(model in listed for model in held), "step 6: a model that is not released")
    need(claimed["epoch"] >= demand["least_epoch"], "step 7")
    if demand["models"] != "owner_may_change":
        need(all(canonical(model) in held for model in demand["models"]), "step 8")
    judge_controls(demand["controls"], public, claimed)  # 9
    return {
        "evidence_digest": evidence_digest(stated).hex(), "offer": offer.hex(),
        "charter": digest("charter", parts["charter"]).hex(), "release": digest("release", parts["release"]).hex(),
        "epoch": claimed["epoch"], "models": tree(claimed["models"]), "timestamp": stated["timestamp"],
    }
