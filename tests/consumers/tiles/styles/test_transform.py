"""Units that people read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.handlers.tiles.styles.transform import TRANSFORMS


@pytest.mark.parametrize(
    ("name", "stored", "shown"),
    [
        ("k_to_c", 273.15, 0),
        ("k_to_c", 233.15, -40),
        ("k_to_f", 273.15, 32),
        ("k_to_f", 233.15, -40),
        ("k_to_f", 373.15, 212),
        ("pa_to_hpa", 101_325, 1013.25),
        ("mps_to_knots", 1852 / 3600, 1),
        ("mps_to_kmh", 10, 36),
        ("m_to_km", 1500, 1.5),
        ("m_to_dam", 5520, 552),
        ("m_to_mm", 0.001, 1),
        ("share_to_percent", 0.25, 25),
    ],
)
def test_known_values_are_shown_as_known(name: str, stored: float, shown: float) -> None:
    assert TRANSFORMS[name].shown(stored) == pytest.approx(shown, rel=1e-12, abs=1e-9)
    assert TRANSFORMS[name].stored(shown) == pytest.approx(stored, rel=1e-12)


@given(st.sampled_from(sorted(TRANSFORMS)), st.floats(-1e6, 1e6))
def test_there_and_back_is_the_same_value(name: str, value: float) -> None:
    transform = TRANSFORMS[name]

    assert transform.stored(transform.shown(value)) == pytest.approx(value, rel=1e-12, abs=1e-9)
    assert transform.stored_all(np.array([value]))[0] == transform.stored(value)


def test_freezing_is_freezing_in_float32() -> None:
    """A stop at 0 degC is the float32 that grids hold for 273.15 K: the upper band has it."""
    assert np.float32(TRANSFORMS["k_to_c"].stored(0)) == np.float32(273.15)
    assert np.float32(TRANSFORMS["k_to_f"].stored(32)) == np.float32(273.15)
