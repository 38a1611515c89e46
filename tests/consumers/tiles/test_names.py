import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.handlers.tiles.dataerrors import IngestError
from consumers.handlers.tiles.names import (
    PARAMETERS,
    LayerName,
    layer_name,
    level_name,
    parameter_name,
    signed,
)
from producers.payloads.fields.name import NAME_LENGTH_MAX, NAME_PATTERN


@pytest.mark.parametrize(
    ("short_name", "kind", "value", "surfaces", "expected"),
    [
        ("2t", "heightAboveGround", 2, [2.0], "TMP_2m"),
        ("t", "isobaricInhPa", 850, [85000.0], "TMP_850mb"),
        ("t", "surface", 0, [0.0], "TMP_surface"),
        ("prmsl", "meanSea", 0, [0.0], "PRMSL_msl"),
        ("msl", "meanSea", 0, [0.0], "PRMSL_msl"),
        ("10u", "heightAboveGround", 10, [10.0], "UGRD_10m"),
        ("10v", "heightAboveGround", 10, [10.0], "VGRD_10m"),
        ("gh", "isobaricInhPa", 500, [50000.0], "HGT_500mb"),
        ("gh", "isobaricInPa", 40, [40.0], "HGT_0.4mb"),
        ("tp", "surface", 0, [0.0], "APCP_surface"),
        ("gust", "surface", 0, [0.0], "GUST_surface"),
        ("cape", "surface", 0, [0.0], "CAPE_surface"),
        ("cape", "pressureFromGroundLayer", 18000, [18000.0, 0.0], None),
        ("2r", "heightAboveGround", 2, [2.0], "RH_2m"),
        ("swh", "surface", 1, [1.0], "HTSGW_surface"),
        ("refc", "atmosphere", 0, [], "REFC_atmosphere"),
        ("t", "depthBelowLandLayer", 0, [0.0, 0.1], "TMP_0-10cm"),
        ("t", "potentialVorticity", 0, [-2e-6], "TMP_pv-2"),
        ("ozcon", "sigma", 1, [1.0], "OZCON_sigma1"),
    ],
)
def test_layers_are_called_as_ncep_calls_them(
    short_name: str, kind: str, value: float, surfaces: list[float], expected: str | None
) -> None:
    parameter, level = parameter_name(short_name, None), level_name(kind, value, surfaces)
    name = layer_name("gfs", parameter, level)

    assert expected is None or str(name) == f"gfs_{expected}"


def test_what_no_table_knows_gets_a_clean_name() -> None:
    assert parameter_name("so/me thing", None) == "SO-ME-THING"
    assert parameter_name("unknown", (0, 191, 7)) == "VAR-0-191-7"
    assert parameter_name("unknown", (209, 3, 57)) == "ReflectivityAtLowestAltitude"
    assert parameter_name("unknown", None) == "VAR"
    assert level_name("some kind/of level", 3.5, []) == "some-kind-of-level3.5"
    assert level_name("cloudBase", 0, []) == "cloudBase"


@given(st.text(), st.sampled_from(["hybrid", "heightAboveGround", "isobaricInhPa", "x y"]))
def test_every_layer_name_is_legal_in_jobs_and_splits_again(short_name: str, kind: str) -> None:
    parameter = parameter_name(short_name, (0, 0, 0))
    try:
        name = layer_name("gfs", parameter, level_name(kind, 1234.5678, [1234.5678]))
    except IngestError:
        return

    assert re.fullmatch(NAME_PATTERN, str(name))
    assert len(str(name)) <= NAME_LENGTH_MAX
    assert LayerName(*str(name).split("_")) == name


def test_every_known_parameter_makes_a_legal_name() -> None:
    for parameter in PARAMETERS.values():
        assert str(layer_name("gfs", parameter, "2m")) == f"gfs_{parameter}_2m"


@pytest.mark.parametrize("model", ["", "GFS", "g_fs", "g fs", "../x", "1gfs", "a" * 25])
def test_a_model_name_that_is_not_plain_is_refused(model: str) -> None:
    with pytest.raises(IngestError, match="is no model name: expected letters"):
        layer_name(model, "TMP", "2m")


def test_scaled_values_are_sign_and_magnitude() -> None:
    assert signed(2147485648, 9) == pytest.approx(-2e-6)
    assert signed(850, -2) == pytest.approx(85000.0)
