"""Image files that tests make themselves, those included that Pillow cannot write."""

import io
import struct
import zlib
from collections.abc import Sequence
from itertools import starmap
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.colours import Rgb, encoded, linear

Colour = Rgb | tuple[int, int, int, int]

#: Colorants of two well-known spaces as ICC profiles have them (XYZ under D50).
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE_RGB = (
    (0.60974, 0.31111, 0.01947),
    (0.20528, 0.62567, 0.06087),
    (0.14919, 0.06322, 0.74457),
)
_SRGB = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
ADOBE_GAMMA = 2.19921875


def saved(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """*picture* as a file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def plain(colour: Colour, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A picture of one colour."""
    return Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour)


def shares(*parts: tuple[Colour, int], size: tuple[int, int] = (100, 40)) -> Image.Image:
    """Upright stripes, each as many columns wide as it says; together as wide as the picture."""
    picture = plain(parts[0][0], size)
    left = 0
    for colour, columns in parts:
        picture.paste(colour, (left, 0, left + columns, size[1]))
        left += columns
    assert left == size[0]
    return picture


def logo(ink: Rgb, ground: Colour) -> Image.Image:
    """A disc with smooth edges, on a twelfth of *ground*."""
    from PIL import ImageDraw  # noqa: PLC0415 - only here

    mask = Image.new("L", (1200, 900))
    ImageDraw.Draw(mask).ellipse((440, 290, 760, 610), fill=255)
    mask = mask.resize((300, 225), Image.Resampling.LANCZOS)
    picture = plain(ground, mask.size)
    picture.paste(ink if len(ground) == 3 else (*ink, 255), mask=mask)
    return picture


def png(pixels: NDArray[Any], *, chunks: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG of 8 or 16 bits a channel: grey, grey with alpha, RGB or RGBA by its last dimension."""
    height, width, channels = pixels.shape
    depth = pixels.dtype.itemsize * 8
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(">")))
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows), 1)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    all_chunks = [(b"IHDR", header), *chunks, (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(starmap(_chunk, all_chunks))


def bomb(width: int, height: int) -> bytes:
    """A whole PNG of black pixels, one bit each: small as a file, and large to decode."""
    row = bytes(1 + (width + 7) // 8)
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(row * 64) for _ in range(height // 64))
    packed += packer.compress(row * (height % 64)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(starmap(_chunk, parts))


def profile(colorants: Sequence[Sequence[float]], gamma: float | None) -> bytes:
    """An ICC profile of a display: three colorants, and a gamma or the curve of sRGB."""
    fixed = [struct.pack(">3i", *(round(part * 65536) for part in each)) for each in colorants]
    xyz = [b"XYZ \0\0\0\0" + each for each in fixed]
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    srgb_curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    kind, numbers = (0, (gamma,)) if gamma else (3, srgb_curve)
    curve = b"para\0\0\0\0" + struct.pack(">HH", kind, 0)
    curve += struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))
    text = "made by a test".encode("utf-16-be")
    words = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(text), 28) + text
    tags = {b"desc": words, b"cprt": words, b"wtpt": white}
    tags |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), xyz, strict=True))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _icc(tags)


def by_profile(colour: Rgb, colorants: Sequence[Sequence[float]], gamma: float | None) -> Rgb:
    """What *colour* of that profile is in sRGB, by the definition."""
    light = [linear(part / 255) if gamma is None else (part / 255) ** gamma for part in colour]
    xyz = np.array(colorants).T @ np.array(light)
    red, green, blue = np.linalg.solve(np.array(_SRGB).T, xyz)
    parts = [round(255 * encoded(float(part))) for part in (red, green, blue)]
    return parts[0], parts[1], parts[2]


def _icc(tags: dict[bytes, bytes]) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + body


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
