"""Everybody who reported an event follows the one case that stands for it, each by an own tracking code."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, NotFound
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.modules.cases import domain as cases_domain
from yunnao.modules.cases import store as cases_store
from yunnao.modules.cases.linking import merging, store
from yunnao.modules.cases.parts import Parts, note

FOLLOWED_DAYS_MAX = 90
"""A case that was opened longer ago is reported anew rather than followed."""


@dataclass(frozen=True)
class Tracked:
    """What a tracking code leads to."""

    own: Row | None
    """The holder's own case; none for who follows somebody else's."""
    main: Row
    """The case that is handled for it."""
    follower: Row | None = None
    rated: Row | None = None
    """What this holder thought of a case that is not the own."""

    @property
    def is_main(self) -> bool:
        return self.own is not None and self.own["id"] == self.main["id"]


async def tracked(tx: Transaction, code: str) -> Tracked:
    """Raises NotFound `report_not_found`."""
    wanted = cases_domain.tracking_hash(code)
    if wanted is None:
        raise NotFound("report_not_found")
    own = await cases_store.one(tx, "case_by_tracking", hash=wanted)
    if own is not None and own["merged_into"] is None:
        return Tracked(own, own)
    if own is not None:
        rated = await store.one(tx, "further_rating_get", case_id=own["id"])
        return Tracked(own, await _main(tx, own["id"]), rated=rated)
    follower = await store.one(tx, "follower_by_tracking", hash=wanted)
    if follower is None:
        raise NotFound("report_not_found")
    rated = {"score": follower["score"], "comment": follower["rating_comment"]} if follower["score"] else None
    return Tracked(None, await _main(tx, follower["case_id"]), follower, rated)


async def follow(tx: Transaction, parts: Parts, number: str, principal: Principal) -> tuple[str, str]:
    """ "Me too": the main case's number and a tracking code of the follower's own.

    Nothing about the follower is kept but the account of who is signed in. Raises NotFound
    `report_not_public`, Conflict `report_followed_already`.
    """
    row = await store.one(tx, "case_by_number", number=number[:40].replace("\x00", "").upper())
    if row is not None and row["merged_into"] is not None:
        row = await _main(tx, row["id"])
    now = parts.clock.now()
    public = (
        row is not None
        and row["lon"] is not None
        and row["status"] in cases_domain.OPEN
        and row["opened_at"] >= now - timedelta(days=FOLLOWED_DAYS_MAX)
    )
    if row is None or not public:
        raise NotFound("report_not_public", number=number[:40])
    if principal.id is not None and row["reporter_id"] == principal.id:
        raise Conflict("report_followed_already")
    code = cases_domain.new_tracking_code()
    kept = await store.one(
        tx,
        "follower_insert",
        id=new_id(),
        case_id=row["id"],
        tracking_hash=cases_domain.tracking_hash(code),
        account_id=principal.id,
        now=now,
    )
    if kept is None:
        raise Conflict("report_followed_already")
    await note(tx, parts, row["id"], "followed", principal)
    return str(row["number"]), code


async def rate(
    tx: Transaction, parts: Parts, of: Tracked, score: int, comment: str | None, principal: Principal
) -> None:
    """Keeps what a further reporter thinks of how the main case was handled.

    Raises Conflict `case_action_not_now` before it is closed, `rated_already`.
    """
    if of.main["status"] not in {"closed", "rated"}:
        raise Conflict("case_action_not_now", action="rate", state=of.main["status"])
    if of.follower is not None:
        kept = await store.one(tx, "follower_rate", id=of.follower["id"], score=score, comment=comment)
    else:
        assert of.own is not None
        kept = await store.one(
            tx,
            "further_rating_insert",
            case_id=of.own["id"],
            score=score,
            comment=comment,
            now=parts.clock.now(),
        )
    if kept is None:
        raise Conflict("rated_already")
    await note(
        tx, parts, of.main["id"], "follower_rated", principal, comment=comment, detail={"score": score}
    )


async def reporters(tx: Transaction, standing_for: list[Row]) -> int:
    """How many people told of the event: one for each case, and the followers of all of them."""
    followers = await store.one(tx, "followers_count", ids=[row["id"] for row in standing_for])
    people = sum(1 for row in standing_for if row["source"] != "alarm")
    return people + (followers["n"] if followers else 0)


async def accounts(tx: Transaction, case_id: UUID) -> list[UUID]:
    """Who is to be told of what happens to a case: the accounts that reported or follow its event."""
    ids = [row["id"] for row in await merging.below(tx, case_id)]
    return [row["account"] for row in await store.rows(tx, "follower_accounts", ids=ids)]


async def _main(tx: Transaction, case_id: UUID) -> Row:
    row = await cases_store.one(tx, "case_get", id=await merging.main_of(tx, case_id))
    assert row is not None
    return row
