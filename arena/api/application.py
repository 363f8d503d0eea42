"""The API as one FastAPI application, to be mounted under /api."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from arena.api import tables
from arena.api.models import Problem
from arena.api.routes import router
from arena.errors import ArenaError
from arena.presentation.html import environment
from arena.presentation.reader import Reader


def create_api(reader: Callable[[], Reader]) -> FastAPI:
    """Build the API; `reader` is called for each request, so that building it opens nothing.

    The usual pages of documentation load their scripts from foreign hosts, so a plain page of our own lists the routes
    beside the machine-readable description.
    """
    api = FastAPI(
        title="Arena",
        version="1",
        summary="Published results of contests between radiology-AI products.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    api.state.reader = reader
    api.include_router(router)
    api.include_router(tables.router)
    api.add_api_route("/docs", _documentation, include_in_schema=False, response_class=HTMLResponse)
    api.add_exception_handler(ArenaError, _arena_error)
    api.add_exception_handler(RequestValidationError, _invalid_request)
    api.add_exception_handler(HTTPException, _http_error)
    return api


def _documentation(request: Request) -> HTMLResponse:
    api: FastAPI = request.app
    routes = [
        {
            "path": request.scope.get("root_path", "") + route.path,
            "summary": route.summary or "",
            "description": route.description,
            "parameters": [(p.alias, p.field_info.description or "") for p in route.dependant.query_params],
        }
        for route in (*router.routes, *tables.router.routes)
        if isinstance(route, APIRoute)
    ]
    description = request.scope.get("root_path", "") + (api.openapi_url or "")
    page = environment().get_template("api.html.j2").render(routes=routes, description=description, title=api.summary)
    return HTMLResponse(page)


def _problem(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse(Problem(code=code, message=message).model_dump(), status_code=status)


def _arena_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ArenaError):
        raise error
    return _problem(error.http_status, error.code, str(error))


def _invalid_request(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    faults = "; ".join(f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
    return _problem(422, "invalid_request", faults)


def _http_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    return _problem(error.status_code, "http_error", str(error.detail))
