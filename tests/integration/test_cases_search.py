"""What is looked for is found, by whoever may see it, and nobody learns from a search what is hidden."""

import random
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.cases_support import SOUTH, Town, town

from yunnao.modules.cases.search import facade
from yunnao.modules.cases.search.domain import grams_of, like_pattern, tsquery_of

__all__ = ["town"]

WRITTEN = "路灯不亮垃圾山东青岛市南ABCabc019ＡＢ１２äß ，。!%_\\-・ーカ한글\u3000🚧"
FOUND = """
SELECT coalesce(bool_and(cases.fold(%(text)s) LIKE %(pattern)s
    AND (%(grams)s = '' OR cases.grams(cases.fold(%(text)s)) @@ %(grams)s::tsquery)), false)
"""


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(WRITTEN, min_size=1, max_size=60), st.data())
def test_any_part_of_a_text_has_grams_that_find_the_text(
    database_url: str, text: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    part = text[start : data.draw(st.integers(start + 1, len(text)))]
    with psycopg.connect(database_url) as connection:
        folded = connection.execute("SELECT cases.fold(%s)", (part,)).fetchone()
        assert folded is not None
        asked = {"text": text, "pattern": like_pattern(folded[0]), "grams": tsquery_of(grams_of(folded[0]))}
        assert connection.execute(FOUND, asked).fetchone() == (True,)


async def listed(town: Town, account: str, **params: Any) -> list[str]:
    return [item["number"] for item in (await town.get(account, "/cases", params=params))["items"]]


async def test_any_two_characters_of_a_report_find_it_however_frequent_they_are(
    town: Town, monkeypatch: Any
) -> None:
    texts = ["山东路38号路灯不亮", "香港中路井盖丢失，Manhole cover MISSING", "垃圾成堆，臭气熏天"]
    numbers = [(await town.report(text, address="市南区（甲１座）"))["number"] for text in texts]
    for rare in (0, 10_000):
        # With 0 every word is looked for by a walk first; walks of two cases need the index to go on.
        monkeypatch.setattr(facade, "RARE_CASES", rare - 1)
        monkeypatch.setattr(facade, "WALK_ROWS", 2)
        for text, number in zip(texts, numbers, strict=True):
            for start in range(len(text) - 1):
                part = text[start : start + 2]
                if not part.isspace() and part.strip() == part:
                    assert number in await listed(town, "desk", q=part), part
    assert await listed(town, "desk", q="manhole missing") == [numbers[1]]
    assert await listed(town, "desk", q='"cover missing"') == [numbers[1]]
    assert await listed(town, "desk", q='"missing cover"') == []
    assert await listed(town, "desk", q="甲1座 臭气") == [numbers[2]]
    assert await listed(town, "desk", q=numbers[0].lower()) == [numbers[0]]
    assert await listed(town, "desk", q="路灯 臭气") == []


async def test_a_search_shows_where_the_words_stand(town: Town) -> None:
    await town.report("很长的开头，" * 8 + "山东路路灯不亮，山东路的居民出行不便")
    found = (await town.get("desk", "/cases", params={"q": "山东路 不亮"}))["items"][0]["match"]
    assert [found["text"][start:end] for start, end in found["marks"]] == ["山东路", "不亮", "山东路"]
    assert (await town.get("desk", "/cases"))["items"][0]["match"] is None


async def test_a_search_shows_only_what_the_party_may_list(town: Town) -> None:
    own = await town.report("楼下路灯不亮", account="wang")
    other = await town.report("公园路灯不亮", account="zhao")
    assert await listed(town, "desk", q="路灯") == [other["number"], own["number"]]
    assert await listed(town, "lamps", q="路灯") == [other["number"], own["number"]]
    assert await listed(town, "wang", q="路灯") == [own["number"]]
    assert await listed(town, "south", q="路灯") == []
    assert await listed(town, "admin", q="路灯") == []
    assert (await town.call(None, "GET", "/api/v1/cases", params={"q": "路灯"})).status_code == 401


async def test_what_offices_write_is_found_by_offices_and_not_by_the_reporter(town: Town) -> None:
    told = await town.report(account="wang")
    await town.done("lamps", told["case_id"], "return", comment="产权属于万象物业")
    await town.done("desk", told["case_id"], "assign", department="lighting")
    assert await listed(town, "desk", q="万象物业") == [told["number"]]
    assert await listed(town, "lamps", q="万象物业") == [told["number"]]
    assert await listed(town, "wang", q="万象物业") == []


async def test_a_number_that_lists_mask_finds_nothing(town: Town) -> None:
    told = await town.report("路灯不亮，请打13900005678")
    assert await listed(town, "leader", q="13900005678") == []
    assert await listed(town, "desk", q="13900005678") == []
    assert await listed(town, "desk", q="请打139") == [told["number"]]


async def test_a_case_is_found_by_the_names_of_the_category_that_it_has(town: Town) -> None:
    told = await town.report("你好")
    assert await listed(town, "desk", q="交通管制") == []
    await town.done("desk", told["case_id"], "assign", department="shinan", category="T")
    assert await listed(town, "desk", q="交通管制") == [told["number"]]


async def test_pages_of_every_order_have_each_case_once(town: Town) -> None:
    dice = random.Random(5)
    texts = ["路灯不亮", "垃圾成堆没人清运", "你好"]
    every = []
    for _ in range(9):
        town.clock.forward(minutes=dice.randrange(3))
        every.append((await town.report(dice.choice(texts)))["number"])
    span = {"since": "2026-01-01T00:00:00Z"}
    for params in (
        {},
        {"sort": "due"},
        span,
        {**span, "q": "灯"},
        {"q": "不", "sort": "due"},
        {"status": "open"},
    ):
        whole = await listed(town, "desk", **params)
        seen: list[str] = []
        cursor = None
        while True:
            answer = await town.get(
                "desk", "/cases", params={**params, "limit": 2, **({"cursor": cursor} if cursor else {})}
            )
            seen += [item["number"] for item in answer["items"]]
            cursor = answer["next"]
            if cursor is None:
                break
        assert seen == whole, params
        assert "q" in params or sorted(seen) == sorted(every), params


async def test_filters_join_and_totals_are_told(town: Town) -> None:
    south = (await town.report("路灯不亮"))["number"]
    town.clock.forward(hours=30)
    waste = (await town.report("垃圾成堆没人清运"))["number"]
    west, east = SOUTH[0] - 0.01, SOUTH[0] + 0.01
    box = f"{west},36.06,{east},36.08"
    both = {waste, south}
    for params, expected in (
        ({"bbox": box}, both),
        ({"bbox": "0,0,1,1"}, set()),
        ({"category": "A", "area": "370202"}, both),
        ({"category": "G", "status": "open"}, {waste}),
        ({"until": "2026-11-24T00:00:00Z"}, {south}),
        ({"since": "2026-11-24T00:00:00Z"}, {waste}),
        ({"overdue": 1}, {south}),
        ({"flags": "overdue,automatic"}, {south}),
        ({"flags": "photos"}, set()),
        ({"flags": "paused"}, set()),
        ({"flags": "amber"}, set()),
        ({"flags": "merged"}, set()),
        ({"flags": "supervised,suspended,reminded"}, set()),
        ({"flags": "joint,sub_case,handed_over,archived"}, set()),
        ({"flags": "unrated,placed"}, both),
        ({"scene": "test-scene"}, both),
        ({"scene": "other"}, set()),
        ({"case_type": "report", "source": "citizen"}, both),
    ):
        answer = await town.get("desk", "/cases", params={**params, "total": 1})
        assert {item["number"] for item in answer["items"]} == expected, params
        assert (answer["total"], answer["total_exact"]) == (len(expected), True), params
    searched = await town.get("desk", "/cases", params={"q": "路灯", "total": 1})
    assert (searched["total"], searched["total_exact"]) == (1, True)


async def test_a_filter_that_cannot_be_meant_is_refused(town: Town) -> None:
    for params, code in (
        ({"bbox": "1,2,3"}, "bbox_invalid"),
        ({"bbox": "5,5,1,1"}, "bbox_invalid"),
        ({"flags": "shiny"}, "case_flag_unknown"),
        ({"since": "2026-01-01T00:00:00"}, "time_zone_missing"),
        ({"q": "长" * 101}, "search_too_long"),
        ({"q": "a b c d e f g h i"}, "search_words_too_many"),
        ({"cursor": "WyJkdWUiLCJ4IiwxXQ"}, "cursor_invalid"),
    ):
        answer = await town.call("desk", "GET", "/api/v1/cases", params=params)
        assert (answer.status_code, answer.json()["code"]) == (422, code), params


async def test_the_map_counts_by_cell_and_by_day(town: Town) -> None:
    for _ in range(3):
        await town.report("路灯不亮")
    town.clock.forward(hours=30)
    await town.report("路灯不亮", lon=SOUTH[0], lat=SOUTH[1] + 0.05)
    whole = (await town.get("desk", "/cases/map/cells", params={"degrees": 0.01}))["items"]
    assert [(cell["n"], cell["day"]) for cell in whole] == [(3, None), (1, None)]
    assert abs(whole[0]["lon"] - SOUTH[0]) < 1e-6
    days = (await town.get("desk", "/cases/map/cells", params={"degrees": 1, "by_day": 1}))["items"]
    assert [(cell["n"], cell["day"], cell["overdue"]) for cell in days] == [
        (3, "2026-11-23", 3), (1, "2026-11-24", 0)
    ]  # fmt: skip
    assert (await town.get("south", "/cases/map/cells"))["items"] == []
    points = await town.get("desk", "/cases/map", params={"bbox": "120.3,36.06,120.5,36.08"})
    assert len(points["features"]) == 3
