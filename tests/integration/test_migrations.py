"""A database that was migrated step by step equals a fresh one."""

from pathlib import Path

import pytest
from psycopg import AsyncConnection

from yunnao.infra.migrations import migrate, migrations
from yunnao.kernel.errors import Conflict

STRUCTURE = """
SELECT 'column' AS kind, table_schema || '.' || table_name || '.' || column_name AS name,
       data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS what
FROM information_schema.columns WHERE table_schema = ANY(%(schemas)s)
UNION ALL
SELECT 'index', schemaname || '.' || indexname, indexdef FROM pg_indexes WHERE schemaname = ANY(%(schemas)s)
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(c.oid)
FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace WHERE n.nspname = ANY(%(schemas)s)
UNION ALL
SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%(schemas)s) AND NOT tgisinternal
ORDER BY 1, 2, 3
"""
SCHEMAS = ["infra", "identity", "geography", "twin", "sensing", "cases"]


async def structure(url: str) -> list[tuple[str, ...]]:
    async with await AsyncConnection.connect(url) as connection:
        return await (await connection.execute(STRUCTURE, {"schemas": SCHEMAS})).fetchall()


async def test_a_database_migrated_one_release_at_a_time_equals_a_fresh_one(
    empty_database_url: str, database_url: str, tmp_path: Path
) -> None:
    for migration in migrations():
        (tmp_path / f"{migration.name}.sql").write_text(migration.sql, encoding="utf-8")
        assert await migrate(empty_database_url, tmp_path) == [migration.name]
    assert await structure(empty_database_url) == await structure(database_url)


async def test_a_second_run_does_nothing(database_url: str) -> None:
    assert await migrate(database_url) == []


async def test_a_migration_edited_after_it_ran_is_refused(empty_database_url: str, tmp_path: Path) -> None:
    first = tmp_path / "0001_first.sql"
    first.write_text("CREATE SCHEMA one;")
    await migrate(empty_database_url, tmp_path)
    first.write_text("CREATE SCHEMA other;")
    with pytest.raises(Conflict, match="migration_changed"):
        await migrate(empty_database_url, tmp_path)


async def test_a_failing_migration_leaves_nothing_behind(empty_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_broken.sql").write_text("CREATE SCHEMA half; SELECT 1/0;")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(empty_database_url, tmp_path)
    async with await AsyncConnection.connect(empty_database_url) as connection:
        row = await (await connection.execute("SELECT to_regnamespace('half')")).fetchone()
    assert row == (None,)
