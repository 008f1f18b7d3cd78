"""A million synthetic cases of 18 months, made within the database out of cases that the intake opened."""

import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg

from yunnao.bootstrap import Platform
from yunnao.infra.postgres import Queries
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.cases.contracts import NewCase

DAYS = 548
SYNTHETIC = "SY-%"
"""Numbers of cases that nobody opened."""
PATTERNS = 2_000
BATCH_ROWS = 100_000
QUERIES = Queries(
    Path(__file__).with_name("_cases_stored.sql").read_text(encoding="utf-8"), "_cases_stored.sql"
)
STREETS = [
    "香港中路", "山东路", "南京路", "延安三路", "台东一路", "威海路", "辽宁路", "鞍山路",
    "合肥路", "黑龙江中路", "重庆南路", "金水路", "九水东路", "海尔路", "深圳路", "苗岭路",
    "漳州二路", "闽江路", "宁夏路", "江西路", "燕儿岛路", "福州南路", "瑞昌路", "四流南路",
    "长江中路", "井冈山路", "武夷山路", "正阳路", "崇阳路", "文阳路", "扬州路", "兰州东路",
    "青岛路", "石河子路", "王沙路", "明阳路", "北京路", "长江一路", "滨海大道", "滨河路",
]  # fmt: skip
WHERE = ["", "门口", "附近", "对面", "楼下", "路口往北", "公交站旁", "小区东门外", "地下车库入口", "学校旁边"]
ENDS = [
    "请尽快处理", "已经好几天了", "希望有关部门来看看", "影响居民出行，请核实", "多次反映没有结果",
    "孩子和老人都走这里，太危险了", "来电要求回复", "晚上尤其严重", "Please send somebody", "谢谢",
]  # fmt: skip


async def open_patterns(platform: Platform, texts: list[str]) -> None:
    """Cases by the intake itself, all over the city."""
    dice = random.Random(7)
    for first in range(0, PATTERNS, 100):
        async with platform.database.transaction() as tx:
            for _ in range(first, min(first + 100, PATTERNS)):
                lon, lat = place(platform, dice)
                new = NewCase(text=dice.choice(texts), source="citizen", lon=lon, lat=lat)
                await platform.cases.open_case(tx, new, SYSTEM)


def place(platform: Platform, dice: random.Random) -> tuple[float, float]:
    """Somewhere in the city, mostly near its centre."""
    lon, lat = platform.city.manifest.centre
    for _ in range(50):
        spread = dice.choice((0.03, 0.06, 0.06, 0.3))
        found = round(dice.gauss(lon, spread), 6), round(dice.gauss(lat, spread), 6)
        if platform.geography.resolve(*found).district is not None:
            return found
    return lon, lat


def fill(url: str, rows: int, below: Mapping[str, Sequence[str]], quiet: bool) -> float:
    """Stores `rows` synthetic cases and all that belongs to them; answers the seconds it took.

    `below`: the streets of each district.
    """
    began = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:

        def do(name: str, **params: object) -> None:
            since = time.perf_counter()
            connection.execute(QUERIES[name], params or None)
            if not quiet:
                print(
                    f"  {name} {params.get('last', '')}: {time.perf_counter() - since:.1f} s", file=sys.stderr
                )

        for name in ("schema", "patterns", "pattern_index", "unchecked"):
            do(name)
        connection.execute("SET maintenance_work_mem = '512MB'")
        patterns = connection.execute("SELECT count(*) FROM bench.pattern").fetchone()
        for first in range(1, rows + 1, BATCH_ROWS):
            do(
                "cases",
                n=rows,
                days=DAYS,
                first=first,
                last=min(first + BATCH_ROWS - 1, rows),
                patterns=patterns[0] if patterns else 0,
                streets=STREETS,
                where=WHERE,
                ends=ENDS,
                below=json.dumps(below),
            )
        for name in ("timeline", "deadlines", "photos"):
            do(name, like=SYNTHETIC)
        index = connection.execute("SELECT pg_get_indexdef('cases.search_grams'::regclass)").fetchone()
        connection.execute("DROP INDEX cases.search_grams")
        do("search", like=SYNTHETIC)
        since = time.perf_counter()
        connection.execute(index[0])
        if not quiet:
            print(f"  grams: {time.perf_counter() - since:.1f} s", file=sys.stderr)
        do("checked")
        connection.execute("VACUUM ANALYZE")
    return time.perf_counter() - began
