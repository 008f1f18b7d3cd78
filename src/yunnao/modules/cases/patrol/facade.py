"""Patrol officers' findings: place, accuracy and time; what is settled goes straight to the check."""

from datetime import timedelta

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.principal import SYSTEM, Principal
from yunnao.modules.cases import store
from yunnao.modules.cases.acting.act import act
from yunnao.modules.cases.contracts import ActionData, NewCase, OpenedCase
from yunnao.modules.cases.intake import open_case
from yunnao.modules.cases.parts import Parts, note
from yunnao.modules.cases.patrol.contracts import Finding

QUERIES = load_queries("yunnao.modules.cases.patrol")
ACCURACY_M_MAX = 500.0
"""Beyond this a place says nothing about who is responsible."""
OBSERVED_AGO_MAX = timedelta(days=7)
"""A phone without a network sends later."""
CLOCK_SKEW_MAX = timedelta(minutes=10)


class Patrol:
    """Every method works in the transaction it is given."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def report(self, tx: Transaction, finding: Finding, principal: Principal) -> OpenedCase:
        """Opens the case of a finding; one that was handled is assigned to the officer's own department,
        accepted and finished, so that it waits for its check (核查).

        Raises InvalidInput: `patrol_…`, and as the intake does; Forbidden.
        """
        self._parts.identity.authorize(principal, "case:create")
        self._check(finding, principal)
        photos = tuple(dict.fromkeys(finding.photos_before))
        opened = await open_case(
            tx,
            self._parts,
            NewCase(
                text=finding.text,
                source="officer",
                lon=finding.lon,
                lat=finding.lat,
                address=finding.address,
                category=finding.category,
                photos=photos,
            ),
            principal,
        )
        detail = {
            "accuracy_m": round(finding.accuracy_m, 1),
            "observed_at": finding.observed_at.isoformat(),
            "handled": finding.handled,
        }
        await note(tx, self._parts, opened.id, "observed", principal, detail=detail)
        await tx.execute(QUERIES["stage_set"], {"case_id": opened.id, "ids": list(photos), "stage": "before"})
        if finding.handled:
            await self._settle(tx, opened, finding, principal)
        return opened

    async def _settle(
        self, tx: Transaction, opened: OpenedCase, finding: Finding, principal: Principal
    ) -> None:
        row = await store.one(tx, "case_get", id=opened.id)
        assert row is not None
        if row["department"] != principal.department:
            # Who has done the work answers for it, whoever is responsible for such things here.
            action = "assign" if row["status"] == "desk" else "reassign"
            given = ActionData(department=principal.department, comment=finding.comment)
            await act(tx, self._parts, opened.id, action, given, SYSTEM, trusted=True)
        await act(tx, self._parts, opened.id, "accept", ActionData(), principal)
        after = tuple(dict.fromkeys(finding.photos_after))
        done = ActionData(comment=finding.comment, photos=after)
        await act(tx, self._parts, opened.id, "finish", done, principal)
        await tx.execute(QUERIES["stage_set"], {"case_id": opened.id, "ids": list(after), "stage": "after"})

    def _check(self, finding: Finding, principal: Principal) -> None:
        if not 0 < finding.accuracy_m <= ACCURACY_M_MAX:
            raise InvalidInput("patrol_place_vague", limit_m=round(ACCURACY_M_MAX))
        now = self._parts.clock.now()
        if not now - OBSERVED_AGO_MAX <= finding.observed_at <= now + CLOCK_SKEW_MAX:
            raise InvalidInput("patrol_time_implausible", days=OBSERVED_AGO_MAX.days)
        if not finding.photos_before:
            raise InvalidInput("patrol_photo_missing")
        if finding.handled:
            if principal.department is None:
                raise InvalidInput("patrol_department_missing")
            if not finding.photos_after or not (finding.comment or "").strip():
                raise InvalidInput("patrol_proof_missing")
        elif finding.photos_after:
            raise InvalidInput("patrol_after_unhandled")
