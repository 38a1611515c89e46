"""From a style's document to the lines and signs that are drawn over a picture."""

from consumers.handlers.tiles.drawing.arrows import Arrows
from consumers.handlers.tiles.drawing.barbs import Barbs
from consumers.handlers.tiles.drawing.contours import Contours, Line
from consumers.handlers.tiles.drawing.glyphs import Halo, SpeedColours
from consumers.handlers.tiles.drawing.levels import EveryLevel, Levels, ListedLevels
from consumers.handlers.tiles.drawing.linelabels import Labels
from consumers.handlers.tiles.styles.document import Contour, Symbols, WindArrows, WindBarbs


def contours_of(document: Contour) -> Contours:
    """The lines of *document*, at scale 1, with levels in the units of the grid."""
    return Contours(
        levels=_levels(document),
        minor=Line(document.colour, document.width),
        major=Line(document.major_colour or document.colour, document.major_width),
        labels=_labels(document),
    )


def symbols_of(document: WindBarbs | WindArrows) -> Barbs | Arrows:
    """The signs of *document*, at scale 1, with speeds in m/s."""
    colours = _colours(document)
    halo = None if document.halo is None else Halo(document.halo, document.halo_width)
    if isinstance(document, WindBarbs):
        return Barbs(
            spacing_px=document.spacing,
            length_px=document.length,
            width_px=document.width,
            colours=colours,
            halo=halo,
        )
    return Arrows(
        spacing_px=document.spacing,
        shortest_px=document.shortest,
        longest_px=document.longest,
        full_m_per_s=document.transform.transform.stored(document.full_speed),
        width_px=document.width,
        colours=colours,
        halo=halo,
    )


def _levels(document: Contour) -> Levels:
    transform = document.transform.transform
    if document.interval is None:
        return ListedLevels(
            tuple(map(transform.stored, document.levels)),
            tuple(map(transform.stored, document.majors)),
        )
    return EveryLevel(
        interval=document.interval / transform.factor,
        base=transform.stored(document.base),
        major_every=document.major_every,
    )


def _labels(document: Contour) -> Labels | None:
    if document.labels == "none":
        return None
    transform = document.transform.transform
    return Labels(
        size_px=document.label_size,
        colour=document.major_colour or document.colour,
        rim=document.label_halo,
        factor=transform.factor,
        offset=transform.shown(0.0),
        decimals=document.decimals,
        majors_only=document.labels == "major",
    )


def _colours(document: Symbols) -> SpeedColours:
    transform = document.transform.transform
    steps = [(transform.stored(stop.value), stop.colour) for stop in document.stops]
    return SpeedColours(tuple(steps) or ((0.0, document.colour),))
