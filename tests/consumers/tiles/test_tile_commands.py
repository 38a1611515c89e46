"""`millstream tiles`, as people type it."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.consumers.tiles.typed import complaint, millstream
from tests.support.tiledata import stored_files

pytestmark = pytest.mark.usefixtures("folder")


def test_ingest_shows_what_became_layers(
    forecast_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert millstream("ingest", forecast_file) == 0

    out, err = capsys.readouterr()
    assert "ifs_WIND_10m" in out
    assert "ifs_TMP_2m" in out
    assert err == ""


def test_ingest_speaks_json(forecast_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert millstream("ingest", forecast_file, "--model", "mine", "--json") == 0

    report = json.loads(capsys.readouterr().out)
    assert [each["layer"] for each in report["datasets"]] == [
        "mine_UGRD_10m",
        "mine_VGRD_10m",
        "mine_TMP_2m",
        "mine_WIND_10m",
    ]
    assert report["datasets"][0]["grid"]["nx"] == 12
    assert (report["skipped"], report["stray_bytes"]) == ([], 0)


def test_a_file_cut_in_half_is_one_line_and_no_layer(
    forecast_file: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forecast_file.write_bytes(forecast_file.read_bytes()[: forecast_file.stat().st_size // 2])

    assert millstream("ingest", forecast_file) == 1

    assert "is not whole: 1 message is complete" in complaint(capsys)
    assert stored_files(folder) == []
    assert millstream("layers", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_layers_are_listed(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert millstream("layers") == 0

    out = capsys.readouterr().out
    assert "test_TMP_2m" in out
    assert "260 .. 300" in out
    assert "72 x 37, 5 deg" in out
    assert filled.exists()


def test_layers_speak_json(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert millstream("layers", "--json") == 0

    humidity, temperature = json.loads(capsys.readouterr().out)
    assert humidity["layer"] == "test_RH_2m"
    assert temperature["times"] == 2
    assert temperature["first_valid_time"] == "2026-11-22T06:00:00Z"
    assert (temperature["min"], temperature["max"]) == (260.0, 300.0)
    assert filled.exists()


def test_no_layers_yet_says_how_to_make_some(capsys: pytest.CaptureFixture[str]) -> None:
    assert millstream("layers") == 0

    assert "millstream tiles ingest FILE" in capsys.readouterr().out


@pytest.mark.usefixtures("filled")
def test_render_draws_a_tile_into_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "tile.png"

    status = millstream(
        "render", "-l", "test_TMP_2m", "-s", "temperature", "--tile", "1/0/1", "-o", picture
    )

    assert status == 0
    assert "256 x 256 pixels" in capsys.readouterr().out
    with Image.open(picture) as image:
        assert (image.size, image.mode) == ((256, 256), "P")


@pytest.mark.usefixtures("filled")
def test_render_draws_any_area(tmp_path: Path) -> None:
    picture = tmp_path / "area.png"

    status = millstream(
        *("render", "--layer", "test_TMP_2m", "--crs", "EPSG:4326", "--bbox", "-10.5,35,30,60"),
        *("--size", "64", "--time", "2026-11-22T12:00Z", "--output", picture),
    )

    assert status == 0
    with Image.open(picture) as image:
        assert image.size == (64, 64)


@pytest.mark.usefixtures("filled")
def test_render_says_that_the_grid_does_not_reach_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("-l", "test_RH_2m", "--tile", "2/3/3", "-o", tmp_path / "x.png")

    assert millstream("render", *arguments) == 0

    assert "does not cover this area" in capsys.readouterr().out


PLACE = ("--tile", "0/0/0")


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("-l", "test_TMP_3m", *PLACE), 1, "did you mean test_TMP_2m"),
        (("-l", "test_TMP_2m", "-s", "heat", *PLACE), 1, "the style 'heat' is unknown"),
        (("-l", "test_TMP_2m", "--time", "2026-11-22T09:00Z", *PLACE), 1, "2026-11-22T12:00:00Z"),
        (("-l", "a b", *PLACE), 1, "layer: "),
        (("-l", "test_TMP_2m", "--time", "noon", *PLACE), 2, "'noon' is no time"),
        (("-l", "test_TMP_2m", "--tile", "0/0/1"), 2, "there is no tile 0/0/1"),
        (("-l", "test_TMP_2m", "--tile", "1.5/0/0"), 2, "expected 3 numbers"),
        (("-l", "test_TMP_2m", "--tile", "1/0"), 2, "expected 3 numbers"),
        (("-l", "test_TMP_2m", "--bbox", "1,2,3"), 2, "expected 4 numbers"),
        (("-l", "test_TMP_2m", "--bbox", "1,0,1,5"), 2, "min_x < max_x"),
        (("-l", "test_TMP_2m", "--bbox", "nan,0,1,5"), 2, "min_x"),
        (("-l", "test_TMP_2m", "--bbox", "0,0,1,5", "--crs", "EPSG:9"), 1, "'EPSG:9' is unknown"),
        (("-l", "test_TMP_2m", "--size", "0", *PLACE), 2, "--size"),
        (("-l", "test_TMP_2m", "--size", "100000", *PLACE), 2, "--size"),
        (("-l", "test_TMP_2m"), 2, "either --tile or --bbox"),
        ((*PLACE,), 2, "--layer"),
    ],
)
def test_a_mistake_is_one_line_and_no_picture(
    arguments: tuple[str, ...],
    status: int,
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    picture = tmp_path / "x.png"

    assert millstream("render", *arguments, "-o", picture) == status

    assert says in complaint(capsys)
    assert not picture.exists()


@pytest.mark.usefixtures("filled")
def test_a_picture_that_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = tmp_path / "none" / "x.png"

    assert millstream("render", "-l", "test_TMP_2m", *PLACE, "-o", where) == 1

    assert f"cannot write {where}: No such file" in complaint(capsys)


def test_a_setting_that_cannot_be_used_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://user:hidden@host/db")

    assert millstream("layers") == 1

    told = complaint(capsys)
    assert "expected sqlite or postgresql" in told
    assert "hidden" not in told


def test_styles_are_listed_and_wrong_ones_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert millstream("styles") == 0
    assert "temperature" in capsys.readouterr().out

    (tmp_path / "mine.json").write_text('{"type": "contour", "interval": 2, "fits": ["TMP"]}')
    (tmp_path / "wrong.json").write_text('{"type": "contour", "intervall": 2}')
    monkeypatch.setenv("MILLSTREAM_TILES_STYLES", str(tmp_path))

    assert millstream("styles", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert "mine" in {each["style"] for each in found["styles"]}
    assert "did you mean 'interval'?" in found["unusable"]["wrong"]


def test_a_directory_of_styles_that_is_not_there_is_told_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLSTREAM_TILES_STYLES", "/nowhere/at/all")

    assert millstream("styles") == 1
    assert "does not exist" in complaint(capsys)


def test_legend_writes_a_picture_or_json(
    filled: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "legend.png"

    assert millstream("legend", "--style", "weather", "-o", output, "--scale", "2") == 0
    with Image.open(output) as image:
        assert image.width > 700
    capsys.readouterr()

    assert millstream("legend", "--style", "default", "--layer", "test_TMP_2m", "--json") == 0
    legend = json.loads(capsys.readouterr().out)
    assert len(legend["colours"]) > 200
    assert filled.exists()

    assert millstream("legend", "--style", "default", "--json") == 1
    assert "needs the range of the layer's values" in complaint(capsys)


def test_render_writes_other_formats_and_scales(filled: Path, tmp_path: Path) -> None:
    output = tmp_path / "tile.webp"
    options = ("--format", "webp", "--scale", "2", "-s", "temperature", "-o", output)

    assert millstream("render", "--layer", "test_TMP_2m", "--tile", "1/0/0", *options) == 0

    with Image.open(output) as image:
        assert (image.format, image.size) == ("WEBP", (512, 512))
    assert filled.exists()
