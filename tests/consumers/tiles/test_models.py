import pytest

from consumers.handlers.tiles.models import Origin, guess_model, model_of_file


def origin(
    centre: str,
    process: int | None = None,
    *,
    sub_centre: int = 0,
    discipline: int = 0,
    grid: str = "regular_ll",
    step: float | None = None,
    lon: float | None = None,
    member: int | None = None,
) -> Origin:
    return Origin(centre, sub_centre, process, discipline, grid, step, lon, member)


@pytest.mark.parametrize(
    ("field", "model"),
    [
        (origin("kwbc", 96), "gfs"),
        (origin("kwbc", 81), "gfs"),
        (origin("kwbc", 11), "gfswave"),
        (origin("kwbc", 83, grid="lambert"), "hrrr"),
        (origin("kwbc", 84, grid="lambert"), "nam"),
        (origin("kwbc", 107, sub_centre=2, member=5), "gefs-m05"),
        (origin("kwbc", 211, grid="lambert"), "aqm"),
        (origin("kwbc", 211, grid="polar_stereographic"), "aqm-ak"),
        (origin("kwbc", 211, grid="mercator", lon=198.5), "aqm-hi"),
        (origin("kwbc", 211, grid="mercator", lon=-70.0), "aqm-pr"),
        (origin("ecmf", 154), "ifs"),
        (origin("cwao", 50, grid="rotated_ll", step=0.0225), "hrdps"),
        (origin("cwao", 50, grid="rotated_ll", step=0.09), "rdps"),
        (origin("cwao", 50), "gdps"),
        (origin("161", 97, discipline=209), "mrms"),
    ],
)
def test_the_model_follows_from_centre_process_and_grid(field: Origin, model: str) -> None:
    assert guess_model(field) == model


@pytest.mark.parametrize("field", [origin("kwbc", 250), origin("kwbc"), origin("xxxx", 1)])
def test_what_is_not_known_is_not_guessed(field: Origin) -> None:
    assert guess_model(field) is None


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("hrrr_3km.grib2", "hrrr"),
        ("ICON-EU_single.grib2", "icon-eu"),
        ("gfs.t00z.pgrb2", "gfs"),
        ("2024.grib", "grib"),
        ("a/b/wrf_x", "wrf"),
        ("x-_.grb", "x"),
    ],
)
def test_otherwise_it_is_the_first_word_of_the_file_name(file: str, model: str) -> None:
    assert model_of_file(file) == model
