"""Sub-cases (子案件): a part of a case that runs by itself; the whole closes when its parts have."""

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.cases.acting import store
from yunnao.modules.cases.acting.catalogue import SUBCASES_MAX
from yunnao.modules.cases.acting.doing import Doing
from yunnao.modules.cases.contracts import ActionData, NewCase
from yunnao.modules.cases.intake import open_case
from yunnao.modules.cases.parts import Parts, announce, note
from yunnao.modules.cases.registry import Snapshot


async def split(doing: Doing) -> None:
    """Opens a sub-case at the same place. It goes where the duty matrix says, or to the department that is
    named by whoever may assign."""
    case, data = doing.case, doing.data
    children = await store.rows(doing.tx, "children", case_id=case["id"])
    if len(children) >= SUBCASES_MAX:
        raise Conflict("subcases_too_many", limit=SUBCASES_MAX)
    opened = await open_case(
        doing.tx,
        doing.parts,
        NewCase(
            text=data.text or "",
            source="officer",
            lon=case["lon"],
            lat=case["lat"],
            address=case["address"],
            category=data.category,
        ),
        doing.principal,
    )
    await store.run(doing.tx, "child_of", id=opened.id, parent_id=case["id"])
    await note(
        doing.tx,
        doing.parts,
        opened.id,
        "subcase_of",
        doing.principal,
        detail={"case_id": str(case["id"]), "number": case["number"]},
    )
    doing.detail |= {"case_id": str(opened.id), "number": opened.number}
    if data.department is not None:
        child = await store.one(doing.tx, "kin", id=opened.id)
        assert child is not None
        if child["department"] != data.department:
            action = "assign" if opened.status == "desk" else "reassign"
            await doing.act(opened.id, action, ActionData(department=data.department))


async def require_children_closed(tx: Transaction, case: Row) -> None:
    """Raises Conflict `case_children_open`. The case is locked, so no child is opened meanwhile."""
    running = await store.one(tx, "children_running", case_id=case["id"])
    if running is not None:
        raise Conflict("case_children_open", number=running["number"])


async def tell_parent(tx: Transaction, parts: Parts, snapshot: Snapshot, case: Row) -> None:
    """A sub-case has ended: its parent's timeline tells it."""
    detail = {"case_id": str(case["id"]), "number": case["number"], "status": case["status"]}
    await note(tx, parts, case["parent_id"], "subcase_closed", SYSTEM, detail=detail)
    parent = await store.one(tx, "kin_whole", id=case["parent_id"])
    assert parent is not None
    await announce(tx, snapshot, "cases.case.changed", parent)
