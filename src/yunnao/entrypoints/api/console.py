"""The console's built files; every other path of the site is a page of it."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        "worker-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(self)",
}
API_PREFIXES = ("/api", "/open311", "/sensorthings", "/id/", "/metrics", "/healthz", "/readyz")


class Assets(StaticFiles):
    """Built files carry a hash in their name, so a browser may keep them for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def mount(app: FastAPI, dist: Path) -> None:
    """Serves `dist`; without it the API still works and says how to build the console."""
    if (dist / "assets").is_dir():
        app.mount("/assets", Assets(directory=dist / "assets"), name="assets")

    @app.get("/{path:path}", include_in_schema=False)
    def page(request: Request, path: str) -> Response:  # sync: files are read in a thread
        if f"/{path}".startswith(API_PREFIXES):
            raise HTTPException(404)
        wanted = (dist / path).resolve()
        if path and wanted.is_file() and wanted.is_relative_to(dist.resolve()):
            return FileResponse(wanted, headers=SECURITY_HEADERS)
        if not (dist / "index.html").is_file():
            raise HTTPException(404)
        return FileResponse(dist / "index.html", headers={**SECURITY_HEADERS, "Cache-Control": "no-cache"})
