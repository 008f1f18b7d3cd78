"""Who acts: the party behind a request, a message or a job."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from yunnao.kernel.text import Text


@dataclass(frozen=True)
class Principal:
    """A party as the rules of access see it; `id` is None for an anonymous visitor."""

    id: UUID | None
    account: str
    name: Text
    kind: Literal["person", "system", "anonymous"] = "person"
    roles: frozenset[str] = frozenset()
    department: str | None = None


ANONYMOUS = Principal(None, "anonymous", Text(zh="匿名", en="Anonymous"), "anonymous")
SYSTEM = Principal(None, "system", Text(zh="系统", en="System"), "system")
