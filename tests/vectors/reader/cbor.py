"""CBOR as section 1 of the protocol restricts it: every byte is walked before cbor2 sees any."""

import cbor2


class Refused(Exception):
    """The bytes are not what they have to be."""


def need(holds, reason):
    if not holds:
        raise Refused(reason)


class Walk:
    def __init__(self, data, depth, items):
        self.data, self.at, self.items, self.depth, self.longhand = data, 0, items, depth, False

    def take(self, count):
        need(self.at + count <= len(self.data), "ends inside an item")
        self.at += count
        return self.data[self.at - count : self.at]

    def head(self):
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if info < 24:
            return major, info
        if info == 31:
            self.longhand = True
            return major, None
        need(info < 28, "a reserved head")
        width = 1 << (info - 24)
        value = int.from_bytes(self.take(width), "big")
        self.longhand |= value < (24, 1 << 8, 1 << 16, 1 << 32)[info - 24]
        need(not (major == 7 and info == 24 and value < 32), "a simple value in two bytes")
        return major, value

    def at_break(self):
        need(self.at < len(self.data), "no break")
        found = self.data[self.at] == 0xFF
        self.at += found
        return found

    def repeat(self, count, step):
        if count is None:
            while not self.at_break():
                step()
        else:
            for _ in range(count):
                step()

    def utf8(self, data):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused("text that is not UTF-8") from error

    def item(self, depth):
        need(depth > 0, "too deep")
        self.items -= 1
        need(self.items >= 0, "too many items")
        major, value = self.head()
        if major in (2, 3):
            self.string(major, value)
        elif major == 4:
            self.repeat(value, lambda: self.item(depth - 1))
        elif major == 5:
            keys = set()
            self.repeat(value, lambda: self.entry(depth - 1, keys))
        else:
            need(value is not None, "a break, or an indefinite number")
            if major == 6:
                self.item(depth - 1)

    def string(self, major, length):
        if length is not None:
            data = self.take(length)
            return self.utf8(data) if major == 3 else None
        while not self.at_break():
            self.items -= 1
            need(self.items >= 0, "too many items")
            inner, length = self.head()
            need(inner == major and length is not None, "a chunk of another type")
            data = self.take(length)
            if major == 3:
                self.utf8(data)

    def entry(self, depth, keys):
        start, self.longhand = self.at, False
        self.item(depth)
        need(not self.longhand, "a key that is not in its shortest definite form")
        key = self.data[start : self.at]
        need(key not in keys, "a key is given twice")
        keys.add(key)
        self.item(depth)


def loads(data, most=1 << 27, depth=16, items=1 << 20):
    """One item that fills the data, within bounds."""
    need(len(data) <= most, "too long")
    walk = Walk(data, depth, items)
    walk.item(depth)
    need(walk.at == len(data), "bytes follow")
    return cbor2.loads(data)


def shortest(value):
    """Definite lengths and shortest heads, keys in the order of the map."""
    return cbor2.dumps(value)


def canonical(value):
    """The same with keys in length-first order."""
    return cbor2.dumps(value, canonical=True)


def tree(value):
    """CBOR as the vectors state it in JSON."""
    if isinstance(value, (bytes, bytearray)):
        return f"h'{value.hex()}'"
    if isinstance(value, (list, tuple)):
        return [tree(item) for item in value]
    if hasattr(value, "items"):
        return {key if isinstance(key, str) else str(key): tree(item) for key, item in value.items()}
    return value
