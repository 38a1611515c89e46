"""A few blurred pixels of a picture, small enough to stand in a page instead of a link."""

import base64
import io
from typing import Final

from PIL import Image

from consumers.handlers.gradients.colour import Rgb

#: The whole URL, in bytes.
URL_BYTES_MAX: Final = 1024

#: Longest edge in pixels and JPEG quality, the best first. The last always fits: 8 x 8
#: pixels of the lowest quality are two blocks beside the header.
_ATTEMPTS: Final = ((16, 70), (16, 40), (8, 5))


def blur_data_url(picture: Image.Image, behind: Rgb) -> str:
    """*picture* in at most 16 pixels a side, as a `data:` URL of at most `URL_BYTES_MAX`.

    A browser blurs it by showing it large. *behind* is what transparent parts show.
    """
    flat = _flat(picture, behind)
    url = ""
    for edge_px, quality in _ATTEMPTS:
        url = _url(flat, edge_px, quality)
        if len(url) <= URL_BYTES_MAX:
            break
    return url


def _flat(picture: Image.Image, behind: Rgb) -> Image.Image:
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    ground = Image.new("RGB", picture.size, behind)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _url(flat: Image.Image, edge_px: int, quality: int) -> str:
    small = flat.copy()
    small.thumbnail((edge_px, edge_px), Image.Resampling.BOX)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=quality, optimize=True, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
