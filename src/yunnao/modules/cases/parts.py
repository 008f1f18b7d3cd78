"""What the rooms of this module share: its parts, the timeline, and events."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb

from yunnao.infra import outbox
from yunnao.infra.files import FileStore
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import InvalidInput, NotFound
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text, catalogue, say
from yunnao.kernel.time import Clock
from yunnao.modules.cases import store
from yunnao.modules.cases.dispatch.model import Model
from yunnao.modules.cases.dispatch.places import Gazetteer
from yunnao.modules.cases.noticing.telling import Entry, tell
from yunnao.modules.cases.registry import Registry, Snapshot
from yunnao.modules.cases.search import indexing
from yunnao.modules.geography.contracts import Area
from yunnao.modules.geography.facade import Geography
from yunnao.modules.identity.contracts import Department, Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.notifications.facade import Notifications

PHOTOS_DECODED_AT_ONCE_MAX = 2
"""A decoded photo takes up to 180 MB."""

log = structlog.get_logger()


class Models:
    """Trained models by the hash of their file, read once a process."""

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._held: tuple[str, Model | None] | None = None
        self._lock = asyncio.Lock()

    async def get(self, content_hash: str | None) -> Model | None:
        """None where there is none, or none that this program reads: every text then goes to the desk."""
        if content_hash is None:
            return None
        async with self._lock:
            if self._held is None or self._held[0] != content_hash:
                try:
                    content = await self._files.get(content_hash)
                    self._held = (content_hash, await asyncio.to_thread(Model.load, content))
                except (InvalidInput, NotFound) as error:
                    log.error("dispatch_model_unusable", hash=content_hash, reason=error.code)
                    self._held = (content_hash, None)
            return self._held[1]


@dataclass
class _Held:
    """What other modules declared, as last read."""

    areas_revision: int | None = None
    areas: dict[str, Area] = field(default_factory=dict)
    gazetteer: Gazetteer = field(default_factory=lambda: Gazetteer([]))
    departments_revision: int | None = None
    departments: dict[str, Department] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """The parts that the module was wired with."""

    clock: Clock
    identity: Identity
    geography: Geography
    files: FileStore
    notifications: Notifications
    registry: Registry = field(default_factory=Registry)
    models: Models = field(init=False)
    _held: _Held = field(default_factory=_Held, repr=False)
    decoding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PHOTOS_DECODED_AT_ONCE_MAX))

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", Models(self.files))

    async def areas(self, tx: Transaction) -> dict[str, Area]:
        """By code; read anew when geography was installed anew."""
        await self.geography.refresh(tx)
        if self._held.areas_revision != self.geography.revision:
            self._held.areas = {area.code: area for area in await self.geography.areas(tx)}
            self._held.gazetteer = Gazetteer(self._held.areas.values())
            self._held.areas_revision = self.geography.revision
        return self._held.areas

    async def gazetteer(self, tx: Transaction) -> Gazetteer:
        """The areas by name; read anew with them."""
        await self.areas(tx)
        return self._held.gazetteer

    async def departments(self, tx: Transaction, snapshot: Snapshot) -> dict[str, Department]:
        """By id. They change with the city pack only, and so with the revision of this module."""
        if self._held.departments_revision != snapshot.revision:
            self._held.departments = {each.id: each for each in await self.identity.departments(tx)}
            self._held.departments_revision = snapshot.revision
        return self._held.departments


def case_resource(row: Row, *, tracked: bool = False) -> Resource:
    """A case as the policies see it."""
    return Resource(
        "Case",
        str(row["id"]),
        department=row["department"],
        area=row["district"],
        reporter=row["reporter_id"],
        status=row["status"],
        tracked=tracked,
        parties=row.get("parties") or frozenset(),
    )


async def note(
    tx: Transaction,
    parts: Parts,
    case_id: UUID,
    event: str,
    principal: Principal,
    *,
    comment: str | None = None,
    department: str | None = None,
    category: str | None = None,
    photos: tuple[UUID, ...] = (),
    detail: dict[str, Any] | None = None,
) -> UUID:
    """Puts one entry on the timeline; its label is the message `case_event_<event>`. Returns its id."""
    if comment:
        await indexing.note(tx, case_id, comment)
    entry = new_id()
    await store.run(
        tx,
        "timeline_insert",
        id=entry,
        case_id=case_id,
        time=parts.clock.now(),
        event=event,
        actor_id=principal.id,
        actor_name=Jsonb(principal.name.model_dump()),
        actor_kind=principal.kind,
        comment=comment,
        department=department,
        category=category,
        photos=list(photos),
        detail=Jsonb(detail or {}),
    )
    await tell(tx, parts, [Entry(entry, case_id, event, department, detail or {})])
    return entry


async def announce(tx: Transaction, snapshot: Snapshot, subject: str, row: Row) -> None:
    """Publishes `cases.case.opened` or `cases.case.changed`; nothing personal is in it."""
    await outbox.publish(tx, subject, announcement(snapshot, subject, row))


def announcement(snapshot: Snapshot, subject: str, row: Row) -> dict[str, Any]:
    node = snapshot.categories.get(row["category"] or "")
    name = node.name if node else catalogue()["category_none"]
    status = catalogue()[f"case_status_{row['status']}"]
    code = "case_opened_title" if subject.endswith("opened") else "case_changed_title"
    title = Text(
        zh=say(code, "zh", number=row["number"], category=name.zh, status=status.zh),
        en=say(code, "en", number=row["number"], category=name.en, status=status.en),
    )
    return {
        "case_id": str(row["id"]),
        "number": row["number"],
        "status": row["status"],
        "title": title.model_dump(),
        "category": row["category"],
        "department": row["department"],
        "lon": row["lon"],
        "lat": row["lat"],
        "severity": row["severity"],
        **({"trace_id": row["trace_id"]} if row.get("trace_id") else {}),
        **({"alarm_id": str(row["alarm_id"])} if row.get("alarm_id") else {}),
    }
