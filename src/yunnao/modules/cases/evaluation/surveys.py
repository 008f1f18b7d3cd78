"""The survey after closing: whom to call, what was answered, and what that says of everybody."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound, TooLarge
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.modules.cases import store as case_store
from yunnao.modules.cases.acting.catalogue import COMMENT_CHARS_MAX
from yunnao.modules.cases.evaluation import keeping, store
from yunnao.modules.cases.evaluation.contracts import Callback
from yunnao.modules.cases.evaluation.domain import BITS, Filter
from yunnao.modules.cases.parts import Parts, announce, case_resource, note

CLOSED = ("closed", "rated")


@dataclass(frozen=True)
class Survey:
    """What was asked and answered in a period. `reached` is of the sample, as the response rate is.

    `satisfied_share` and `score` are as answered; the weighted ones count each kind of case (category and
    door) by its part of the closed cases instead of its part of the answers (post-stratification).
    `weighted_part` is the share of the closed cases whose kind has an answer at all.
    """

    closed: int
    sampled: int
    called: int
    reached: int
    resolved: int
    rated: int
    scored: int
    response_rate: float | None
    satisfied_share: float | None
    score: float | None
    weighted_satisfied_share: float | None
    weighted_score: float | None
    weighted_part: float | None


async def call(tx: Transaction, parts: Parts, case_id: UUID, said: Callback, principal: Principal) -> None:
    """Notes a call-back. Raises NotFound, Conflict `callback_not_closed`, InvalidInput."""
    row = await case_store.one(tx, "case_lock", id=case_id)
    if row is None:
        raise NotFound("case_not_found")
    parts.identity.authorize(principal, "survey:call", case_resource(row))
    if row["status"] not in CLOSED:
        raise Conflict("callback_not_closed")
    answered = said.outcome == "answered"
    if answered and (said.score is None or said.resolved is None):
        raise InvalidInput("callback_needs_score")
    if not answered and (said.score is not None or said.resolved is not None):
        raise InvalidInput("callback_score_without_answer")
    comment = (said.comment or "").strip() or None
    if comment and len(comment) > COMMENT_CHARS_MAX:
        raise TooLarge("text_too_long", limit_chars=COMMENT_CHARS_MAX)
    if comment and "\x00" in comment:
        raise InvalidInput("text_unreadable")
    await store.run(
        tx,
        "callback_insert",
        id=new_id(),
        case_id=case_id,
        time=parts.clock.now(),
        caller_id=principal.id,
        caller_name=Jsonb(principal.name.model_dump()),
        outcome=said.outcome,
        score=said.score,
        resolved=said.resolved,
        comment=comment,
    )
    detail = {"outcome": said.outcome, "score": said.score, "resolved": said.resolved}
    await note(tx, parts, case_id, "called_back", principal, comment=comment, detail=detail)
    await announce(tx, await parts.registry.current(tx), "cases.case.changed", row)


async def of_case(tx: Transaction, case_id: UUID) -> list[Row]:
    return await store.rows(tx, "callbacks_of_case", case_id=case_id)


async def due(tx: Transaction, parts: Parts, limit: int) -> list[Row]:
    """Cases whose reporters are to be called, those never tried first."""
    chosen = await keeping.settings(tx)
    since = (parts.clock.now() - timedelta(days=chosen.survey_days)).date()
    return await store.rows(
        tx, "callbacks_due", since=since, sampled=BITS["sampled"], reached=BITS["reached"], limit=limit
    )


async def survey(tx: Transaction, of: Filter) -> Survey:
    names = ("sampled", "called", "reached", "resolved", "rated", "satisfied", "citizen")
    bits: dict[str, Any] = {name: BITS[name] for name in names}  # type: ignore[index]
    strata = await store.rows(
        tx, "survey_strata", start=of.start, end=of.end, department=of.department, **bits
    )
    return summed(strata)


def summed(strata: list[Row]) -> Survey:
    """The survey of strata, which are rows of `survey_strata`."""

    def total(name: str) -> int:
        return int(sum(row[name] or 0 for row in strata))

    closed, sampled, scored, reached = total("cases"), total("sampled"), total("scored"), total("reached")
    answered = [row for row in strata if row["scored"]]
    covered = sum(row["cases"] for row in answered)

    def weighted(name: str) -> float | None:
        return (
            sum(row["cases"] * float(row[name]) / row["scored"] for row in answered) / covered
            if covered
            else None
        )

    return Survey(
        closed=closed,
        sampled=sampled,
        called=total("called"),
        reached=reached,
        resolved=total("resolved"),
        rated=total("rated"),
        scored=scored,
        response_rate=reached / sampled if sampled else None,
        satisfied_share=total("satisfied") / scored if scored else None,
        score=sum(float(row["score"] or 0) for row in strata) / scored if scored else None,
        weighted_satisfied_share=weighted("satisfied"),
        weighted_score=weighted("score"),
        weighted_part=covered / closed if closed else None,
    )
