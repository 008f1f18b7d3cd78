"""The audit log: append-only, without forks under load, and any tampering is found."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from psycopg.errors import InsufficientPrivilege

from yunnao.infra.clock import SystemClock
from yunnao.infra.postgres import Database
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import SYSTEM, Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.contracts import AuditReport, Resource
from yunnao.modules.identity.facade import Identity, Policies

IDENTITY = Identity(SystemClock(), Policies.load())
WANG = Principal(new_id(), "wang.li", Text(zh="王丽", en="Wang Li"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as opened:
        yield opened


async def write(database: Database, n: int) -> None:
    async with database.transaction() as tx:
        await IDENTITY.audit(
            tx, WANG, "case:read_reporter", Resource("Case", str(n)), n=n, share=n / 7, why="回访"
        )


async def link(database: Database) -> int:
    async with database.transaction() as tx:
        return await IDENTITY.link_audit(tx)


async def verify(database: Database) -> AuditReport:
    async with database.transaction() as tx:
        return await IDENTITY.verify_audit(tx)


async def tamper(database: Database, statement: str) -> None:
    """As somebody who owns the database can."""
    async with database.transaction() as tx:
        await tx.execute("SET LOCAL session_replication_role = replica")
        await tx.execute(statement)  # type: ignore[arg-type]


@pytest.fixture
async def ten_rows(database: Database) -> Database:
    for n in range(1, 11):
        await write(database, n)
    assert await link(database) == 10
    return database


async def test_an_empty_log_is_sound(database: Database) -> None:
    assert await link(database) == 0
    assert await verify(database) == AuditReport(0, 0, None, None, None, bytes(32).hex())


async def test_rows_are_counted_as_unlinked_until_they_are_linked(ten_rows: Database) -> None:
    await write(ten_rows, 11)
    before = await verify(ten_rows)
    assert (before.rows, before.unlinked, before.first_bad) == (10, 1, None)
    assert await link(ten_rows) == 1
    after = await verify(ten_rows)
    assert (after.rows, after.unlinked) == (11, 0)
    assert after.head != before.head


async def test_what_is_written_can_be_read_page_by_page(ten_rows: Database) -> None:
    async with ten_rows.transaction() as tx:
        first = await IDENTITY.audit_page(tx, limit=4)
        rest = await IDENTITY.audit_page(tx, limit=50, before=first[-1].id)
        mine = await IDENTITY.audit_page(tx, actor=UUID(int=0))
    assert [row.detail["n"] for row in first + rest] == list(range(10, 0, -1))
    assert (first[0].actor_id, first[0].actor_name, first[0].resource) == (WANG.id, WANG.name, "Case/10")
    assert mine == []


async def test_no_detail_can_keep_a_row_from_being_written(database: Database) -> None:
    odd = {
        "nul": "a\0b",
        "half": "\ud800",
        "nan": float("nan"),
        "when": datetime.now(UTC),
        "many": {1, WANG.id},
    }
    async with database.transaction() as tx:
        await IDENTITY.audit(tx, WANG, "case:read", "Case/\0", odd=odd, **{"k\0": None})
        [row] = await IDENTITY.audit_page(tx)
    assert (row.resource, row.detail["odd"]["nul"], row.detail["odd"]["nan"]) == (
        "Case/\ufffd",
        "a\ufffdb",
        "nan",
    )
    assert await link(database) == 1
    assert (await verify(database)).rows == 1


async def test_a_rolled_back_action_leaves_no_row(database: Database) -> None:
    async def fails() -> None:
        async with database.transaction() as tx:
            await IDENTITY.audit(tx, SYSTEM, "case:read", "Case/1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    assert await link(database) == 0


@pytest.mark.parametrize("table", ["audit", "audit_link"])
async def test_the_log_refuses_changes(ten_rows: Database, table: str) -> None:
    change = "action = 'x'" if table == "audit" else "hash = prev_hash"
    async with ten_rows.transaction() as tx:
        for statement in ("DELETE FROM {}", "TRUNCATE {} CASCADE", f"UPDATE {{}} SET {change}"):
            with pytest.raises(InsufficientPrivilege):
                async with tx.transaction():
                    await tx.execute(statement.format(f"identity.{table}"))  # type: ignore[arg-type]
    assert (await verify(ten_rows)).first_bad is None


FIFTH = "(SELECT audit_id FROM identity.audit_link WHERE position = 5)"
MORE_DIGITS = "jsonb_set(detail, '{share}', '0.71428571428571430000001')"
TAMPERING = [
    (f"UPDATE identity.audit SET action = 'case:list' WHERE id = {FIFTH}", 5, "audit_row_changed"),
    (f"UPDATE identity.audit SET actor_id = NULL WHERE id = {FIFTH}", 5, "audit_row_changed"),
    (f"UPDATE identity.audit SET time = time + '1 microsecond' WHERE id = {FIFTH}", 5, "audit_row_changed"),
    (f"UPDATE identity.audit SET detail = {MORE_DIGITS} WHERE id = {FIFTH}", 5, "audit_row_changed"),
    (f"DELETE FROM identity.audit WHERE id = {FIFTH}", 5, "audit_row_missing"),
    ("DELETE FROM identity.audit_link WHERE position = 5", 5, "audit_link_missing"),
    ("UPDATE identity.audit_link SET hash = sha256('x') WHERE position = 5", 5, "audit_row_changed"),
    ("UPDATE identity.audit_link SET prev_hash = sha256('x') WHERE position = 5", 5, "audit_chain_broken"),
    ("UPDATE identity.audit_link SET position = 100 WHERE position = 10", 10, "audit_link_missing"),
]


async def test_tampering_is_found_at_its_place(ten_rows: Database) -> None:
    async with ten_rows.transaction() as tx:
        for statement, position, reason in TAMPERING:
            async with tx.transaction(force_rollback=True):
                await tx.execute("SET LOCAL session_replication_role = replica")
                await tx.execute(statement)  # type: ignore[arg-type]
                report = await IDENTITY.verify_audit(tx)
            found = (report.first_bad, report.reason, report.rows)
            assert found == (position, reason, position - 1), statement
    assert (await verify(ten_rows)).first_bad is None


async def test_a_row_and_its_link_removed_together_break_the_chain(ten_rows: Database) -> None:
    await tamper(ten_rows, f"DELETE FROM identity.audit WHERE id = {FIFTH}")
    await tamper(ten_rows, "DELETE FROM identity.audit_link WHERE position = 5")
    await tamper(ten_rows, "UPDATE identity.audit_link SET position = position - 1 WHERE position > 5")
    report = await verify(ten_rows)
    assert (report.first_bad, report.reason) == (5, "audit_chain_broken")


async def test_a_row_removed_before_it_was_linked_is_missed(ten_rows: Database) -> None:
    await write(ten_rows, 11)
    await tamper(ten_rows, "DELETE FROM identity.audit WHERE resource = 'Case/11'")
    assert (await verify(ten_rows)).reason == "audit_row_lost"
    await link(ten_rows)
    assert (await verify(ten_rows)).reason == "audit_row_lost"


async def test_a_cut_tail_is_shown_by_a_head_kept_elsewhere(ten_rows: Database) -> None:
    kept = (await verify(ten_rows)).head
    await tamper(ten_rows, "DELETE FROM identity.audit_link WHERE position = 10")
    await tamper(ten_rows, "DELETE FROM identity.audit WHERE resource = 'Case/10'")
    report = await verify(ten_rows)
    assert report.first_bad is None
    async with ten_rows.transaction() as tx:
        assert not await IDENTITY.audit_contains(tx, kept)
        assert await IDENTITY.audit_contains(tx, report.head)


async def test_fifty_writers_and_several_linkers_make_one_chain(database: Database) -> None:
    done = asyncio.Event()

    async def keep_linking() -> int:
        linked = 0
        while not done.is_set():
            linked += await link(database)
        return linked

    async def writer(n: int) -> None:
        for m in range(6):
            await write(database, n * 6 + m)

    linkers = [asyncio.create_task(keep_linking()) for _ in range(3)]
    await asyncio.gather(*(writer(n) for n in range(50)))
    done.set()
    linked = sum(await asyncio.gather(*linkers)) + await link(database)
    report = await verify(database)
    assert linked == 300
    assert (report.rows, report.unlinked, report.first_bad) == (300, 0, None)
    async with database.transaction() as tx:
        seen = [row.detail["n"] for row in await IDENTITY.audit_page(tx, limit=500)]
    assert sorted(seen) == list(range(300))


async def test_a_transaction_that_commits_late_is_linked_in_a_later_round(database: Database) -> None:
    async with database.transaction() as slow:
        await IDENTITY.audit(slow, WANG, "case:read", "Case/slow", at=datetime.now(UTC))
        await write(database, 1)
        assert await link(database) == 1
    assert await link(database) == 1
    report = await verify(database)
    assert (report.rows, report.unlinked, report.first_bad) == (2, 0, None)
