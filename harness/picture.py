#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Pictures of a framebuffer.

    picture.py png IN OUT.png           writes a PNG; refuses a picture of one colour
    picture.py same IN IN...            compares; fails when a pixel differs

IN is a binary PPM, or WIDTHxHEIGHT:FILE for 32-bit XRGB, little endian.
"""

import re
import struct
import sys
import zlib


class Bad(Exception):
    """A picture that cannot be read."""


def load(name):
    """Returns width, height and the bytes of the pixels, RGB."""
    raw = re.fullmatch(r"(\d+)x(\d+):(.+)", name)
    try:
        with open(raw.group(3) if raw else name, "rb") as file:
            data = file.read()
    except OSError as error:
        raise Bad(f"{name}: {error.strerror}") from error
    if raw:
        width, height = int(raw.group(1)), int(raw.group(2))
        data = data[:min(width * height, len(data) // 4) * 4]
        pixels = bytearray(len(data) // 4 * 3)
        for colour in range(3):
            pixels[colour::3] = data[2 - colour::4]
    else:
        header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        if not header:
            raise Bad(f"{name}: is not a binary PPM with 8 bits per colour")
        width, height = int(header.group(1)), int(header.group(2))
        pixels = data[header.end():]
    if len(pixels) != width * height * 3:
        raise Bad(f"{name}: has {len(pixels) // 3} pixels, not {width}x{height}")
    return width, height, bytes(pixels)


def png(source, target):
    width, height, pixels = load(source)
    if pixels == pixels[:3] * (width * height):
        raise Bad(f"{source}: is empty, all of it has one colour")

    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))

    rows = b"".join(b"\0" + pixels[start:start + width * 3]
                    for start in range(0, len(pixels), width * 3))
    with open(target, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n"
                   + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def same(first, others):
    width, height, pixels = load(first)
    for other in others:
        if load(other)[:2] != (width, height):
            raise Bad(f"{other}: has another size than {first}")
        theirs = load(other)[2]
        differ = sum(pixels[at:at + 3] != theirs[at:at + 3] for at in range(0, len(pixels), 3))
        if differ:
            raise Bad(f"{other}: {differ} of {width * height} pixels differ from {first}")


def main(argv):
    try:
        if len(argv) == 4 and argv[1] == "png":
            png(argv[2], argv[3])
        elif len(argv) >= 4 and argv[1] == "same":
            same(argv[2], argv[3:])
        else:
            raise Bad("usage: picture.py png IN OUT.png or picture.py same IN IN...")
    except Bad as error:
        print(f"picture.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
