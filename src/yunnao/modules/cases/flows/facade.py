"""Versions of flows: which there are, where a case stands in its own, and moving cases to another."""

from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from yunnao.infra import outbox
from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import NotFound
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import catalogue
from yunnao.modules.cases.domain import STATUS_BY_TASK, STEP_BY_ELEMENT
from yunnao.modules.cases.flows.flow import Flow
from yunnao.modules.cases.flows.replay import MIGRATED, Happened, walk
from yunnao.modules.cases.parts import Parts, announcement

QUERIES = load_queries("yunnao.modules.cases.flows")
MIGRATED_ROWS_MAX = 5_000
"""Cases in one migration: one transaction, within which nobody acts on them."""
LOOKED_AT_ROWS_MAX = 5_000

View = dict[str, Any]
Group = tuple[str, str, str | None]
"""Version, the task that waits, and why it cannot move (None: it can)."""


class Flows:
    """Every method works in the transaction it is given."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def of_case(self, tx: Transaction, row: Row) -> View:
        """The case's flow, where the case stands in it, and how long it stayed at each element."""
        registry = self._parts.registry
        flow = await registry.flow(tx, row["flow_hash"])
        step = flow.position(row["workflow"])
        found = await (await tx.execute(QUERIES["happened"], {"case_id": row["id"]})).fetchall()
        entries = [Happened(each["time"], each["event"], each["detail"]) for each in found]
        moves = [entry.detail for entry in entries if entry.event == MIGRATED]
        used = {row["flow_hash"], *(move["from"] for move in moves), *(move["to"] for move in moves)}
        flows = {each: await registry.flow(tx, each) for each in used}
        first = moves[0]["from"] if moves else row["flow_hash"]
        walked = walk(entries, flows, first, self._parts.clock.now())
        names = {name: text for each in flows.values() for name, text in each.names.items()} | flow.names
        versions = await self._versions(tx, row["case_type"])
        return {
            "bpmn": await registry.bpmn(tx, row["flow_hash"]),
            "current": list(step.current),
            "done": list(step.done),
            "case_type": row["case_type"],
            "version": _number(versions, row["flow_hash"]),
            "newest": _number(versions, next((v["hash"] for v in versions if v["current"]), "")),
            "elements": {
                name: {
                    "name": names[name],
                    "step": STEP_BY_ELEMENT.get(name),
                    "entered_at": stay.entered_at,
                    "left_at": stay.left_at,
                    "spent_s": stay.spent_s,
                    "visits": stay.visits,
                }
                for name, stay in walked.stays.items()
            },
        }

    async def versions(self, tx: Transaction, principal: Principal) -> list[View]:
        """Every version of every case type's flow, newest first, with the cases that run on it."""
        self._parts.identity.authorize(principal, "flow:list")
        return await self._versions(tx, None)

    async def bpmn(self, tx: Transaction, case_type: str, version: int, principal: Principal) -> str:
        """Raises NotFound `flow_version_unknown`."""
        self._parts.identity.authorize(principal, "flow:list")
        row = _version(await self._versions(tx, case_type), case_type, version)
        return await self._parts.registry.bpmn(tx, row["hash"])

    async def migrate(
        self,
        tx: Transaction,
        case_type: str,
        principal: Principal,
        *,
        to: int | None = None,
        source: int | None = None,
        tasks: Mapping[str, str] | None = None,
        dry_run: bool = True,
        after: UUID | None = None,
    ) -> View:
        """Moves running cases to the version `to`, else the current one; only tells it with `dry_run`.

        A case can move when the task that it waits at is in the other version too, or `tasks` names one
        of the same status for it. `source` takes cases of one version alone. One call moves at most
        `MIGRATED_ROWS_MAX`; `next` tells after which case to go on. Raises NotFound.
        """
        self._parts.identity.authorize(principal, "flow:migrate")
        versions = await self._versions(tx, case_type)
        target = _version(versions, case_type, to)
        wanted = {
            "case_type": case_type,
            "to": target["hash"],
            "from": _version(versions, case_type, source)["hash"] if source is not None else None,
            "limit": LOOKED_AT_ROWS_MAX if dry_run else MIGRATED_ROWS_MAX,
        }
        flow = await self._parts.registry.flow(tx, target["hash"])
        counts: Counter[Group] = Counter()
        moves: list[View] = []
        query = QUERIES["running" if dry_run else "running_lock"]
        while True:
            found = await (await tx.execute(query, {**wanted, "after": after})).fetchall()
            for row in found:
                own = await self._parts.registry.flow(tx, row["flow_hash"])
                moves += _judge(row, own, flow, tasks or {}, counts, versions)
            after = found[-1]["id"] if len(found) == wanted["limit"] else None
            if after is None or not dry_run:
                break
        if moves and not dry_run:
            await self._move(tx, target["hash"], moves, principal)
        return {
            "case_type": case_type,
            "to": target["version"],
            "dry_run": dry_run,
            "movable": len(moves),
            "blocked": sum(n for (_, _, why), n in counts.items() if why),
            "moved": 0 if dry_run else len(moves),
            "next": str(after) if after else None,
            "groups": [
                {
                    "version": _number(versions, hash_),
                    "task": task,
                    "name": (await self._parts.registry.flow(tx, hash_)).names[task],
                    "cases": n,
                    "reason": catalogue()[why] if why else None,
                }
                for (hash_, task, why), n in sorted(counts.items(), key=lambda each: -each[1])
            ],
        }

    async def _move(self, tx: Transaction, to: str, moves: list[View], principal: Principal) -> None:
        moved = await (await tx.execute(QUERIES["move"], {"to": to, "moves": Jsonb(moves)})).fetchall()
        await tx.execute(
            QUERIES["timeline_move"],
            {
                "moves": Jsonb(moves),
                "now": self._parts.clock.now(),
                "actor_id": principal.id,
                "actor_name": Jsonb(principal.name.model_dump()),
                "actor_kind": principal.kind,
            },
        )
        snapshot = await self._parts.registry.current(tx)
        subject = "cases.case.changed"
        await outbox.publish_many(tx, [(subject, announcement(snapshot, subject, row)) for row in moved])

    async def _versions(self, tx: Transaction, case_type: str | None) -> list[Row]:
        return await (await tx.execute(QUERIES["versions"], {"case_type": case_type})).fetchall()


def _judge(
    row: Row, own: Flow, target: Flow, tasks: Mapping[str, str], counts: Counter[Group], versions: list[Row]
) -> list[View]:
    """The move of one case, if it can be moved; counted either way."""
    step = own.position(row["workflow"])
    at = step.current[0]
    task = tasks.get(at, at)
    why = None
    if not target.waits_at(task):
        why = "flow_task_missing"
    elif STATUS_BY_TASK[task] != row["status"]:
        why = "flow_task_of_other_status"
    counts[row["flow_hash"], at, why] += 1
    if why is not None:
        return []
    detail = {
        "from": row["flow_hash"],
        "to": target.hash,
        "at": task,
        "versions": [_number(versions, row["flow_hash"]), _number(versions, target.hash)],
    }
    state = {**step.state, "at": task}
    return [{"id": str(row["id"]), "entry": str(new_id()), "workflow": state, "detail": detail}]


def _version(versions: list[Row], case_type: str, number: int | None) -> Row:
    """The version of that number; None: the current one."""
    for row in versions:
        if row["current"] if number is None else row["version"] == number:
            return row
    raise NotFound("flow_version_unknown", case_type=case_type[:60])


def _number(versions: list[Row], flow_hash: str) -> int | None:
    return next((row["version"] for row in versions if row["hash"] == flow_hash), None)
