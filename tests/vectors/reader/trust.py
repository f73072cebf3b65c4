"""Trust files: section 12."""

import hashlib
import re
import tomllib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .cbor import Refused, need, tree
from .owner import no_debug, open_published
from .shape import boolean, fields, many, name, p384, text, uint, words

AWS_ROOT_SHA256 = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
REPOSITORY = Path(__file__).resolve().parents[3]


def aws_root():
    """The root that AWS publishes, which this repository embeds; known by its SHA-256."""
    der = (REPOSITORY / "attestation/src/aws_nitro_root_g1.der").read_bytes()
    need(hashlib.sha256(der).hexdigest() == AWS_ROOT_SHA256, "not the root of AWS")
    return der


def hexadecimal(size):
    def check(value):
        need(isinstance(value, str) and re.fullmatch(f"[0-9a-fA-F]{{{2 * size}}}", value) is not None, "not hexadecimal")
        return value.lower()

    return check


def owner_key(value):
    return p384(bytes.fromhex(hexadecimal(97)(value))).hex()


digest = hexadecimal(48)
SORTS, KINDS = ("exact", "rounded", "label_only"), ("declared", "recomputed", "measured")
FILE = fields({"charter": fields({}, {"digest": digest, "signed_by": many(owner_key, 1)})}, {
    "simulation": boolean, "root": text, "max_age_seconds": uint, "least_epoch": uint,
    "owner_may_change_models": boolean, "owner_decides_controls": boolean,
    "image": many(fields({"pcr0": digest, "pcr1": digest, "pcr2": digest})),
    "measurements": fields({"signed_by": many(owner_key, 1), "deployment": name}),
    "model": many(fields({"name": name, "version": name, "digest": digest})),
    "controls": fields({}, {
        "digest": digest, "outputs": many(words(*SORTS), 1, 2), "inputs": words("not_recorded"), "audit": boolean,
        "limits": boolean, "provenance": many(words(*KINDS), 1),
    }),
})


def parse(data):
    need(len(data) <= 256 * 1024, "too long")
    try:
        return FILE(tomllib.loads(data.decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused("not TOML") from error


def root_of(file):
    simulated = file.get("simulation", False)
    need(simulated == ("root" in file), "a root goes with simulation, and only with it")
    if not simulated:
        return aws_root()
    try:
        (certificate,) = x509.load_pem_x509_certificates(file["root"].encode())
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise Refused("not one certificate") from error
    need(basic.ca and usage.key_cert_sign, "a certificate of no authority")
    der = certificate.public_bytes(Encoding.DER)
    need(hashlib.sha256(der).hexdigest() != AWS_ROOT_SHA256, "the root of AWS in a simulation")
    return der


def images_of(file, published):
    need(not ("image" in file and "measurements" in file), "images and measurements")
    need((published is not None) == ("measurements" in file), "measurements go with who published them")
    if published is None:
        listed = file.get("image", [])
        images = [{register: bytes.fromhex(value) for register, value in one.items()} for one in listed]
    else:
        keys = [bytes.fromhex(key) for key in file["measurements"]["signed_by"]]
        stated = open_published(published, keys, file["measurements"]["deployment"])
        images = [entry["image"] for entry in stated["images"]]
    need(1 <= len(images) <= 16, "no image or too many")
    no_debug(images)
    return images


def one_of(file, table, waiver, word):
    waived = file.get(waiver, False)
    need(waived == (not file.get(table)), "a table or its waiver")
    return word if waived else file[table]


def controls_of(file):
    demand = one_of(file, "controls", "owner_decides_controls", "owner_decides")
    if demand != "owner_decides":
        need(demand.get("audit", True) and demand.get("limits", True), "a demand for nothing")
        need("digest" not in demand or len(demand) == 1, "a digest and more")
    return demand


def read(data, published=None):
    file = parse(data)
    charter = {key: value for key, value in file["charter"].items()}
    need(len(charter) == 1, "a digest or signers")
    models = one_of(file, "model", "owner_may_change_models", "owner_may_change")
    if models != "owner_may_change":
        models = [
            {"id": {"name": one["name"], "version": one["version"]}, "digest": bytes.fromhex(one["digest"])}
            for one in models
        ]
    age = file.get("max_age_seconds", 300)
    need(age > 0, "an age of 0")
    return {
        "root": root_of(file), "simulation": file.get("simulation", False), "images": images_of(file, published),
        "charter": charter, "least_epoch": file.get("least_epoch", 0), "models": models,
        "controls": controls_of(file), "max_age_seconds": age,
    }


def in_order(demand):
    """Lists in the order of the words, as the vectors have them."""
    if demand == "owner_decides":
        return demand
    order = {"outputs": SORTS, "provenance": KINDS}
    return {
        key: [word for word in order[key] if word in value] if key in order else value for key, value in demand.items()
    }


def trust_file(given, data):
    published = bytes.fromhex(given["published"]) if "published" in given else None
    demand = read(data, published)
    return {
        "simulation": demand["simulation"], "root_sha256": hashlib.sha256(demand["root"]).hexdigest(),
        "images": tree(demand["images"]), "charter": demand["charter"], "least_epoch": demand["least_epoch"],
        "models": tree(demand["models"]), "controls": in_order(demand["controls"]),
        "max_age_seconds": demand["max_age_seconds"],
    }
