"""A part of an id or name finds devices by an index, and without one where the extension is not allowed."""

from pathlib import Path

import psycopg
from psycopg import AsyncConnection, ClientCursor
from tests.integration.sensing_support import label

from yunnao.infra.migrations import migrate, migrations
from yunnao.infra.pages import like_pattern
from yunnao.infra.postgres import Database
from yunnao.modules.sensing import store
from yunnao.modules.sensing.contracts import DeviceFilter

DEVICES = """
INSERT INTO sensing.device (id, product, entity, name, attributes, synthetic, registered_at)
SELECT 'well-' || i, 'level', 'e' || i,
       jsonb_build_object('zh', i || ' 号井', 'en', 'Well no. ' || i), '{}', false, now()
FROM generate_series(1, 20000) AS i
"""


async def fill(url: str) -> None:
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        spec = psycopg.types.json.Jsonb({"label": label("level")})
        await connection.execute(
            "INSERT INTO sensing.product (product, scene, spec) VALUES ('level', 'w', %s)", (spec,)
        )
        await connection.execute(DEVICES.encode())
        await connection.execute("VACUUM ANALYZE sensing.device")


async def found(url: str, q: str) -> list[str]:
    async with Database(url) as database, database.transaction() as tx:
        return [row["id"] for row in await store.device_rows(tx, limit=5, wanted=DeviceFilter(q=q))]


async def test_a_search_among_many_devices_uses_its_index(database_url: str) -> None:
    await fill(database_url)
    names = ("product", "after", "id", "numbers", "district", "owner", "standing")
    values = {**dict.fromkeys(names), "limit": 50, "q": like_pattern("ell no. 12345")}
    query = f"EXPLAIN {store.QUERIES['devices_page']}".encode()
    with psycopg.connect(database_url, cursor_factory=ClientCursor) as connection:
        rows = connection.execute(query, values).fetchall()
    assert any("device_search" in row[0] for row in rows), rows
    assert await found(database_url, "ELL NO. 12345") == ["well-12345"]
    assert await found(database_url, "9999 号") == ["well-19999", "well-9999"]


async def test_a_city_that_may_not_create_the_extension_searches_all_the_same(
    empty_database_url: str, tmp_path: Path
) -> None:
    for migration in migrations():
        text = migration.sql.replace("CREATE EXTENSION IF NOT EXISTS pg_trgm", "CREATE EXTENSION no_such_one")
        (tmp_path / f"{migration.name}.sql").write_text(text, encoding="utf-8")
    await migrate(empty_database_url, tmp_path)
    await fill(empty_database_url)
    assert await found(empty_database_url, "ell-12345") == ["well-12345"]
