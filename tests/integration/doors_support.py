"""Routers behind a client that acts as whoever a request's headers name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import NAMESPACE_URL, uuid5

import httpx
from fastapi import APIRouter, FastAPI, Request
from tests.integration.sensing_support import City

from yunnao.infra import http
from yunnao.infra.postgres import Transaction
from yunnao.kernel.principal import ANONYMOUS, Principal
from yunnao.kernel.text import Text


def acting(role: str, department: str = "", name: str = "one") -> dict[str, str]:
    """Headers of a person; the same words are the same person."""
    return {"X-Role": role, "X-Department": department, "X-Name": name}


@asynccontextmanager
async def doors_of(city: City, *routers: APIRouter) -> AsyncIterator[httpx.AsyncClient]:
    async def authenticate(request: Request, tx: Transaction) -> Principal:
        role, department = request.headers.get("x-role"), request.headers.get("x-department")
        if role is None:
            return ANONYMOUS
        person = uuid5(NAMESPACE_URL, f"{role}/{department}/{request.headers.get('x-name')}")
        return Principal(
            person, role, Text(zh=role, en=role), roles=frozenset({role}), department=department or None
        )

    app = FastAPI()
    http.install(app, city.database, authenticate)
    for router in routers:
        app.include_router(router)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://city") as made:
        yield made
