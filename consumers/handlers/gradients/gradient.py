"""What a gallery is told of a picture before the picture is there."""

from dataclasses import dataclass
from typing import TypedDict

from consumers.handlers.gradients.colour import hexadecimal
from consumers.handlers.gradients.contrast import foreground
from consumers.handlers.gradients.decode import decode
from consumers.handlers.gradients.palette import palette
from consumers.handlers.gradients.placeholder import blur_data_url


class GradientJson(TypedDict):
    """A gradient as its readers know it; colours are `#RRGGBB`, upper case."""

    palette: list[str]
    primary: str
    secondary: str
    foreground: str
    css: str
    blurDataUrl: str


@dataclass(frozen=True, slots=True)
class Gradient:
    """The colours of a picture, and what is made of them.

    `palette` begins with `primary` and `secondary`; a picture of one colour has only that,
    and its gradient goes from it to itself. `contrast` is what text in `foreground` has on
    the gradient where it has the least (WCAG; 4.5 is enough for any text).
    """

    palette: tuple[str, ...]
    primary: str
    secondary: str
    foreground: str
    contrast: float
    blur_data_url: str
    warnings: tuple[str, ...] = ()

    @property
    def css(self) -> str:
        """The gradient as a value of `background`."""
        return f"linear-gradient(135deg, {self.primary} 0%, {self.secondary} 100%)"

    def to_json(self) -> GradientJson:
        """What is stored."""
        return GradientJson(
            palette=list(self.palette),
            primary=self.primary,
            secondary=self.secondary,
            foreground=self.foreground,
            css=self.css,
            blurDataUrl=self.blur_data_url,
        )


def gradient_of(data: bytes) -> Gradient:
    """The gradient of the image *data*: the same bytes give the same gradient, wherever.

    Raises:
        GradientError: the bytes are no image that can be read; no retry can help.
    """
    picture, warnings = decode(data)
    swatches = palette(picture)
    start, end = swatches[0].colour, swatches[min(1, len(swatches) - 1)].colour
    text = foreground(start, end)
    colours = [hexadecimal(swatch.colour) for swatch in swatches]
    return Gradient(
        palette=tuple(colours),
        primary=colours[0],
        secondary=hexadecimal(end),
        foreground=hexadecimal(text.colour),
        contrast=round(text.contrast, 2),
        # What can be read on the colours stands out from them, so nothing melts into it.
        blur_data_url=blur_data_url(picture, text.colour),
        warnings=warnings,
    )
