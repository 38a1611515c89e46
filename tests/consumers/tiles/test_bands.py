"""From values to the numbers of colour bands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from consumers.handlers.tiles.bands import THRESHOLDS_MAX, Bands, Float32s
from consumers.handlers.tiles.errors import StyleError
from tests.support.looks import LIBRARY

SINGLE = st.floats(-1e6, 1e6, width=32)


@st.composite
def thresholds(draw: st.DrawFn) -> Float32s:
    """Thresholds whose distances differ up to 64-fold."""
    steps = draw(st.lists(st.floats(1 / 64, 1), min_size=1, max_size=THRESHOLDS_MAX))
    start = draw(st.floats(-500, 500))
    return (start + np.cumsum(steps)).astype(np.float32)


def searched(
    thresholds: Float32s, values: Float32s
) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    bands = 1 + np.searchsorted(thresholds, values, side="right")
    return np.where(np.isnan(values), 0, bands)


@settings(deadline=None)
@given(
    thresholds(),
    arrays.arrays(np.float32, 50, elements=st.floats(width=32)),
)
def test_the_buckets_answer_as_a_search_does(thresholds: Float32s, values: Float32s) -> None:
    bands = Bands(thresholds)

    np.testing.assert_array_equal(bands.indices(values), searched(thresholds, values))


@settings(deadline=None)
@given(
    st.lists(st.floats(1.001, 1.5), min_size=1, max_size=40),
    st.floats(1e-6, 10),
    arrays.arrays(np.float32, 50, elements=st.floats(width=32)),
)
def test_so_they_do_over_many_powers_of_ten(
    ratios: list[float], start: float, values: Float32s
) -> None:
    thresholds = np.unique((start * np.cumprod(ratios)).astype(np.float32))
    edges = np.concatenate((thresholds, np.nextafter(thresholds, np.float32(0)), values))

    found = Bands(thresholds).indices(edges)

    np.testing.assert_array_equal(found, searched(thresholds, edges))


@settings(deadline=None)
@given(thresholds())
def test_a_value_that_equals_a_threshold_belongs_to_the_band_above(thresholds: Float32s) -> None:
    bands = Bands(thresholds)
    below = np.nextafter(thresholds, np.float32(-np.inf), dtype=np.float32)

    np.testing.assert_array_equal(bands.indices(thresholds), np.arange(len(thresholds)) + 2)
    np.testing.assert_array_equal(bands.indices(below), np.arange(len(thresholds)) + 1)


@pytest.mark.parametrize("name", LIBRARY.coloured)
def test_the_styles_answer_as_a_search_does(name: str) -> None:
    bands = LIBRARY.colouring(name, (250.0, 300.0)).bands
    edges = bands.thresholds
    random = np.random.default_rng(7)
    values = np.concatenate(
        (
            random.uniform(edges[0] - 5, edges[-1] + 5, 100_000),
            edges,
            np.nextafter(edges, np.float32(np.inf)),
            np.nextafter(edges, np.float32(-np.inf)),
            [np.nan, np.inf, -np.inf],
        )
    ).astype(np.float32)

    np.testing.assert_array_equal(bands.indices(values), searched(edges, values))


def test_what_has_no_value_is_band_0() -> None:
    values = np.array([[np.nan, 0.0], [1.0, np.nan]], dtype=np.float32)

    assert Bands(np.array([0.5], dtype=np.float32)).indices(values).tolist() == [[0, 1], [2, 0]]


@pytest.mark.parametrize(
    "numbers", [[], [1, 1], [2, 1], range(THRESHOLDS_MAX + 1), [0, 1e-30, 1], [0, 1, float("nan")]]
)
def test_thresholds_that_make_no_bands_are_refused(numbers: list[float]) -> None:
    with pytest.raises(StyleError):
        Bands(np.array(list(numbers), dtype=np.float32))
