"""What every HTTP door shares: a transaction a request, the principal, problem details, limits."""

from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg import DataError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from yunnao.infra.postgres import Database, Transaction
from yunnao.infra.telemetry import HTTP_SECONDS, current_trace_id, span
from yunnao.kernel.errors import InvalidInput, YunnaoError
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import preferred_language, say

BODY_BYTES_MAX = 4 * 1024 * 1024
BATCH_BYTES_MAX = 64 * 1024 * 1024
"""Of readings in one request."""
BODY_BYTES_MAX_BY_PREFIX = {
    "/api/v1/photos": 11 * 1024 * 1024,
    "/api/v1/imports": 130 * 1024 * 1024,
    "/open311/v2/requests": 34 * 1024 * 1024,
    "/api/v1/readings": BATCH_BYTES_MAX,
    "/api/v1/influx": BATCH_BYTES_MAX,
    "/api/v1/devices": 64 * 1024 * 1024,
}

log = structlog.get_logger()

Authenticate = Callable[[Request, Transaction], Awaitable[Principal]]
"""Finds who sends a request: from a session's cookie or a token; anonymous without either."""


async def transaction(request: Request) -> AsyncIterator[Transaction]:
    """One transaction a request; committed before the answer leaves."""
    database: Database = request.app.state.database
    async with database.transaction() as tx:
        yield tx


Tx = Annotated[Transaction, Depends(transaction, scope="function")]


async def current_principal(request: Request, tx: Tx) -> Principal:
    authenticate: Authenticate = request.app.state.authenticate
    principal = await authenticate(request, tx)
    request.state.principal = principal
    return principal


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


class Problem(BaseModel):
    """Problem details (RFC 9457): what went wrong, in the reader's language, and what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": name,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, name in {
        401: "Nobody is signed in",
        403: "No right to do this",
        404: "No such thing",
        422: "What was sent breaks a rule",
    }.items()
}
"""What any operation may answer instead of what was asked for."""


def describe_problems(app: FastAPI) -> None:
    """Puts the form of problems into the API's description, in place of FastAPI's own."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        found = plain()
        found["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        return found

    app.openapi = described  # type: ignore[method-assign]


def problem(
    request: Request, status: int, code: str, extra: dict[str, Any] | None = None, /, **params: Any
) -> Any:
    """RFC 9457 problem details in the reader's language."""
    language = preferred_language(request.headers.get("accept-language"))
    body = {
        "type": f"https://yunnao.invalid/problems/{code}",
        "title": say(code, language, **params),
        "status": status,
        "detail": say(code, language, **params),
        "code": code,
        "instance": request.url.path,
        **(extra or {}),
    }
    return JSONResponse(
        body,
        status_code=status,
        media_type="application/problem+json",
        headers={"Content-Language": language},
    )


async def _on_expected(request: Request, error: Exception) -> Any:
    assert isinstance(error, YunnaoError)
    extra = error.params.get("problem_extra")
    params = {k: v for k, v in error.params.items() if k != "problem_extra"}
    return problem(request, error.status, error.code, extra, **params)


async def _on_invalid(request: Request, error: Exception) -> Any:
    assert isinstance(error, RequestValidationError)
    found = [
        {
            "pointer": "/" + "/".join(map(str, e["loc"])),
            "detail": e["msg"],
            # For screens, which say it in the reader's language.
            "kind": e["type"],
            "limits": {k: v for k, v in e.get("ctx", {}).items() if isinstance(v, int | float | str)},
        }
        for e in error.errors()
    ]
    detail = "; ".join(f"{e['pointer']}: {e['detail']}" for e in found[:5])
    return problem(request, InvalidInput.status, "invalid_request", {"errors": found}, detail=detail)


async def _on_http(request: Request, error: Exception) -> Any:
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
    code = codes.get(error.status_code, "invalid_request")
    answer = problem(request, error.status_code, code, detail=error.detail, limit_bytes=error.detail)
    if error.status_code == 413:
        # The rest of the body is not read, so the connection is of no further use to the client.
        answer.headers["Connection"] = "close"
    return answer


async def _on_data(request: Request, error: Exception) -> Any:
    """PostgreSQL refuses a value that no check of ours foresaw, such as a NUL within a text."""
    log.warning("value_refused", path=request.url.path, error=str(error))
    return problem(request, InvalidInput.status, "invalid_request", detail=str(error).splitlines()[0])


async def _on_unexpected(request: Request, error: Exception) -> Any:
    trace = current_trace_id() or "-"
    log.error("request_failed", path=request.url.path, exc_info=error)
    return problem(request, 500, "internal_error", trace_id=trace)


class Edge:
    """Outermost: the limit of the body's size, a span, and the time each route takes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next(
            (v for p, v in BODY_BYTES_MAX_BY_PREFIX.items() if scope["path"].startswith(p)), BODY_BYTES_MAX
        )
        received = 0
        status = 500
        began = perf_counter()

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                # Starlette's own error: FastAPI would turn any other into "cannot parse the body".
                raise HTTPException(413, detail=str(limit))
            return message

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                trace = current_trace_id()
                if trace:
                    message["headers"] = [*message["headers"], (b"x-trace-id", trace.encode())]
            await send(message)

        with span(f"{scope['method']} {scope['path']}", _incoming_trace(scope)):
            try:
                await self._app(scope, limited, watched)
            finally:
                route = getattr(scope.get("route"), "path", "-")
                HTTP_SECONDS.labels(scope["method"], route, status).observe(perf_counter() - began)


def _incoming_trace(scope: Scope) -> str | None:
    """The trace id of a W3C `traceparent` header."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            parts = value.decode("latin-1").split("-")
            if len(parts) == 4 and len(parts[1]) == 32 and set(parts[1]) <= set("0123456789abcdef"):
                return parts[1] if parts[1].strip("0") else None
    return None


def install(app: FastAPI, database: Database, authenticate: Authenticate) -> None:
    """Puts the shared parts on `app`."""
    app.state.database = database
    app.state.authenticate = authenticate
    app.add_exception_handler(YunnaoError, _on_expected)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DataError, _on_data)
    app.add_exception_handler(Exception, _on_unexpected)
    app.add_middleware(Edge)
