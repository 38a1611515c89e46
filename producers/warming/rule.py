"""What is warmed when new data have come."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Self

from producers.payloads.fields.name import NAME_LENGTH_MAX
from producers.warming.pyramid import Pyramid

_LAYERS: Final = re.compile(rf"[A-Za-z0-9_.\-*?]{{1,{NAME_LENGTH_MAX}}}")
_STYLES: Final = re.compile(r"[A-Za-z0-9_.\-]+(?:,[A-Za-z0-9_.\-]+)*")
#: Layers, styles, and the rest.
_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class WarmRule:
    """The tiles that are wanted of new data of some layers.

    `layers` is a name in which `*` stands for any letters and `?` for one. `shape` is
    `pyramid` as text, for `Pyramid.parse`.
    """

    layers: str
    styles: tuple[str, ...]
    shape: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `layers:styles:levels`, or `layers:styles:levels:west,south,east,north`.

        Raises:
            ValueError: it has another form.
        """
        parts = text.strip().split(":", _PARTS - 1)
        if (
            len(parts) != _PARTS
            or not _LAYERS.fullmatch(parts[0])
            or not _STYLES.fullmatch(parts[1])
        ):
            raise ValueError(
                "what is to be warmed is written like gfs_TMP_2m:temperature:0-5 or "
                f"*_WIND_10m:wind_speed,default:0-4:-25,34,45,72, got {text!r:.120}"
            )
        layers, styles, shape = parts
        Pyramid.parse(shape)
        return cls(layers, tuple(dict.fromkeys(styles.split(","))), shape)

    @property
    def pyramid(self) -> Pyramid:
        """The tiles that are wanted of each layer, style and time."""
        return Pyramid.parse(self.shape)

    def wants(self, layer: str) -> bool:
        """Whether new data of *layer* are to be warmed."""
        return fnmatchcase(layer, self.layers)


def parse_rules(text: str) -> tuple[WarmRule, ...]:
    """The rules of *text*, which has white space between them.

    Raises:
        ValueError: one of them has another form.
    """
    return tuple(WarmRule.parse(each) for each in text.split())
