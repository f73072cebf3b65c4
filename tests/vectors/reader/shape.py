"""What a value may be. Each check returns the value or raises Refused."""

import math
import re

from .cbor import need

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def uint(value, most=2**64 - 1):
    need(type(value) is int and 0 <= value <= most, "not an unsigned integer in its range")
    return value


def up_to(most):
    return lambda value: uint(value, most)


def text(value):
    need(isinstance(value, str), "not text")
    return value


def name(value):
    need(isinstance(value, str) and NAME.fullmatch(value) is not None, "not a name")
    return value


def boolean(value):
    need(isinstance(value, bool), "not true or false")
    return value


def number(value):
    need(type(value) in (int, float), "not a number")
    return value


def finite(value):
    need(math.isfinite(number(value)), "not a finite number")
    return value


def blob(value, size=None):
    need(isinstance(value, bytes) and size in (None, len(value)), "not so many bytes")
    return value


def bytes_of(size):
    return lambda value: blob(value, size)


def point(value):
    need(isinstance(value, bytes) and len(value) in (65, 97) and value[0] == 4, "not an uncompressed point")
    return value


def p384(value):
    need(len(point(value)) == 97, "not a P-384 key")
    return value


def words(*allowed):
    def check(value):
        need(isinstance(value, str) and value in allowed, "not one of the words")
        return value

    return check


def nullable(inner):
    return lambda value: None if value is None else inner(value)


def many(inner, least=0, most=1 << 20):
    def check(value):
        need(isinstance(value, list) and least <= len(value) <= most, "not a list of so many")
        return [inner(item) for item in value]

    return check


def by(key, inner, most=1 << 20):
    def check(value):
        need(isinstance(value, dict) and len(value) <= most, "not a map of so many")
        for entry, item in value.items():
            key(entry)
            inner(item)
        return value

    return check


def fields(required, optional=None):
    optional = optional or {}

    def check(value):
        need(isinstance(value, dict), "not a map")
        for key in value:
            need(key in required or key in optional, "a field that is not listed")
        for key, inner in required.items():
            need(key in value, "a required field is absent")
            inner(value[key])
        for key, inner in optional.items():
            if key in value:
                inner(value[key])
        return value

    return check


def choice(plain=(), holding=None):
    """A word, or a map of one word to what it holds."""
    holding = holding or {}

    def check(value):
        if isinstance(value, str):
            need(value in plain, "not one of the words")
            return value
        need(isinstance(value, dict) and len(value) == 1, "not a map of one")
        ((key, inner),) = value.items()
        need(key in holding, "not one of the words")
        holding[key](inner)
        return value

    return check


package_id = fields({"name": name, "version": name})
digest = bytes_of(48)
image = fields({"pcr0": digest, "pcr1": digest, "pcr2": digest})
released = fields({"id": package_id, "digest": digest})
