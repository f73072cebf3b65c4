"""Reads an enclave image, as far as a bill of materials needs it. Judging images is `strongroom measure`'s business."""

import json
import struct

HEADER_BYTES = 548
# Magic, version, flags, memory, processors, reserved, number of sections.
BEGIN = struct.Struct(">4sHHQQHH")
NUMBERS = struct.Struct(">32Q")
SECTION = struct.Struct(">HHQ")
KERNEL, CMDLINE, RAMDISK, SIGNATURE, METADATA = range(1, 6)
TYPE_MASK, TYPE_FILE = 0o170000, 0o100000


class Image:
    def __init__(self, image):
        self.kernel, self.cmdline, self.ramdisks, self.metadata = b"", b"", [], {}
        magic, version, _, _, _, _, count = BEGIN.unpack_from(image)
        if magic != b".eif" or version not in (3, 4) or count > 32:
            raise SystemExit("not an enclave image of version 3 or 4")
        for offset in NUMBERS.unpack_from(image, BEGIN.size)[:count]:
            kind, _, size = SECTION.unpack_from(image, offset)
            content = image[offset + SECTION.size:][:size]
            if len(content) != size:
                raise SystemExit("the image ends inside a section")
            match kind:
                case 1:
                    self.kernel = content
                case 2:
                    self.cmdline = content
                case 3:
                    self.ramdisks.append(content)
                case 5:
                    self.metadata = json.loads(content)


def files(archive):
    """Ordinary files of a "newc" archive, by path."""
    at = 0
    while True:
        head = archive[at:at + 110]
        if len(head) != 110 or head[:6] != b"070701":
            raise SystemExit("a RAM disk is no newc archive")
        numbers = [int(head[6 + 8 * place:14 + 8 * place], 16) for place in range(13)]
        mode, size, name_bytes = numbers[1], numbers[6], numbers[11]
        name = archive[at + 110:][:name_bytes - 1].decode()
        if name == "TRAILER!!!":
            return
        begin = aligned(at + 110 + name_bytes)
        if mode & TYPE_MASK == TYPE_FILE:
            yield name, archive[begin:begin + size]
        at = aligned(begin + size)


def aligned(at):
    return (at + 3) & ~3
