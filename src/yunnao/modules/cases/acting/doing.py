"""One action under way: what it works on, and what it will tell the timeline."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.principal import Principal
from yunnao.modules.cases.acting.catalogue import AHEAD_DAYS_MAX, EXTENSION_HOURS_MAX, Action
from yunnao.modules.cases.acting.situation import Situation
from yunnao.modules.cases.contracts import ActionData
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.registry import Snapshot


@dataclass
class Doing:
    """Effects change `case`, which is stored afterwards, and put into `detail` what the timeline tells."""

    tx: Transaction
    parts: Parts
    snapshot: Snapshot
    before: Situation
    case: Row
    action: Action
    data: ActionData
    principal: Principal
    now: datetime
    detail: dict[str, Any] = field(default_factory=dict)
    act: Callable[[UUID, str, ActionData], Awaitable[Row]] = field(init=False, repr=False)
    """Does another action, of another case, as the same party."""

    def until(self) -> datetime | None:
        """The date that came with the action. Raises InvalidInput where it has passed or is too far."""
        until = self.data.until
        if until is None:
            return None
        if until.tzinfo is None:
            raise InvalidInput("until_without_zone")
        if not self.now < until <= self.now + timedelta(days=AHEAD_DAYS_MAX):
            raise InvalidInput("until_out_of_range", limit_days=AHEAD_DAYS_MAX)
        return until

    def hours(self) -> float | None:
        """The hours that came with it. Raises InvalidInput outside of (0, EXTENSION_HOURS_MAX]."""
        hours = self.data.hours
        if hours is not None and not 0 < hours <= EXTENSION_HOURS_MAX:
            raise InvalidInput("hours_out_of_range", limit_hours=EXTENSION_HOURS_MAX)
        return hours

    async def departments(self) -> list[str]:
        """The departments that came with it. Raises InvalidInput for one that there is not."""
        known = await self.parts.departments(self.tx, self.snapshot)
        for each in self.data.departments:
            if each not in known:
                raise InvalidInput("department_unknown_for_case", department=each[:60])
        return list(self.data.departments)
