"""Expand/contract migrations: `migrations/NNNN_name.sql`, in order of number, each once.

A migration that has run never changes: its checksum is kept and compared. Each runs in one
transaction together with its row in `infra.migration`, so a failure leaves nothing behind.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from procrastinate import App, PsycopgConnector
from psycopg import AsyncConnection

from yunnao.infra.paths import project_root
from yunnao.kernel.errors import Conflict

LOCK_KEY = 7_201_001
"""Advisory lock: several processes may start at once, one migrates."""


@dataclass(frozen=True)
class Migration:
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(folder: Path | None = None) -> list[Migration]:
    """All migrations in order of their numbers."""
    folder = folder or project_root() / "migrations"
    return [Migration(f.stem, f.read_text(encoding="utf-8")) for f in sorted(folder.glob("[0-9]*.sql"))]


async def migrate(url: str, folder: Path | None = None) -> list[str]:
    """Brings the database at `url` up to date; returns the names of what ran.

    Raises Conflict `migration_changed` where one that ran was edited afterwards.
    """
    ran: list[str] = []
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        await connection.execute("CREATE SCHEMA IF NOT EXISTS infra")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS infra.migration ("
            " name text PRIMARY KEY, checksum text NOT NULL, ran_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = await (await connection.execute("SELECT name, checksum FROM infra.migration")).fetchall()
        known: dict[str, str] = dict(rows)
        for migration in migrations(folder):
            if migration.name in known:
                if known[migration.name] != migration.checksum:
                    raise Conflict("migration_changed", name=migration.name)
                continue
            async with connection.transaction():
                await connection.execute(migration.sql.encode())
                await connection.execute(
                    "INSERT INTO infra.migration (name, checksum) VALUES (%s, %s)",
                    (migration.name, migration.checksum),
                )
            ran.append(migration.name)
        await _ensure_jobs_schema(connection, url)
    return ran


async def _ensure_jobs_schema(connection: AsyncConnection[tuple[object, ...]], url: str) -> None:
    found = await (await connection.execute("SELECT to_regclass('procrastinate_jobs')")).fetchone()
    if found and found[0] is None:
        app = App(connector=PsycopgConnector(conninfo=url))
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
