"""What other modules know of identity: frozen values."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from yunnao.kernel.text import Text

SESSION_COOKIE = "yunnao_session"
CSRF_HEADER = "X-Yunnao"


@dataclass(frozen=True)
class Resource:
    """What an action is done to, as the policies see it.

    `type` is a resource type of `policies.cedarschema` (Case, Request, Photo, Alarm, Device, Share,
    Entity, Layer, Platform). `department` is the responsible department, or the asking one, `reporter` the
    party that reported the case or sent the photo, `grade` one of 一般, 重要, 核心 (GB/T 43697-2024) as
    `general`, `important`, `core`. `tracked`: who asks has shown the tracking code.
    """

    type: str
    id: str = "*"
    department: str | None = None
    area: str | None = None
    reporter: UUID | None = None
    status: str | None = None
    grade: Literal["general", "important", "core"] | None = None
    tracked: bool = False
    shared: bool = False
    """Of a device: its readings are shared with the principal's department."""
    command: Literal["routine", "operational", "critical"] | None = None
    """Of a device: the grade of the command that is ordered."""
    parties: frozenset[str] = frozenset()
    """Of a case: the departments that take part in its handling beside the one responsible."""
    kind: Literal["extension", "suspension", "appeal"] | None = None
    """Of a request."""
    own: bool = False
    """Of a request: the principal asked for it."""
    judged: bool = False
    """Of a request: the principal gave the verdict that it is against."""


@dataclass(frozen=True)
class CaseScope:
    """Which cases a party may list: everything, or the union of a department's and its own.

    A list filters by `everything OR department = ... OR reporter = ...`; None matches nothing.
    """

    everything: bool = False
    department: str | None = None
    reporter: UUID | None = None


@dataclass(frozen=True)
class Decision:
    """What the policies said: allowed or not, and the `@id`s of those that decided."""

    allowed: bool
    policies: tuple[str, ...]


@dataclass(frozen=True)
class Department:
    """An organisation that can be made responsible; `kind` and `area` as in the city pack."""

    id: str
    name: Text
    kind: str
    area: str | None
    parent: str | None
    phone: str | None


@dataclass(frozen=True)
class Account:
    """A party that can sign in (`person`) or only carries tokens (`system`)."""

    id: UUID
    account: str
    name: Text
    kind: Literal["person", "system"]
    roles: tuple[str, ...]
    department: str | None
    department_name: Text | None
    demo: bool
    disabled_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class Members:
    """Who is meant: accounts by id, and holders of `roles`, of `department` where one is named."""

    accounts: tuple[UUID, ...] = ()
    department: str | None = None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """A signed-in account and the latest moment at which its session ends."""

    account: Account
    expires_at: datetime


@dataclass(frozen=True)
class Refusal:
    """Why nobody was signed in. It is returned, not raised: its trace must be committed.

    `party` is whose account it was, where there is one; never told to the client.
    """

    code: Literal["wrong_credentials", "sign_in_throttled", "sign_in_busy"]
    status: int
    params: dict[str, Any] = field(default_factory=dict)
    party: UUID | None = None


@dataclass(frozen=True)
class ApiToken:
    """A token as it is listed; its secret was shown once, when it was made."""

    id: UUID
    name: str
    expires_at: datetime
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class DemoAccount:
    """A demo account with its password, which everybody may know."""

    account: str
    name: Text
    role: str
    role_name: Text
    password: str


@dataclass(frozen=True)
class AuditRow:
    """One action of one party. `id` grows, with gaps where transactions were rolled back."""

    id: int
    time: datetime
    actor_id: UUID | None
    actor_name: Text
    action: str
    resource: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class AuditReport:
    """What a verification of the audit log found.

    `rows` were checked and are linked, `unlinked` wait for the linker. `first_bad` is the position
    in the chain of the first row that does not fit, `reason` a message's code. `head` is the last
    sound hash, hexadecimal: kept elsewhere, it proves later that no tail was cut off.
    """

    rows: int
    unlinked: int
    first_bad: int | None
    first_bad_id: int | None
    reason: str | None
    head: str
