"""The hot topics of the city, as they are told."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import NotFound
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.cases.masking import mask_text
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.topics import keeping
from yunnao.modules.cases.topics.domain import TOLD_MIN, heat, trend, week_of, weekly
from yunnao.modules.cases.topics.keeping import QUERIES

TOLD_WEEKS = 26
RANKED_MAX = 2_000
LISTED_MAX = 100
CASES_TOLD_MAX = 200
JOINED_DEPTH_MAX = 20

View = dict[str, Any]


class Topics:
    """Every method works in the transaction it is given."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def keep(self, tx: Transaction) -> int:
        """For a timer: new cases join topics."""
        return await keeping.keep(tx, self._parts)

    async def prune(self, tx: Transaction) -> None:
        """For a timer: what never became a topic is forgotten."""
        await keeping.prune(tx, self._parts)

    async def hottest(self, tx: Transaction, principal: Principal, limit: int) -> list[View]:
        """Topics of the last half year, the hottest first, each with its weeks."""
        self._parts.identity.authorize(principal, "topic:read")
        since = self._parts.clock.now() - timedelta(weeks=TOLD_WEEKS)
        found = await _rows(tx, "topics_told", told_min=TOLD_MIN, since=since, limit=RANKED_MAX)
        votes = await self._votes(tx, found)
        ranked = sorted(found, key=lambda row: -self._heat(row, votes.get(row["id"], 0)))
        return await self._told(tx, ranked[: min(limit, LISTED_MAX)], votes)

    async def topic(self, tx: Transaction, topic_id: UUID, principal: Principal) -> View:
        """One topic with those of its cases that the party may list; the older one where it was joined.

        Raises NotFound `topic_not_found`.
        """
        self._parts.identity.authorize(principal, "topic:read")
        row = await self._standing(tx, topic_id)
        [told] = await self._told(tx, [row], await self._votes(tx, [row]))
        scope = self._parts.identity.scope(principal, "case:list")
        cases = await _rows(
            tx,
            "topic_cases",
            id=row["id"],
            everything=scope.everything,
            own_department=scope.department,
            own_reporter=scope.reporter,
            limit=CASES_TOLD_MAX,
        )
        snapshot = await self._parts.registry.current(tx)
        nodes = snapshot.categories
        return {
            **told,
            "cases": [
                {
                    **{name: each[name] for name in ("id", "number", "status", "lon", "lat", "opened_at")},
                    "title": mask_text(each["title"]),
                    "category": {"code": each["category"], "name": nodes[each["category"]].name}
                    if each["category"] in nodes
                    else None,
                }
                for each in cases
            ],
        }

    async def _standing(self, tx: Transaction, topic_id: UUID) -> Row:
        for _ in range(JOINED_DEPTH_MAX):
            row = await (
                await tx.execute(QUERIES["topic_get"], {"id": topic_id, "told_min": TOLD_MIN})
            ).fetchone()
            if row is None:
                break
            if row["joined_to"] is None:
                return row
            topic_id = row["joined_to"]
        raise NotFound("topic_not_found")

    async def _votes(self, tx: Transaction, found: list[Row]) -> dict[UUID, int]:
        counted = await _rows(tx, "topics_votes", ids=[row["id"] for row in found])
        return {row["topic_id"]: row["votes"] for row in counted}

    def _heat(self, row: Row, votes: int) -> float:
        return heat(row["people"], votes, 0, row["first_at"], row["last_at"], self._parts.clock.now())

    async def _told(self, tx: Transaction, found: list[Row], votes: dict[UUID, int]) -> list[View]:
        now = self._parts.clock.now()
        begin = week_of(now) - timedelta(weeks=TOLD_WEEKS)
        times: dict[UUID, list[datetime]] = {}
        for row in await _rows(tx, "topics_times", ids=[row["id"] for row in found], since=begin):
            times.setdefault(row["topic_id"], []).append(row["opened_at"])
        areas = {code: area.name for code, area in (await self._parts.areas(tx)).items()}
        return [
            {
                "id": row["id"],
                "name": " · ".join(row["phrases"]),
                "phrases": row["phrases"],
                "places": row["places"],
                "heat": round(self._heat(row, votes.get(row["id"], 0)), 2),
                "messages": row["messages"],
                "people": row["people"],
                "votes": votes.get(row["id"], 0),
                "district": _district(areas, row["district"]),
                "lon": row["lon"],
                "lat": row["lat"],
                "first_at": row["first_at"],
                "last_at": row["last_at"],
                **_series(times.get(row["id"], []), begin, now),
            }
            for row in found
        ]


def _series(times: list[datetime], begin: datetime, now: datetime) -> View:
    """Messages of each week of the half year, without the leading empty ones, and the trend."""
    whole = weekly([*times, begin, now])
    counted = [(week, n - (week == whole[0][0]) - (week == week_of(now))) for week, n in whole]
    first = next((at for at, (_, n) in enumerate(counted) if n), len(counted) - 1)
    return {
        "weekly": [{"week": week, "messages": n} for week, n in counted[first:]],
        "trend": trend([n for _, n in counted]),
    }


def _district(areas: dict[str, Text], code: str | None) -> View | None:
    return {"code": code, "name": areas.get(code, Text(zh=code, en=code))} if code else None


async def _rows(tx: Transaction, name: str, **params: Any) -> list[Row]:
    return await (await tx.execute(QUERIES[name], params)).fetchall()
