"""Fixtures of real servers: one PostgreSQL and one NATS a session, a fresh database a test."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import nats
import psycopg
import pytest
from nats.js.errors import NotFoundError
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from yunnao.infra.embedded.nats import EmbeddedNats, ensure_nats, stop_nats
from yunnao.infra.embedded.postgres import EmbeddedPostgres, ensure_postgres, remove_postgres
from yunnao.infra.embedded.processes import pick_port
from yunnao.infra.nats_subjects import MQTT_STREAM
from yunnao.infra.postgres import Database

TEMPLATE = "migrated"
MEMORY = Path("/dev/shm")  # noqa: S108
memory_bytes_min = 4 * 1024**3


@pytest.fixture(scope="session")
def servers_home() -> Iterator[Path]:
    """A home for this session's servers, deleted with them at the end."""
    folder = Path(tempfile.mkdtemp(prefix="yunnao-test-", dir=fast_folder()))
    folder.chmod(0o711)
    home = folder / "home"
    try:
        yield home
    finally:
        stop_nats(home)
        remove_postgres(home)
        shutil.rmtree(folder, ignore_errors=True)


def fast_folder() -> Path | None:
    """Memory, where there is room: a database is copied there in 20 ms, on a disk in 500 ms."""
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < memory_bytes_min:
        return None
    return MEMORY


@pytest.fixture(scope="session")
def postgres_server(servers_home: Path) -> EmbeddedPostgres:
    """The session's PostgreSQL; not durable, since nothing of it is kept."""
    return ensure_postgres(servers_home, durable=False)


@pytest.fixture(scope="session")
def nats_server(servers_home: Path) -> EmbeddedNats:
    """The session's NATS server, on a port of its own for MQTT."""
    return ensure_nats(servers_home, mqtt_port=pick_port())


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a database that all migrations ran in; others are copied from it."""
    from yunnao.infra.migrations import migrate

    _create_database(postgres_server.url, TEMPLATE)
    asyncio.run(migrate(database_of(postgres_server.url, TEMPLATE)))
    return TEMPLATE


@pytest.fixture
def database_url(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """A database of its own for one test, migrated."""
    with _one_database(postgres_server.url, migrated_template) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """A database of its own for one test, with nothing in it."""
    with _one_database(postgres_server.url, "template1") as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open pool on a database of its own."""
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture
async def nats_url(nats_server: EmbeddedNats) -> AsyncIterator[str]:
    """The session's NATS server, emptied after the test."""
    yield nats_server.url
    client = await nats.connect(nats_server.url)
    try:
        js = client.jetstream()
        for stream in await js.streams_info():
            if not str(stream.config.name).startswith("$MQTT_"):
                await js.delete_stream(str(stream.config.name))
        try:
            for consumer in await js.consumers_info(MQTT_STREAM):
                await js.delete_consumer(MQTT_STREAM, consumer.name)
            await js.purge_stream(MQTT_STREAM)
        except NotFoundError:
            pass
    finally:
        await client.close()


def database_of(url: str, name: str) -> str:
    """The URL of the database `name` on the server of `url`."""
    parts = conninfo_to_dict(url)
    return f"postgresql://{parts['user']}:{parts['password']}@{parts['host']}:{parts['port']}/{name}"


@contextmanager
def _one_database(server_url: str, template: str) -> Iterator[str]:
    """The URL of a new database, dropped at the end together with whoever is still connected."""
    name = f"test_{uuid4().hex[:12]}"
    _create_database(server_url, name, template)
    try:
        yield database_of(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _create_database(server_url: str, name: str, template: str = "template1") -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                Identifier(name), Identifier(template)
            )
        )
