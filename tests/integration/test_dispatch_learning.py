"""The dispatcher learns from how the city's own cases ended, and only what is no worse takes its place."""

import pytest
from tests.integration.cases_support import Town, town

from yunnao.kernel.errors import Conflict, NotFound
from yunnao.modules.cases.dispatch.learning import facade

__all__ = ["town"]

CLONE = """
WITH one AS (SELECT * FROM cases."case" ORDER BY id LIMIT 1)
INSERT INTO cases."case" (id, number, tracking_hash, source, scene, case_type, flow_hash, status, category,
    title, text, automatic, confidence, dispatch, opened_at, due_at, closed_at, changed_at, workflow)
SELECT uuidv7(), 'X-' || md5(t.text), sha256(t.text::bytea), 'citizen', scene, case_type, flow_hash, 'closed',
    %s, 'x', t.text, false, 0.5, '{"category": "G"}', %s, %s, %s, %s, workflow
FROM one, unnest(%s::text[]) AS t (text)
"""
PLACES = ["香港路", "台东", "栈桥", "中山路", "浮山", "小港", "延安路", "人民路", "辽宁路", "宁夏路"]
ASKED = ["请尽快处理", "已经三天", "影响出行", "望重视", "没人管", "反映多次", "晚上危险"]


def texts_about(*things: str) -> list[str]:
    return [f"{place}{thing}，{asked}" for place in PLACES for thing in things for asked in ASKED]


async def closed(town: Town, category: str, texts: list[str]) -> None:
    """Cases that ended in `category`, though the dispatcher of then took them for waste."""
    now = town.clock.now()
    async with town.database.transaction() as tx:
        await tx.execute(CLONE, (category, now, now, now, now, texts))


@pytest.fixture
async def taught(town: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.setattr(facade, "CASES_NEW_MIN", 100)
    await town.report()
    town.clock.forward(hours=1)
    await closed(town, "L", texts_about("照明设施损毁", "灯具掉落"))
    await closed(town, "G", texts_about("渣土撒漏满地", "污物堆放"))
    return town


async def test_a_challenger_learns_from_cases_and_takes_the_champions_place(taught: Town) -> None:
    learning = taught.cases.learning
    async with taught.database.transaction() as tx:
        before = (await learning.models(tx))[0]
        told = await learning.train(tx)
        assert told["report"]["cases"] > 200
        assert told["report"]["corrected"] > 100
        assert told["comparison"]["not_worse"]
        promoted = await learning.promote(tx)
        models = await learning.models(tx)
    assert promoted["replaced"] == before["hash"]
    assert [m["champion"] for m in models] == [True, False]
    assert models[0]["taught_by"] == "cases"
    opened = await taught.report(text="门口的照明设施损毁了，晚上危险")
    case = await taught.get("desk", f"/cases/{opened['case_id']}")
    assert case["category"]["code"] == "L"


async def test_the_night_trains_only_where_enough_cases_were_closed(taught: Town) -> None:
    learning = taught.cases.learning
    async with taught.database.transaction() as tx:
        await learning.nightly(tx)
        assert len(await learning.models(tx)) == 2
        taught.clock.forward(hours=1)
        await learning.nightly(tx)
        assert len(await learning.models(tx)) == 2


async def test_a_worse_challenger_is_not_promoted(taught: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    learning = taught.cases.learning
    async with taught.database.transaction() as tx:
        await learning.train(tx)
        await learning.promote(tx)
        champion = (await learning.models(tx))[0]["hash"]
    taught.clock.forward(hours=1)
    # A challenger that has been taught the wrong way round.
    async with taught.database.transaction() as tx:
        await tx.execute("UPDATE cases.\"case\" SET category = CASE category WHEN 'L' THEN 'G' ELSE 'L' END")
        await learning.train(tx)
        await tx.execute("UPDATE cases.\"case\" SET category = CASE category WHEN 'L' THEN 'G' ELSE 'L' END")
        with pytest.raises(Conflict, match="dispatch_challenger_worse"):
            await learning.promote(tx)
        assert next(m["hash"] for m in await learning.models(tx) if m["champion"]) == champion


async def test_a_city_without_cases_has_nothing_to_promote(town: Town) -> None:
    learning = town.cases.learning
    async with town.database.transaction() as tx:
        with pytest.raises(NotFound, match="dispatch_challenger_none"):
            await learning.promote(tx)
        town.clock.forward(hours=1)
        await learning.train(tx)
        with pytest.raises((Conflict, NotFound)):
            await learning.promote(tx)
