"""The colours of a picture, the main one first.

Median cut over a histogram of 32 steps a channel, in which a pixel counts as much as it is
opaque. Boxes are cut where the most colours in the most different places are; the mean of
a box is the mean of its pixels, so that a plain colour stays exactly what it is. What looks
alike is put together again, because half of a sky is no second colour.

The most frequent colour is often not what a person calls the main one: a logo on white is
not white. So colours are ranked by how much there is of them and how colourful they are,
and near-white comes last of all.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consumers.handlers.gradients.colour import Floats, Rgb, chroma, oklab
from consumers.handlers.gradients.contrast import ENOUGH, foreground

#: Colours of a palette.
COLOURS_MAX: Final = 6

#: What an image gets in which nothing can be seen.
NOTHING: Final[Rgb] = (128, 128, 128)

#: Boxes into which the colours are cut before what looks alike is put together.
_BOXES: Final = 24
#: Bits of a channel that the histogram keeps.
_BITS: Final = 5
#: Alpha below which nobody sees a colour.
_ALPHA_MIN: Final = 8
#: Colours nearer than this in OKLab are one colour to the eye of who describes a picture.
_ALIKE: Final = 0.06
#: A second colour has to be further than this from the first, if there is such a one.
_DISTINCT: Final = 0.15
#: To spare text on the gradient a bad place, the second may score this much of the best.
_PARTNER_SHARE: Final = 0.2
#: A share of all that is not white below which a colour is an edge or noise.
_SHARE_MIN: Final = 0.015
#: Below this chroma people say grey, and from that on nobody doubts that it is a colour.
_GREY_CHROMA: Final = 0.03
_COLOUR_CHROMA: Final = 0.10
#: A colour counts so much more than a grey. Less than nine times, so that what fills nine
#: tenths of a picture is its main colour, whatever is in the rest.
_COLOUR_WEIGHT: Final = 8.0
#: Colours whose hue and chroma are nearer than this are light and shadow of one.
_FAMILY: Final = 0.06
#: Paper, frames and skies that are burnt out: lighter than this with less chroma.
_WHITE_LIGHTNESS: Final = 0.93
_WHITE_CHROMA: Final = 0.025
_WHITE_WEIGHT: Final = 0.0001


class Swatch(NamedTuple):
    """A colour and its share of what can be seen of the picture."""

    colour: Rgb
    share: float


def palette(picture: Image.Image) -> list[Swatch]:
    """At most `COLOURS_MAX` colours of *picture*: the main one, its partner, then the others.

    Just one where the picture is of one colour; `NOTHING` where nothing can be seen.
    """
    bins = _histogram(picture)
    if not len(bins.weights):
        return [Swatch(NOTHING, 1.0)]
    swatches = _without_noise(_put_together(_cut(bins)))
    return _with_the_largest(_ranked(swatches))


class _Bins(NamedTuple):
    """Non-empty bins of a histogram: their weight, and the sum of the colours in them."""

    weights: Floats
    sums: Floats

    @property
    def means(self) -> Floats:
        return self.sums / self.weights[:, None]

    def of(self, chosen: NDArray[np.intp]) -> "_Bins":
        return _Bins(self.weights[chosen], self.sums[chosen])


def _histogram(picture: Image.Image) -> _Bins:
    pixels = np.asarray(picture.convert("RGBA")).reshape(-1, 4)
    pixels = pixels[pixels[:, 3] >= _ALPHA_MIN]
    weights = pixels[:, 3] / 255.0
    red, green, blue = (pixels[:, channel].astype(np.intp) >> (8 - _BITS) for channel in range(3))
    number = (red << 2 * _BITS) | (green << _BITS) | blue
    size = 1 << 3 * _BITS
    total: Floats = np.bincount(number, weights, size).astype(np.float64)
    filled = np.flatnonzero(total)
    sums = [np.bincount(number, weights * pixels[:, each], size)[filled] for each in range(3)]
    return _Bins(total[filled], np.stack(sums, axis=1).astype(np.float64))


def _cut(bins: _Bins) -> list[_Bins]:
    """Boxes, each the result of a cut at the median along its longest side."""
    boxes = [bins]
    while len(boxes) < _BOXES:
        worth = [_worth(box) for box in boxes]
        most = max(range(len(boxes)), key=worth.__getitem__)
        if worth[most] <= 0:
            break
        box = boxes.pop(most)
        means = box.means
        axis = int(np.argmax(np.ptp(means, axis=0)))
        order = np.argsort(means[:, axis], kind="stable")
        middle = np.cumsum(box.weights[order])
        # At least one bin on either side.
        at = int(np.clip(np.searchsorted(middle, middle[-1] / 2) + 1, 1, len(order) - 1))
        boxes += [box.of(order[:at]), box.of(order[at:])]
    return boxes


def _worth(box: _Bins) -> float:
    """Population times volume; 0 where there is nothing to cut."""
    if len(box.weights) < 2:  # noqa: PLR2004 - one bin is one colour
        return 0.0
    sides = np.ptp(box.means, axis=0) + 1.0
    return float(box.weights.sum() * sides.prod())


def _put_together(boxes: list[_Bins]) -> list[Swatch]:
    """One swatch for boxes that look alike, the nearest pair first."""
    weights = np.array([box.weights.sum() for box in boxes])
    sums = np.array([box.sums.sum(axis=0) for box in boxes])
    while len(weights) > 1:
        lab = oklab(sums / weights[:, None])
        apart = np.linalg.norm(lab[:, None] - lab[None], axis=2)
        apart[np.tril_indices(len(weights))] = np.inf
        one, other = np.unravel_index(int(np.argmin(apart)), apart.shape)
        if apart[one, other] >= _ALIKE:
            break
        weights[one] += weights[other]
        sums[one] += sums[other]
        weights, sums = np.delete(weights, other), np.delete(sums, other, axis=0)
    rounded = np.clip(np.rint(sums / weights[:, None]), 0, 255).astype(int)
    shares = weights / weights.sum()
    return [
        Swatch((int(red), int(green), int(blue)), float(share))
        for (red, green, blue), share in zip(rounded, shares, strict=True)
    ]


def _without_noise(swatches: list[Swatch]) -> list[Swatch]:
    """Without what the smoothing of edges has mixed; a small logo on white is none of that."""
    white = _is_white(oklab([swatch.colour for swatch in swatches]))
    coloured = sum(each.share for each, paper in zip(swatches, white, strict=True) if not paper)
    return [each for each in swatches if each.share >= _SHARE_MIN * coloured]


def _ranked(swatches: list[Swatch]) -> list[Swatch]:
    """By what a person would name first; the second is one that differs from the first."""
    lab = oklab([swatch.colour for swatch in swatches])
    scores = np.array([swatch.share for swatch in swatches]) * _weights(lab)
    # Of equals the one of the smaller number, so that every worker says the same.
    order = sorted(range(len(swatches)), key=lambda at: (-scores[at], swatches[at].colour))
    family = _families(lab)
    together = scores + family @ scores
    richest = max(order, key=together.__getitem__)
    first = next(at for at in order if family[richest, at])
    order.remove(first)
    apart = np.linalg.norm(lab - lab[first], axis=1)
    others = [at for at in order if apart[at] >= _DISTINCT]
    if others:
        partner = _partner(swatches, scores, first, others)
        order.remove(partner)
        order.insert(0, partner)
    return [swatches[at] for at in (first, *order)]


def _with_the_largest(ranked: list[Swatch]) -> list[Swatch]:
    """The first of them, of which the last gives way to what there is the most of."""
    largest = max(ranked, key=lambda swatch: swatch.share)
    kept = ranked[:COLOURS_MAX]
    return kept if largest in kept else [*kept[:-1], largest]


def _partner(swatches: list[Swatch], scores: Floats, first: int, others: list[int]) -> int:
    """The best of *others*, or one nearly as good on which text can be read as well."""
    for at in others:
        is_near = scores[at] >= _PARTNER_SHARE * scores[others[0]]
        text = foreground(swatches[first].colour, swatches[at].colour)
        if is_near and text.contrast >= ENOUGH:
            return at
    return others[0]


def _weights(lab: Floats) -> Floats:
    """How much a colour counts for what there is of it."""
    colourful = (chroma(lab) - _GREY_CHROMA) / (_COLOUR_CHROMA - _GREY_CHROMA)
    weights: Floats = 1 + (_COLOUR_WEIGHT - 1) * np.clip(colourful, 0, 1)
    weights[_is_white(lab)] = _WHITE_WEIGHT
    return weights


def _is_white(lab: Floats) -> NDArray[np.bool_]:
    white: NDArray[np.bool_] = (lab[:, 0] > _WHITE_LIGHTNESS) & (chroma(lab) < _WHITE_CHROMA)
    return white


def _families(lab: Floats) -> NDArray[np.bool_]:
    """Which colours are light and shadow of one: a row and a column for each."""
    hues = lab[:, 1:]
    apart = np.linalg.norm(hues[:, None] - hues[None], axis=2)
    family: NDArray[np.bool_] = apart < _FAMILY
    return family
