"""Names beside the codes that rows hold."""

from dataclasses import dataclass
from typing import Any

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.text import Text
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.registry import Snapshot

View = dict[str, Any]


@dataclass(frozen=True)
class Names:
    """Names of what rows hold as codes."""

    snapshot: Snapshot
    departments: dict[str, Text]
    areas: dict[str, Text]

    def category(self, code: str | None) -> View | None:
        node = self.snapshot.categories.get(code or "")
        return {"code": code, "name": node.name if node else same(code)} if code else None

    def department(self, code: str | None) -> View | None:
        return {"id": code, "name": self.departments.get(code, same(code))} if code else None

    def area(self, row: Row) -> View | None:
        code = row["street"] or row["district"]
        return {"code": code, "name": self.areas.get(code, same(code))} if code else None


async def names(tx: Transaction, parts: Parts) -> Names:
    snapshot = await parts.registry.current(tx)
    return Names(
        snapshot,
        {key: each.name for key, each in (await parts.departments(tx, snapshot)).items()},
        {code: area.name for code, area in (await parts.areas(tx)).items()},
    )


def same(code: str | None) -> Text:
    return Text(zh=code or "", en=code or "")
