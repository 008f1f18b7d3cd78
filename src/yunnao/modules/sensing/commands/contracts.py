"""What commands hand out: frozen values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from yunnao.kernel.ids import UUID
from yunnao.kernel.packs.commands import CommandGrade
from yunnao.kernel.text import Text

CommandState = Literal[
    "awaiting_approval",
    "requested",
    "sent",
    "accepted",
    "done",
    "failed",
    "timed_out",
    "expired",
    "cancelled",
]


@dataclass(frozen=True)
class OrderedCommand:
    """A command to a device. `sends`: how often it went out, always under its id. `requested_name`,
    `approved_name`: of who did."""

    id: UUID
    device: str
    device_name: Text
    command: str
    command_label: Text | None
    parameters: dict[str, Any]
    grade: CommandGrade
    state: CommandState
    requested_at: datetime
    requested_by: UUID | None
    approved_by: UUID | None
    requested_name: Text | None
    approved_name: Text | None
    expires_at: datetime
    sends: int
    accepted_at: datetime | None
    ended_at: datetime | None
    result: Any


@dataclass(frozen=True)
class StateOfDevice:
    """What a device should be like, what it says that it is like, and what of the former is missing."""

    desired: dict[str, Any]
    desired_version: int
    desired_at: datetime | None
    reported: dict[str, Any]
    reported_version: int
    reported_at: datetime | None
    difference: dict[str, Any]
