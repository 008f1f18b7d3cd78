"""Who may do what: Cedar policies, deny by default.

The policies lie in `policies/*.cedar`, their vocabulary in `policies/policies.cedarschema`. Both
are parsed once; a decision takes a tenth of a millisecond, and a remembered one some microseconds.
"""

import re
from dataclasses import replace
from importlib.resources import files
from typing import Any

import cedarpy

from yunnao.kernel.principal import Principal
from yunnao.modules.identity.contracts import CaseScope, Decision, Resource

RESOURCE_TYPES = {
    "case": "Case",
    "open311": "Case",
    "evaluation": "Case",
    "survey": "Case",
    "photo": "Photo",
    "alarm": "Alarm",
    "device": "Device",
    "entity": "Entity",
    "layer": "Layer",
    "share": "Share",
    "request": "Request",
}
"""The type that an action concerns, by the part of its name before the colon; else Platform."""

DECISIONS_HELD_MAX = 20_000
"""Decisions a process remembers; beyond it all are forgotten."""
_ONE_THING = re.compile(r'\b(?:Party|Case|Request|Photo|Alarm|Device|Entity|Layer|Share|Platform)::"')


class PolicyError(RuntimeError):
    """A request that the schema does not know, or a policy that failed: a mistake in the program."""


class Policies:
    """The platform's policies, parsed."""

    def __init__(self, policies: str, schema: str) -> None:
        """Raises PolicyError when the policies do not fit the schema."""
        checked = cedarpy.validate_policies(policies, schema)
        if not checked.validation_passed:
            raise PolicyError("; ".join(str(error) for error in checked.errors))
        if _ONE_THING.search(policies):
            # Decisions are remembered for all things and parties of equal attributes.
            raise PolicyError("a policy names one single thing or party")
        self._policies = cedarpy.PolicySet.from_str(policies)
        self._schema = cedarpy.Schema.from_str(schema)
        self._held: dict[tuple[Any, ...], Decision] = {}

    @classmethod
    def load(cls) -> "Policies":
        """The policies in the package."""
        folder = files("yunnao.modules.identity").joinpath("policies")
        sources = sorted((f for f in folder.iterdir() if f.name.endswith(".cedar")), key=lambda f: f.name)
        return cls(
            "\n".join(f.read_text(encoding="utf-8") for f in sources),
            folder.joinpath("policies.cedarschema").read_text(encoding="utf-8"),
        )

    def decide(self, principal: Principal, action: str, resource: Resource | None = None) -> Decision:
        """The decision on `action`, and the policies that made it.

        Without a resource the action is about its type as a whole. Raises PolicyError for an action
        or a type of resource that the schema lacks.
        """
        thing = resource or Resource(RESOURCE_TYPES.get(action.split(":", maxsplit=1)[0], "Platform"))
        key = _question(principal, action, thing)
        held = self._held.get(key)
        if held is None:
            if len(self._held) >= DECISIONS_HELD_MAX:
                self._held.clear()
            held = self._held[key] = self._decide(principal, action, thing)
        return held

    def _decide(self, principal: Principal, action: str, thing: Resource) -> Decision:
        party = _party(principal)
        result = cedarpy.is_authorized(
            {
                "principal": party["uid"],
                "action": {"type": "Action", "id": action},
                "resource": {"type": thing.type, "id": thing.id},
                "context": {"tracked": thing.tracked},
            },
            self._policies,
            [party, _thing(thing)],
            self._schema,
        )
        if result.diagnostics.errors:
            raise PolicyError("; ".join(map(str, result.diagnostics.errors)))
        names = result.diagnostics.id_annotations_by_reason
        return Decision(
            result.allowed, tuple(sorted(names.get(found, found) for found in result.diagnostics.reasons))
        )

    def scope(self, principal: Principal, action: str) -> CaseScope:
        """The cases on which `principal` may do `action`, found by asking the policies themselves.

        They are asked about a case of nobody, one of the principal's department and one that it
        reported; so a list needs three decisions, not one a row. A policy that also looks at a
        case's status or grade never widens this scope.
        """
        if self.decide(principal, action, Resource("Case")).allowed:
            return CaseScope(everything=True)
        department, reporter = principal.department, principal.id
        by_department = department is not None and (
            self.decide(principal, action, Resource("Case", department=department)).allowed
        )
        by_reporter = reporter is not None and (
            self.decide(principal, action, Resource("Case", reporter=reporter)).allowed
        )
        return CaseScope(
            department=department if by_department else None, reporter=reporter if by_reporter else None
        )


def _question(principal: Principal, action: str, thing: Resource) -> tuple[Any, ...]:
    """All that a decision can depend on: no policy names one thing or party, and a reporter is only ever
    compared with the principal."""
    own = thing.reporter is not None and thing.reporter == principal.id
    reporter = None if thing.reporter is None else "own" if own else "other"
    return (
        principal.kind,
        principal.roles,
        principal.department,
        action,
        reporter,
        replace(thing, id="", reporter=None),
    )


def _party(principal: Principal) -> dict[str, Any]:
    attributes: dict[str, Any] = {"kind": principal.kind}
    if principal.department is not None:
        attributes["department"] = principal.department
    return {
        "uid": _party_uid(str(principal.id or principal.kind)),
        "attrs": attributes,
        "parents": [{"type": "Role", "id": role} for role in sorted(principal.roles)],
    }


def _party_uid(party: str) -> dict[str, str]:
    return {"type": "Party", "id": party}


def _thing(resource: Resource) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    if resource.type in {"Case", "Photo"}:
        attributes = {
            name: value
            for name in ("department", "area", "status", "grade")
            if (value := getattr(resource, name)) is not None
        }
        if resource.reporter is not None:
            attributes["reporter"] = {"__entity": _party_uid(str(resource.reporter))}
        if resource.parties:
            attributes["parties"] = sorted(resource.parties)
    if resource.type == "Request":
        attributes = {
            name: value for name in ("department", "kind") if (value := getattr(resource, name)) is not None
        } | {"own": resource.own, "judged": resource.judged}
    if resource.type in {"Device", "Share"}:
        attributes = {
            name: value for name in ("department", "grade") if (value := getattr(resource, name)) is not None
        }
    if resource.command is not None:
        attributes["command"] = resource.command
    if resource.shared:
        attributes["shared"] = True
    return {"uid": {"type": resource.type, "id": resource.id}, "attrs": attributes, "parents": []}
