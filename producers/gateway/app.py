"""The HTTP side of the tile queue.

| address | answer |
| --- | --- |
| `/` | the map page |
| `/tiles/{layer}/{style}/{z}/{x}/{y}.png?time=` | a tile; drawn if nobody has asked for it yet |
| `/legends/{layer}/{style}.png` | what the colours, lines and signs of a style mean |
| `/api/layers` | the layers with their styles and legends |
| `/api/live` | what the queue is doing |
| `/assets/...` | the page's files |

Errors are one line of JSON, `{"error": "..."}`; 503 comes with `Retry-After`.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import wraps

import orjson
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from producers.gateway.assets import WEB_DIR, leaflet_dir
from producers.gateway.errors import BadRequest, GatewayError, NotYet
from producers.gateway.layers import DrawLegend, FindLayers, named_style
from producers.gateway.live import Live
from producers.gateway.tiles import TileDesk
from producers.tilegrid import Tile

Endpoint = Callable[[Request], Awaitable[Response]]

#: What a visitor is asked to wait before the next try.
RETRY_AFTER_S = 2
#: A picture of one time does not change until its forecast is ingested again.
TILE_MAX_AGE_S = 60

#: Nothing but this server is ever asked. Leaflet places its tiles by style attributes.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


def new_gateway(
    desk: TileDesk, find_layers: FindLayers, live: Live, draw_legend: DrawLegend
) -> Starlette:
    """The application; what it needs of Redis, of the catalog and of styles is handed in.

    Raises:
        AssetsMissing: the files of the map are not installed.
    """

    async def page(_request: Request) -> Response:
        headers = {"content-security-policy": _POLICY, "cache-control": "no-cache"}
        return FileResponse(WEB_DIR / "map.html", headers=headers)

    async def layers(_request: Request) -> Response:
        return _json(await find_layers())

    async def numbers(_request: Request) -> Response:
        try:
            return _json(await live.numbers())
        except (RedisError, OSError) as error:
            raise NotYet(f"Redis does not answer: {error}") from error

    async def tile(request: Request) -> Response:
        parts = request.path_params
        address = Tile(*(_number(parts[name], name) for name in ("z", "x", "y")))
        time = _time(request.query_params.get("time"))
        picture = await desk.picture(parts["layer"], parts["style"], address, time)
        headers = {"cache-control": f"public, max-age={TILE_MAX_AGE_S}"}
        return Response(picture, media_type="image/png", headers=headers)

    async def legend(request: Request) -> Response:
        layer, style = request.path_params["layer"], request.path_params["style"]
        named_style(await find_layers(), layer, style)
        headers = {"cache-control": f"public, max-age={TILE_MAX_AGE_S}"}
        picture = await draw_legend(layer, style)
        return Response(picture, media_type="image/png", headers=headers)

    return Starlette(
        routes=[
            Route("/", _answering(page)),
            Route("/api/layers", _answering(layers)),
            Route("/api/live", _answering(numbers)),
            Route("/tiles/{layer}/{style}/{z}/{x}/{y}.png", _answering(tile)),
            Route("/legends/{layer}/{style}.png", _answering(legend)),
            Mount("/assets/leaflet", StaticFiles(directory=leaflet_dir())),
            Mount("/assets", StaticFiles(directory=WEB_DIR)),
        ],
        exception_handlers={HTTPException: _http_error},
    )


def _answering(endpoint: Endpoint) -> Endpoint:
    """*endpoint*, with its errors as answers."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except GatewayError as error:
            response = _json({"error": str(error)}, status=error.status)
            response.headers["cache-control"] = "no-store"
            if isinstance(error, NotYet):
                response.headers["retry-after"] = str(RETRY_AFTER_S)
            return response

    return answer


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "not answered"
    return _json({"error": detail}, status=status)


def _json(value: object, *, status: int = 200) -> Response:
    packed = orjson.dumps(value, option=orjson.OPT_UTC_Z)
    headers = {"cache-control": "no-store"}
    return Response(packed, status, headers=headers, media_type="application/json")


def _number(text: str, name: str) -> int:
    # int() also takes "1_0", " 1" and digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= 10):  # noqa: PLR2004 - 2^30 has ten
        raise BadRequest(f"{name} must be a whole number, got {text[:40]!r}")
    return int(text)


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise BadRequest(
            f"time must be a moment with a time zone, such as 2026-11-22T06:00:00Z, "
            f"got {text[:40]!r}"
        )
    return time
