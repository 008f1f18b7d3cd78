"""Joint handling (联合处置): several departments do their part, one of them leads and finishes."""

from yunnao.kernel.errors import Conflict, Forbidden, InvalidInput
from yunnao.modules.cases import store as cases_store
from yunnao.modules.cases.acting import store
from yunnao.modules.cases.acting.catalogue import DEPARTMENTS_MAX
from yunnao.modules.cases.acting.doing import Doing


async def involve(doing: Doing) -> None:
    """Adds departments; whoever takes part is informed, and so may read the case."""
    case, wanted = doing.case, await doing.departments()
    if case["department"] in wanted:
        raise InvalidInput("party_leads_already", department=case["department"])
    if len(doing.before.parties) + len(wanted) > DEPARTMENTS_MAX:
        raise InvalidInput("parties_too_many", limit=DEPARTMENTS_MAX)
    if not any(each["role"] == "lead" for each in doing.before.parties):
        await store.run(
            doing.tx, "lead_insert", case_id=case["id"], department=case["department"], now=doing.now
        )
    added = await store.rows(doing.tx, "joint_add", case_id=case["id"], departments=wanted, now=doing.now)
    if not added:
        raise Conflict("party_takes_part_already")
    await cases_store.rows(doing.tx, "informed_insert", case_id=case["id"], departments=wanted)
    doing.detail["departments"] = [row["department"] for row in added]


async def release(doing: Doing) -> None:
    """A department that has not fed back need not; what is done stays."""
    wanted = await doing.departments()
    gone = await store.rows(doing.tx, "joint_release", case_id=doing.case["id"], departments=wanted)
    if not gone:
        raise Conflict("party_takes_no_part")
    doing.detail["departments"] = [row["department"] for row in gone]


async def feed_back(doing: Doing) -> None:
    """The department of who acts has done its part."""
    department = doing.principal.department
    if department not in doing.before.joint_open:
        if department in doing.case["parties"]:
            raise Conflict("party_done_already")
        raise Forbidden("case_action_forbidden", action=doing.action.name)
    await _done(doing, str(department), "joint")
    doing.detail["department"] = department


async def finish(doing: Doing) -> None:
    """The lead finishes: when the others have fed back, or with a reason why not."""
    waiting = sorted(doing.before.joint_open)
    if waiting:
        doing.detail |= {"without": waiting, "reason": doing.data.reason}
    if doing.before.parties:
        await _done(doing, doing.case["department"], "lead")


async def reopen(doing: Doing) -> None:
    """Rework is the lead's, and of those others that are named."""
    if not doing.before.parties:
        return
    wanted = await doing.departments()
    reopened = await store.rows(doing.tx, "parts_reopen", case_id=doing.case["id"], departments=wanted)
    again = [row["department"] for row in reopened if row["role"] == "joint"]
    if again:
        doing.detail["departments"] = again


async def follow_lead(doing: Doing) -> None:
    """The case went to another department: it leads, where several take part."""
    if not doing.before.parties:
        return
    case = doing.case
    await store.run(doing.tx, "lead_clear", case_id=case["id"], department=case["department"])
    if case["department"] is not None:
        await store.run(
            doing.tx, "lead_insert", case_id=case["id"], department=case["department"], now=doing.now
        )


async def _done(doing: Doing, department: str, role: str) -> None:
    await store.run(
        doing.tx,
        "part_done",
        case_id=doing.case["id"],
        department=department,
        role=role,
        comment=doing.data.comment,
        now=doing.now,
    )
