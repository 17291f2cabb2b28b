"""The relay's list of models, read from its source: those that the key may use, in OpenAI's shape."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longtake.sandbox.state import Endpoint

_OTHER = "gpt-5-mini"
"""A relay sells more than films."""


def model_route(endpoint: Endpoint, models: Sequence[str]) -> Route:
    """`GET /v1/models`."""

    async def listed(request: Request, account: str) -> Response:
        closed = endpoint.back.settings.closed_models
        names = [name for name in (_OTHER, *models) if name not in closed]
        data = [{"id": name, "object": "model", "created": 1626777600, "owned_by": "custom"} for name in names]
        return JSONResponse({"success": True, "data": data, "object": "list"})

    return Route("/v1/models", endpoint.guarded("account", listed))
