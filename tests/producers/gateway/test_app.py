"""What the gateway answers."""

from datetime import timedelta

import anyio
import httpx
import pytest

from producers.payloads.tiles import RenderTile
from producers.tilegrid import Tile, tile_bbox_3857
from producers.tilekey import tile_key
from producers.tilepriority import INTERACTIVE_PRIORITY
from streams.priority import Priority
from streams.settle import Verdict
from tests.producers.gateway.conftest import LAYER, STYLE, TILE, TIMES, Gateway


def error_of(answer: httpx.Response) -> str:
    """The message of an error, which is one line of JSON."""
    assert answer.headers["content-type"] == "application/json"
    assert "\n" not in answer.text
    message: str = answer.json()["error"]
    return message


async def get_and_paint(
    gateway: Gateway, path: str, version: str = STYLE.version
) -> tuple[httpx.Response, RenderTile]:
    """Ask for a tile that is not there, and draw it."""
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await gateway.http.get(path))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        wanted = await gateway.paint(version=version)
    return answers[0], wanted


async def test_a_tile_in_the_cache_costs_no_job(gateway: Gateway) -> None:
    tile = RenderTile(
        layer=LAYER.name, style="temperature", bbox=tile_bbox_3857(Tile(1, 0, 1)), time=LAYER.time
    )
    key = tile_key(tile, LAYER.time, style_version=STYLE.version)
    await gateway.cache.put(key, b"ready", timedelta(minutes=1))

    answer = await gateway.http.get(TILE)

    assert (answer.status_code, answer.content) == (200, b"ready")
    assert answer.headers["content-type"] == "image/png"
    assert await gateway.queue.counter("enqueued") == 0


async def test_any_other_tile_is_an_urgent_job_and_is_waited_for(gateway: Gateway) -> None:
    answer, wanted = await get_and_paint(gateway, TILE)

    assert (answer.status_code, answer.content) == (200, b"a picture")
    assert Priority.of(wanted.priority) is Priority.of(INTERACTIVE_PRIORITY) is Priority.HIGH
    assert (wanted.layer, wanted.time) == (LAYER.name, LAYER.time)
    assert wanted.bbox == tile_bbox_3857(Tile(1, 0, 1))


async def test_a_worker_that_knows_another_version_of_the_style_is_believed(
    gateway: Gateway,
) -> None:
    """While styles are changed, gateway and workers differ for a while."""
    answer, _wanted = await get_and_paint(gateway, TILE, version="ba9876543210")

    assert (answer.status_code, answer.content) == (200, b"a picture")


async def test_the_time_can_be_chosen(gateway: Gateway) -> None:
    _answer, wanted = await get_and_paint(gateway, f"{TILE}?time=2026-01-01T00:00:00Z")

    assert wanted.time == TIMES[0]


async def test_two_visitors_of_one_tile_are_one_job(gateway: Gateway) -> None:
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await gateway.http.get(TILE))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
        await gateway.paint()

    assert [answer.status_code for answer in answers] == [200, 200]
    assert await gateway.queue.counter("completed") == 1


@pytest.mark.leaves_jobs
async def test_a_tile_that_is_not_drawn_in_time_is_503_with_retry_after(gateway: Gateway) -> None:
    answer = await gateway.http.get(TILE)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "not drawn within 1 s" in error_of(answer)


@pytest.mark.leaves_jobs
async def test_no_more_visitors_wait_than_may(gateway: Gateway) -> None:
    """The third of three that come at once is sent away at once."""
    answers: list[httpx.Response] = []

    async def ask(y: int) -> None:
        answers.append(await gateway.http.get(f"/tiles/gfs_TMP_2m/temperature/2/0/{y}.png"))

    async with anyio.create_task_group() as tasks:
        for y in range(3):
            tasks.start_soon(ask, y)

    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert "2 visitors wait for tiles already" in error_of(answers[0])


async def test_a_tile_whose_job_died_is_502_with_the_cause(gateway: Gateway) -> None:
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await gateway.http.get(TILE))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        delivery, _wanted = await gateway.next_job()
        await gateway.queue.settle(delivery, Verdict.DEAD, detail="the grid is gone")

    assert answers[0].status_code == 502
    assert error_of(answers[0]) == "the tile could not be drawn: the grid is gone"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/tiles/gfs_TMP_2n/temperature/0/0/0.png", 404, "did you mean 'gfs_TMP_2m'?"),
        ("/tiles/x/temperature/0/0/0.png", 404, "there are gfs_TMP_2m"),
        ("/tiles/gfs_TMP_2m/wind/0/0/0.png", 404, "there are temperature"),
        ("/tiles/gfs_TMP_2m/temperature/0/1/0.png", 404, "there is no tile 0/1/0"),
        ("/tiles/gfs_TMP_2m/temperature/31/0/0.png", 404, "zooms are 0 to 30"),
        ("/tiles/gfs_TMP_2m/temperature/0/-1/0.png", 400, "x must be a whole number"),
        ("/tiles/gfs_TMP_2m/temperature/0/1_0/0.png", 400, "x must be a whole number"),
        ("/tiles/gfs_TMP_2m/temperature/0/0/٣.png", 400, "y must be a whole number"),
        (f"{TILE}?time=soon", 400, "time must be a moment with a time zone"),
        (f"{TILE}?time=2026-01-01T00:00:00", 400, "time must be a moment with a time zone"),
        (f"{TILE}?time=2026-01-02T00:00:00Z", 404, "ask for 2026-01-01T00:00:00+00:00"),
        ("/tiles/gfs_TMP_2m/temperature/0/0/0.jpg", 404, "Not Found"),
        ("/nothing/here", 404, "Not Found"),
    ],
)
async def test_a_wrong_address_is_one_line_and_no_job(
    gateway: Gateway, path: str, status: int, said: str
) -> None:
    answer = await gateway.http.get(path)

    assert answer.status_code == status
    assert said in error_of(answer)
    assert await gateway.queue.counter("enqueued") == 0


async def test_the_layers_come_with_their_legends(gateway: Gateway) -> None:
    [layer] = (await gateway.http.get("/api/layers")).json()

    assert (layer["name"], layer["times"][0]) == ("gfs_TMP_2m", "2026-01-01T00:00:00Z")
    assert layer["styles"][0] == {
        "name": "temperature",
        "version": "0123456789ab",
        "ticks": [
            {"value": -60.0, "place": 0.0, "text": "-60"},
            {"value": 50.0, "place": 1.0, "text": "50"},
        ],
        "ramp": ["#000000", "#ffffff"],
        "units": "°C",
    }


@pytest.mark.leaves_jobs
async def test_the_live_numbers_are_those_of_the_queue(gateway: Gateway) -> None:
    await get_and_paint(gateway, TILE)
    await gateway.http.get("/tiles/gfs_TMP_2m/temperature/0/0/0.png")

    numbers = (await gateway.http.get("/api/live")).json()

    assert (numbers["waiting"], numbers["running"], numbers["completed"]) == (1, 0, 1)
    assert (numbers["dead"], numbers["delayed"], numbers["workers"]) == (0, 0, 1)


async def test_the_page_and_everything_it_loads_comes_from_here(gateway: Gateway) -> None:
    """Also where a browser would be talked into asking somebody else."""
    page = await gateway.http.get("/")
    script = await gateway.http.get("/assets/map.js")

    assert "default-src 'none'" in page.headers["content-security-policy"]
    for text in (page.text, script.text):
        assert "http://" not in text
        assert "https://" not in text
    for path in (
        "/assets/map.css",
        "/assets/graticule.js",
        "/assets/legend.js",
        "/assets/icon.svg",
        "/assets/leaflet/index.js",
        "/assets/leaflet/leaflet/leaflet.css",
    ):
        assert (await gateway.http.get(path)).status_code == 200


@pytest.mark.parametrize("path", ["/assets/../app.py", "/assets/%2e%2e/app.py", "/assets/"])
async def test_nothing_but_the_assets_is_served(gateway: Gateway, path: str) -> None:
    assert (await gateway.http.get(path)).status_code == 404


async def test_a_legend_is_drawn_for_styles_that_there_are(gateway: Gateway) -> None:
    legend = await gateway.http.get("/legends/gfs_TMP_2m/temperature.png")
    unknown = await gateway.http.get("/legends/gfs_TMP_2m/wind.png")

    assert (legend.status_code, legend.content) == (200, b"the legend of gfs_TMP_2m in temperature")
    assert legend.headers["content-type"] == "image/png"
    assert unknown.status_code == 404
    assert "there are temperature" in error_of(unknown)
