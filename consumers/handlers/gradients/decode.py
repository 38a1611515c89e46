"""From the bytes of an image file to a small upright picture in sRGB.

The bytes are foreign. What is read of them is bounded before it is read: the formats, the
pixels, one frame. JPEGs are decoded at a fraction of their size (`draft`), which for 24
megapixels costs a tenth.
"""

import io
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from consumers.handlers.gradients.errors import (
    BrokenImageError,
    ImageTooLargeError,
    NotAnImageError,
)

#: What a gallery holds; JPEG includes the pictures of phones with several in one file (MPO).
#: No EPS, PDF or WMF, which start other programs.
FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP")

#: A larger image is refused: decoded it would need more memory than a worker should give it.
PIXELS_MAX: Final = 60_000_000

#: Edge of the picture in which colours are counted.
EDGE_PX: Final = 256

_SRGB: Final = ImageCms.createProfile("sRGB")

#: EXIF orientation to what turns the picture upright.
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Decoded(NamedTuple):
    """A small picture, and what had to be put up with to get it."""

    picture: Image.Image
    """RGB, or RGBA where anything is transparent; sRGB, upright, at most `EDGE_PX` a side."""
    warnings: tuple[str, ...]


def decode(data: bytes) -> Decoded:
    """The first frame of the image *data*, small.

    A colour profile that cannot be used and metadata that cannot be read are ignored, with
    a warning.

    Raises:
        NotAnImageError: no format of `FORMATS`.
        ImageTooLargeError: more than `PIXELS_MAX`.
        BrokenImageError: it cannot be decoded to its end.
    """
    said: list[str] = []
    with _foreign_bytes():
        opened = _open(data)
        turn = _turn(opened, said)
        profile = opened.info.get("icc_profile")
        # Twice the edge, so that what a JPEG's fraction leaves out is not seen.
        scale = 2 * EDGE_PX / max(opened.size)
        opened.draft(None, (max(1, int(opened.width * scale)), max(1, int(opened.height * scale))))
        picture = _plain(opened)
        if turn is not None:
            picture = picture.transpose(turn)
        picture.thumbnail((EDGE_PX, EDGE_PX), Image.Resampling.BOX, reducing_gap=2.0)
    return Decoded(_in_srgb(picture, profile, said), tuple(said))


@contextmanager
def _foreign_bytes() -> Generator[None]:
    """Whatever a decoder makes of broken bytes is one of our errors."""
    try:
        yield
    except (ImageTooLargeError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise NotAnImageError(
            f"not_an_image: the bytes are no {', '.join(FORMATS)}, whatever the name says"
        ) from None
    except Exception as error:
        # Decoders raise what they like: OSError, SyntaxError, struct.error, IndexError, ...
        raise BrokenImageError(
            f"broken_image: the image cannot be decoded to its end ({error})"
        ) from error


def _open(data: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        try:
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise ImageTooLargeError("far too many pixels", f"{PIXELS_MAX}") from None
    width, height = opened.size
    if width * height > PIXELS_MAX:
        raise ImageTooLargeError(f"{width} x {height} pixels", f"{PIXELS_MAX}")
    return opened


def _turn(opened: Image.Image, said: list[str]) -> Image.Transpose | None:
    try:
        return _TURNS.get(opened.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception as error:  # noqa: BLE001 - metadata is as foreign as the rest, and not needed
        said.append(f"the EXIF data cannot be read: {error}")
        return None


def _plain(opened: Image.Image) -> Image.Image:
    """*opened*, decoded, as RGB, RGBA, L or CMYK: what colour profiles speak of."""
    opened.load()
    mode = opened.mode
    if mode in {"RGB", "L", "P", "1"} and "transparency" in opened.info:
        return opened.convert("RGBA")
    if mode.startswith("I"):
        # 16 bits of grey; `convert` would cut them off where it should scale.
        grey = np.clip(np.asarray(opened), 0, 65535).astype(np.uint16)
        # A 257th, right to one step, without a number of more than 16 bits.
        return Image.fromarray(((grey - (grey >> 8) + 128) >> 8).astype(np.uint8))
    if mode in {"RGB", "RGBA", "L", "CMYK"}:
        return opened
    if mode in {"1", "F"}:
        return opened.convert("L")
    return opened.convert("RGBA" if mode in {"LA", "La", "PA", "RGBa"} else "RGB")


def _in_srgb(picture: Image.Image, profile: bytes | None, said: list[str]) -> Image.Image:
    """*picture* as RGB or RGBA in sRGB; without a profile it is taken for that."""
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    # A copy: colours of the profile, without the alpha that it knows nothing of.
    colours = picture.convert("RGB") if alpha is not None else picture
    if profile:
        try:
            colours = _by_profile(colours, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            said.append(f"the colour profile cannot be used: {error}")
    colours = colours.convert("RGB")
    if alpha is None or alpha.getextrema() == (255, 255):
        return colours
    colours.putalpha(alpha)
    return colours


def _by_profile(colours: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    # Where the header of a profile says what its colours are made of.
    if colours.mode == "L" and profile[16:20] == b"RGB ":
        colours = colours.convert("RGB")
    converted = ImageCms.profileToProfile(colours, source, _SRGB, outputMode="RGB")
    return colours if converted is None else converted
