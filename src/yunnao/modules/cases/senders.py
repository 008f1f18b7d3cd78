"""Who sent a case and what it says as JSON, for what is opened later than it was sent."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.cases.contracts import NewCase, Reporter


def principal_json(principal: Principal) -> dict[str, Any]:
    return {
        "id": str(principal.id) if principal.id else None,
        "account": principal.account,
        "name": principal.name.model_dump(),
        "kind": principal.kind,
        "roles": sorted(principal.roles),
        "department": principal.department,
    }


def principal_of(kept: dict[str, Any]) -> Principal:
    return Principal(
        UUID(kept["id"]) if kept["id"] else None,
        kept["account"],
        Text(**kept["name"]),
        kept["kind"],
        frozenset(kept["roles"]),
        kept["department"],
    )


def case_json(new: NewCase) -> dict[str, Any]:
    return {**asdict(new), "photos": [str(each) for each in new.photos]}


def case_of(kept: dict[str, Any]) -> NewCase:
    reporter = Reporter(**kept["reporter"]) if kept["reporter"] else None
    return NewCase(**{**kept, "reporter": reporter, "photos": tuple(UUID(each) for each in kept["photos"])})
