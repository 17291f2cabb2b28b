"""The logos of our block types: small pictures drawn here, so that nothing is fetched for them."""

from __future__ import annotations

import base64
import struct
import zlib
from abc import ABC
from uuid import uuid4

from prefect.blocks.core import Block
from prefect.client.schemas.objects import BlockType

_SIZE_PX = 64


def logo(red: int, green: int, blue: int) -> str:
    """A play mark on a ground of one colour, as a PNG `data:` address (64 x 64, two colours)."""
    rows = b"".join(b"\0" + _row(y) for y in range(_SIZE_PX))
    header = struct.pack(">IIBBBBB", _SIZE_PX, _SIZE_PX, 1, 3, 0, 0, 0)
    palette = bytes([red, green, blue, 255, 255, 255])
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, body)
        for name, body in (
            (b"IHDR", header),
            (b"PLTE", palette),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        )
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _row(y: int) -> bytes:
    """One bit per pixel: set inside the triangle that points right."""
    reach = 2 * (_SIZE_PX // 4 - abs(y - _SIZE_PX // 2))
    bits = sum(1 << (_SIZE_PX - 1 - x) for x in range(_SIZE_PX) if 0 <= x - 20 < reach)
    return bits.to_bytes(_SIZE_PX // 8, "big")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


class DrawnBlock(Block, ABC):
    """A block whose `_logo_url` is a `data:` address."""

    @classmethod
    def __dispatch_key__(cls) -> str | None:
        # The server registers every class that has a key; nobody can fill in an abstract one.
        return None if ABC in cls.__bases__ else super().__dispatch_key__()

    @classmethod
    def _to_block_type(cls) -> BlockType:
        # Prefect's models of a block type admit web addresses only, so the server goes without the logo.
        return BlockType(
            id=cls._block_type_id or uuid4(),
            slug=cls.get_block_type_slug(),
            name=cls.get_block_type_name(),
            documentation_url=cls._documentation_url,
            description=cls.get_description(),
            code_example=cls.get_code_example(),
        )
