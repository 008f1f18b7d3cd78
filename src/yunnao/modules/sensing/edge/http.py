"""Doors of edge sites."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.edge.centre import EdgeCentre
from yunnao.modules.sensing.edge.contracts import Report
from yunnao.modules.sensing.edge.programs import Programs

Edge = Annotated[str, Path(max_length=60)]


class EdgeSiteOut(BaseModel):
    """`newest`: it runs the program, products and rules that it should; `program`: the one it shall run."""

    edge: str
    label: Text
    pinned: str | None
    program: str | None
    registered_at: datetime
    reported_at: datetime | None
    online: bool
    newest: bool
    report: Report | None


class EdgesOut(BaseModel):
    items: list[EdgeSiteOut]
    versions: list[str]
    programs: list[str]


class ProgramIn(BaseModel):
    """`version` none: the program that is installed at the site."""

    version: str | None


class PinIn(BaseModel):
    """`version` none: the newest."""

    version: str | None


def router(centre: EdgeCentre, programs: Programs, identity: Identity) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes = APIRouter(tags=["edge"])

    @routes.get("/edges")
    async def list_edges(tx: Tx, principal: CurrentPrincipal) -> EdgesOut:
        identity.authorize(principal, "edge:list")
        sites = [EdgeSiteOut(**vars(site)) for site in await centre.sites(tx)]
        versions = await centre.versions(tx)
        return EdgesOut(items=sites, versions=versions, programs=await programs.versions(tx))

    @routes.put("/edges/{edge}/pin", status_code=204)
    async def pin_edge(tx: Tx, principal: CurrentPrincipal, edge: Edge, given: PinIn) -> None:
        """Keeps a site at a version of products and rules, or lets it follow the newest."""
        identity.authorize(principal, "edge:pin")
        await centre.pin(tx, edge, given.version)
        await identity.audit(tx, principal, "edge:pin", "EdgeSite", edge=edge, version=given.version)

    @routes.put("/edges/{edge}/program", status_code=204)
    async def roll_out(tx: Tx, principal: CurrentPrincipal, edge: Edge, given: ProgramIn) -> None:
        """Has a site run a released program; it goes back where that one fails."""
        identity.authorize(principal, "edge:roll-out")
        await programs.roll_out(tx, given.version, edge)
        await identity.audit(tx, principal, "edge:roll-out", "EdgeSite", edge=edge, version=given.version)

    return routes
