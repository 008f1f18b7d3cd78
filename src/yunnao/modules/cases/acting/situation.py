"""What a case allows, whoever asks: its place in the flow, and what lies on it. Pure but for the loading."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict
from yunnao.modules.cases import domain
from yunnao.modules.cases.acting import store
from yunnao.modules.cases.acting.catalogue import ACTIONS, FINISHING, WHILE_SUSPENDED, Action, Need

IN_HAND = frozenset({"assigned", "handling"})
APPEALABLE = frozenset({"assigned", "handling", "checking", "closed", "rated"})


@dataclass(frozen=True)
class Situation:
    """A case as it stands: its row, what its step may decide, who takes part, what is asked for."""

    row: Row
    decisions: frozenset[str]
    parties: tuple[Row, ...] = ()
    requests: tuple[Row, ...] = ()

    @property
    def status(self) -> str:
        return str(self.row["status"])

    @property
    def joint_open(self) -> frozenset[str]:
        """Departments that take part and have not fed back."""
        return frozenset(p["department"] for p in self.parties if p["role"] == "joint" and not p["done_at"])

    @property
    def asked(self) -> frozenset[str]:
        return frozenset(r["kind"] for r in self.requests if r["state"] == "asked")

    @property
    def suspended(self) -> bool:
        return self.row["suspended_at"] is not None

    def allows(self, action: Action) -> bool:
        """Whether the case's state allows it; whose right it is, is asked elsewhere."""
        if self.row["archived_at"] is not None or self.row["merged_into"] is not None:
            return False
        if self.suspended and action.name not in WHILE_SUSPENDED:
            return False
        if action.decision is not None:
            return action.decision in self.decisions
        return _ALLOWS[action.name](self)

    def require(self, action: Action) -> None:
        """Raises Conflict where the state does not allow it, saying which."""
        if self.allows(action):
            return
        if self.row["archived_at"] is not None:
            raise Conflict("case_archived")
        if self.suspended and action.name not in WHILE_SUSPENDED:
            raise Conflict("case_suspended")
        raise Conflict("case_action_not_now", action=action.name, state=self.status)

    def needs(self, action: Action) -> tuple[Need, ...]:
        """What must come with it now: who finishes before the others have fed back gives a reason."""
        if action.name in FINISHING and self.joint_open:
            return (*action.needs, "reason")
        return action.needs


async def situation(tx: Transaction, row: Row, decisions: frozenset[str]) -> Situation:
    """Puts the departments that take part into `row` too, where the policies look for them."""
    parties = tuple(await store.rows(tx, "parties", case_id=row["id"]))
    requests = tuple(await store.rows(tx, "requests_of_case", case_id=row["id"]))
    row["parties"] = joint_departments(parties)
    return Situation(row, decisions, parties, requests)


async def joint(tx: Transaction, case_id: UUID) -> frozenset[str]:
    """The departments that take part in a case of another."""
    return joint_departments(await store.rows(tx, "parties", case_id=case_id))


def joint_departments(parties: list[Row] | tuple[Row, ...]) -> frozenset[str]:
    return frozenset(p["department"] for p in parties if p["role"] == "joint")


def _running(now: Situation) -> bool:
    return now.status in domain.OPEN


def _in_hand(now: Situation) -> bool:
    return now.status in IN_HAND


_ALLOWS: Mapping[str, Callable[[Situation], bool]] = {
    "feed_back": lambda now: _in_hand(now) and bool(now.joint_open),
    "involve": lambda now: _in_hand(now) and now.row["department"] is not None,
    "release": lambda now: _running(now) and bool(now.joint_open),
    "split": lambda now: _running(now) and now.row["parent_id"] is None,
    "ask_extension": lambda now: _in_hand(now) and "extension" not in now.asked,
    "extend": _running,
    "ask_suspension": lambda now: _in_hand(now) and "suspension" not in now.asked,
    "suspend": _in_hand,
    "resume": lambda now: now.suspended,
    "remind": lambda now: _running(now) and now.row["department"] is not None,
    "supervise": lambda now: _running(now) and now.row["supervised_at"] is None,
    "lift": lambda now: now.row["supervised_at"] is not None,
    "appeal": lambda now: (
        now.status in APPEALABLE and now.row["department"] is not None and "appeal" not in now.asked
    ),
}
assert _ALLOWS.keys() == {name for name, action in ACTIONS.items() if action.decision is None}
