"""Digests, signatures, HPKE and records: sections 2, 3 and 9."""

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .cbor import Refused, loads, need, shortest


def labelled(label, data):
    return hashlib.sha384(label.encode() + b"\0" + data).digest()


def digest(label, data):
    return labelled(f"strongroom/{label}-v1", data)


def content_digest(label, content):
    return digest(label, hashlib.sha256(content).digest())


def key_id(point):
    return hashlib.sha256(point).digest()[:16]


def verify(point, message, signature):
    """ES384 or ES256, by the length of the point; r and s side by side."""
    curve, hashed, size = (
        (ec.SECP384R1(), hashes.SHA384(), 48) if len(point) == 97 else (ec.SECP256R1(), hashes.SHA256(), 32)
    )
    need(len(signature) == 2 * size, "a signature of another length")
    r, s = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashed))
    except (InvalidSignature, ValueError) as error:
        raise Refused("the signature does not verify") from error


def to_be_signed(protected, payload):
    return shortest(["Signature1", protected, b"", payload])


def envelope(label, document, most):
    """Form and purpose of a signed document: protected bytes, header, payload, signature."""
    parts = loads(document, most)
    need(document[:1] == b"\x84" and isinstance(parts, list) and len(parts) == 4, "not an array of four")
    protected, unprotected, payload, signature = parts
    need(all(isinstance(part, bytes) for part in (protected, payload, signature)), "not byte strings")
    need(unprotected == {}, "a header that is not protected")
    header = loads(protected)
    need(isinstance(header, dict) and set(header) <= {1, 3, 4}, "a header that is not listed")
    need(header.get(3) == f"strongroom/{label}-v1", "signed for another purpose")
    return protected, header, payload, signature


def open_signed(label, document, keys, most=1 << 17):
    """The payload of a document that one of the keys signed for this purpose, and that key."""
    protected, header, payload, signature = envelope(label, document, most)
    signer = next((key for key in keys if key_id(key) == header.get(4)), None)
    need(signer is not None, "signed by a key that is not accepted")
    need(header.get(1) == (-35 if len(signer) == 97 else -7), "another algorithm than the key's")
    verify(signer, to_be_signed(protected, payload), signature)
    return payload, signer


# HPKE base mode (RFC 9180), with X-Wing (draft-ietf-hpke-pq), HKDF-SHA384 and the export-only AEAD.
KEM = (0x647A).to_bytes(2, "big")
SUITE = b"HPKE" + KEM + (2).to_bytes(2, "big") + (0xFFFF).to_bytes(2, "big")
X_WING = rb"\.//^\ "[:6]


def extract(salt, ikm):
    return hmac.digest(salt or bytes(48), ikm, "sha384")


def expand(key, info, length):
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([counter]), "sha384")
        out, counter = out + block, counter + 1
    return out[:length]


def labelled_extract(salt, label, ikm):
    return extract(salt, b"HPKE-v1" + SUITE + label + ikm)


def labelled_expand(key, label, info, length):
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + SUITE + label + info, length)


def derive_key_pair(seed):
    """The X-Wing secret key of 32 random bytes (draft-ietf-hpke-pq, DeriveKeyPair)."""
    label = b"DeriveKeyPair"
    ikm = seed + b"HPKE-v1" + b"KEM" + KEM + len(label).to_bytes(2, "big") + label + (32).to_bytes(2, "big")
    return hashlib.shake_256(ikm).digest(32)


def decapsulate(secret, encapsulated):
    """X-Wing (draft-connolly-cfrg-xwing-kem): ML-KEM-768 and X25519, joined by SHA3-256."""
    need(len(secret) == 32 and len(encapsulated) == 1120, "not an X-Wing key")
    expanded = hashlib.shake_256(secret).digest(96)
    ml_kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    own = x25519.X25519PrivateKey.from_private_bytes(expanded[64:])
    ciphertext, theirs = encapsulated[:1088], encapsulated[1088:]
    shared = own.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
    public = own.public_key().public_bytes_raw()
    return hashlib.sha3_256(ml_kem.decapsulate(ciphertext) + shared + theirs + public + X_WING).digest()


def exporter(secret, encapsulated, info):
    shared = decapsulate(secret, encapsulated)
    context = b"\0" + labelled_extract(b"", b"psk_id_hash", b"") + labelled_extract(b"", b"info_hash", info)
    exported = labelled_expand(labelled_extract(shared, b"secret", b""), b"exp", context, 48)
    return lambda label: labelled_expand(exported, b"sec", label.encode(), 32)


def derived(secret, label, purpose):
    return expand(extract(b"", secret), label.encode() + b"\0" + purpose, 32)


def aead_open(key, nonce, associated, sealed):
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError) as error:
        raise Refused("not authentic") from error


def open_record(key, number, associated, record):
    plain = aead_open(key, bytes(4) + number.to_bytes(8, "big"), associated, record)
    need(len(plain) >= 4, "no length")
    length = int.from_bytes(plain[:4], "big")
    need(length <= len(plain) - 4, "a length that is larger than what follows")
    need(not any(plain[4 + length :]), "padding that is not zero")
    return plain[4 : 4 + length]


def power_of_two(size, least=1, most=1 << 27):
    need(size & (size - 1) == 0 and least <= size <= most, "not a size of a record")
