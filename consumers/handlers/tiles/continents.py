"""Where land and mountains are, roughly: enough for weather that tells them apart.

Outlines of a few dozen corners, drawn by hand to about two degrees. They serve the
demonstration's own atmosphere and nothing else.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Float32s = npt.NDArray[np.float32]

#: Corners as longitude, latitude, longitude, latitude, ...
_LAND: Final = (
    # North America, its arctic islands, Greenland
    """-168 66 -156 71 -128 70 -110 68 -95 68 -85 69 -81 64 -94 60 -92 57 -82 55 -79 52 -78 57
    -77 62 -70 61 -64 59 -56 52 -65 49 -60 46 -66 44 -70 42 -76 36 -81 31 -80 26 -82 28 -84 30
    -90 29 -97 27 -97 21 -94 18 -90 21 -87 21 -88 16 -83 15 -83 10 -78 9 -83 8 -92 14 -105 20
    -112 27 -110 23 -115 30 -120 34 -124 40 -124 48 -131 55 -140 60 -150 60 -158 56 -165 60""",
    "-64 63 -72 68 -88 73 -105 70 -118 72 -110 77 -90 82 -70 83 -78 76 -68 70",
    "-45 60 -52 65 -54 70 -68 76 -60 82 -32 83 -18 80 -20 73 -30 68 -40 65",
    "-84 22 -75 20 -69 19 -74 18 -78 20",
    # South America
    """-78 9 -72 12 -62 10 -52 5 -50 0 -44 -2 -35 -6 -39 -14 -41 -22 -48 -26 -54 -34 -58 -38
    -65 -42 -68 -50 -69 -54 -74 -51 -74 -42 -71 -30 -70 -18 -76 -14 -81 -5 -80 1 -77 5""",
    # Africa and Madagascar
    """-6 36 10 37 11 33 20 31 32 31 35 27 39 18 43 12 51 12 44 3 40 -5 40 -15 35 -22 32 -29
    26 -34 18 -34 14 -23 12 -16 13 -8 9 0 9 4 2 6 -8 4 -13 9 -17 15 -16 22 -10 30""",
    "44 -25 44 -17 49 -12 50 -16 47 -25",
    # Europe and Asia, and what of it lies beyond the date line
    """-9 37 -9 43 -1 44 -5 48 2 51 8 54 8 57 10 57 11 54 20 55 22 57 24 59 30 60 23 60 21 63
    25 65 18 62 17 57 13 56 10 59 5 60 12 66 20 70 28 71 41 67 35 65 40 64 45 68 55 69 68 69
    73 72 80 73 100 77 113 74 130 71 142 72 160 70 180 68 180 65 178 63 164 60 163 57 157 51
    156 58 160 61 150 59 136 54 141 52 135 44 128 40 129 36 126 35 125 39 121 40 118 38 122 37
    120 33 122 30 117 24 109 21 107 16 109 12 105 9 101 13 99 9 104 1 101 3 98 9 97 16 91 22
    87 21 80 15 80 10 77 8 73 17 72 21 67 25 58 25 51 28 48 30 51 25 56 26 60 22 55 17 44 13
    39 21 35 28 34 31 36 36 28 37 26 40 30 41 38 41 41 42 37 45 31 46 28 42 23 40 22 37 19 42
    13 45 18 40 16 38 12 42 9 44 3 43 0 39 -5 36""",
    "-180 68 -170 66 -173 64 -180 65",
    # Islands of Europe
    "-5 50 1 51 -2 56 -4 58 -6 56 -3 54 -5 52",
    "-10 52 -6 52 -6 55 -9 54",
    "-24 65 -14 65 -18 63 -22 64",
    # Islands of Asia
    "130 32 136 34 141 36 142 40 145 43 142 45 140 41 137 37 132 35",
    "95 5 104 -2 106 -6 101 -2",
    "109 1 112 3 117 7 119 5 117 0 116 -4 111 -3",
    "105 -6 114 -7 114 -8 106 -8",
    "120 -5 121 1 124 1 121 -1 122 -4",
    "120 18 122 17 126 7 122 8 121 14",
    # New Guinea, Australia, New Zealand
    "131 -1 141 -3 150 -10 144 -8 138 -8",
    """114 -22 122 -18 129 -15 136 -12 141 -17 142 -11 146 -19 153 -26 153 -31 150 -37 144 -38
    138 -34 131 -31 124 -33 115 -34""",
    "173 -35 178 -38 175 -41 167 -46 170 -46 174 -41",
    # Antarctica
    """-180 -78 -160 -78 -130 -74 -100 -73 -75 -72 -60 -64 -58 -64 -62 -70 -60 -75 -35 -78
    -15 -72 0 -70 30 -69 60 -67 90 -66 120 -66 150 -68 170 -71 165 -78 180 -78 180 -90
    -180 -90""",
)

#: The Caspian Sea and the Great Lakes.
_WATER: Final = ("47 45 53 46 54 37 49 37", "-92 47 -84 47 -80 44 -83 42 -88 42 -87 45")

#: Longitude, latitude, half width and half height in degrees of the equator, metres.
_MOUNTAINS: Final = (
    (88, 33, 11.5, 6, 4600),  # Tibet
    (72, 38, 5.5, 4, 3000),  # Pamir
    (53, 32, 7, 5, 1500),  # Iran
    (38, 10, 5, 6, 2000),  # Ethiopia
    (28, -28, 4.5, 5, 1300),  # Drakensberg
    (10, 46, 3, 2, 1800),  # Alps
    (43, 42, 3.5, 2, 1700),  # Caucasus
    (104, 50, 9, 6, 1400),  # Mongolia
    (-110, 42, 4.5, 9, 2200),  # Rocky Mountains
    (-123, 55, 3.5, 7, 1400),
    (-102, 22, 3.5, 6, 1900),  # Mexico
    (-76, -5, 2.5, 9, 3000),  # Andes
    (-68, -19, 3, 7, 3800),
    (-70, -35, 1.8, 8, 2600),
    (-41, 73, 3, 7, 2900),  # Greenland
    (138, -5, 5, 2, 1800),  # New Guinea
    (90, -82, 12, 9, 3300),  # Antarctica
    (-110, -81, 7, 5, 1700),
)


def land_share(nx: int, ny: int, smooth_deg: float = 0.6) -> Float32s:
    """How much of each point is land, 0 .. 1: float32[ny, nx].

    Points run from the north pole to the south pole and from 0 degrees eastwards; coasts
    are about twice *smooth_deg* wide.
    """
    step_x, step_y = 360 / nx, 180 / (ny - 1)
    image = Image.new("1", (nx, ny), 0)
    draw = ImageDraw.Draw(image)
    for fill, outlines in ((1, _LAND), (0, _WATER)):
        for outline in outlines:
            numbers = [float(text) for text in outline.split()]
            corners = zip(numbers[::2], numbers[1::2], strict=True)
            points = [((lon + 180) / step_x, (90 - lat) / step_y) for lon, lat in corners]
            draw.polygon(points, fill=fill)
    from_the_date_line = np.asarray(image, dtype=np.float32)
    land = np.roll(from_the_date_line, -(nx // 2), axis=1)
    return _smooth(land, round(smooth_deg / step_y))


def _smooth(values: Float32s, radius: int) -> Float32s:
    """Averages of averages of averages: nearly a bell, without a seam at the date line."""
    for _ in range(3 if radius else 0):
        values = _running_mean(np.pad(values, ((0, 0), (radius, radius)), "wrap"), radius)
        values = _running_mean(np.pad(values, ((radius, radius), (0, 0)), "edge").T, radius).T
    return values


def _running_mean(values: Float32s, radius: int) -> Float32s:
    """The mean over 2 *radius* + 1 columns, which are so many fewer afterwards."""
    sums = np.cumsum(values, axis=1, dtype=np.float64)
    sums = np.pad(sums, ((0, 0), (1, 0)))
    width = 2 * radius + 1
    return ((sums[:, width:] - sums[:, :-width]) / width).astype(np.float32)


def height_m(lons_deg: Float32s, lats_deg: Float32s) -> Float32s:
    """How high the large mountains reach at each point, in metres; 0 far from them."""
    round_ = np.cos(np.radians(lats_deg))
    height = np.zeros(np.broadcast_shapes(lons_deg.shape, lats_deg.shape), dtype=np.float32)
    for lon, lat, wide, high, top in _MOUNTAINS:
        east = ((lons_deg - lon + 180) % 360 - 180) * round_
        shape = np.exp(-((east / wide) ** 2) - ((lats_deg - lat) / high) ** 2)
        height = np.maximum(height, np.float32(top) * shape)
    return height
