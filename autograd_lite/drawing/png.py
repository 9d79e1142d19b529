"""PNG files put below one another, without being decoded.

A PNG keeps its lines filtered, each as a difference to the line above or to the point on its left. Pictures
of one width can therefore be joined line by line; only the first line of each must not look at what is now
above it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

_BEGIN = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_WITHOUT_ABOVE = {0: 0, 1: 1, 2: 0, 4: 1}  # the filter that says the same where nothing is above


def stacked(pictures: Sequence[bytes]) -> bytes:
    """One PNG with all `pictures` below one another; they must be of one width and kind.

    Raises
    ------
    ValueError
        If they are not.
    """
    heads, bodies, palette = [], [], b""
    for picture in pictures:
        head, body, palette = _read(picture)
        heads.append(head)
        bodies.append(body)
    width, _, depth, colours, *rest = heads[0]
    if any((h[0], *h[2:]) != (width, depth, colours, *rest) for h in heads) or rest[-1]:
        raise ValueError("a strip needs pictures of one width and kind")
    line = (width * depth * _CHANNELS[colours] + 7) // 8
    step = max(1, depth * _CHANNELS[colours] // 8)
    joined = b"".join(_standing_alone(b, line, step) for b in bodies)
    joint = struct.pack(">IIBBBBB", width, sum(h[1] for h in heads), depth, colours, *rest)
    return (
        _BEGIN
        + _chunk(b"IHDR", joint)
        + palette
        + _chunk(b"IDAT", zlib.compress(joined, 6))
        + _chunk(b"IEND", b"")
    )


def size(picture: bytes) -> tuple[int, int]:
    """Width and height in points."""
    return struct.unpack(">II", picture[16:24])


def _read(picture: bytes) -> tuple[tuple[int, ...], bytes, bytes]:
    head: tuple[int, ...] = ()
    body = palette = b""
    at = len(_BEGIN)
    while at < len(picture):
        count, kind = struct.unpack(">I4s", picture[at : at + 8])
        data = picture[at + 8 : at + 8 + count]
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", data)
        elif kind in (b"PLTE", b"tRNS"):
            palette += picture[at : at + 12 + count]
        elif kind == b"IDAT":
            body += data
        at += 12 + count
    return head, zlib.decompress(body), palette


def _standing_alone(body: bytes, line: int, step: int) -> bytes:
    how, first = body[0], bytearray(body[1 : line + 1])
    if how == 3:  # the mean of left and above: half of left, where above is nothing
        for k in range(step, len(first)):
            first[k] = (first[k] + first[k - step] // 2) & 255
        how = 0
    return bytes([_WITHOUT_ABOVE[how]]) + bytes(first) + body[line + 1 :]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
