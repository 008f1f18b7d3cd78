"""`yunnao replay reports FILE`: real messages through the real door, Open311 POST requests."""

import asyncio
import csv
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import httpx
import typer

from yunnao.entrypoints.replay.speed import factor_of
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import InvalidInput, YunnaoError
from yunnao.kernel.text import say

CONCURRENT_REQUESTS = 4
RETRIES_MAX = 6
RETRY_S = 0.5
TIMEOUT_S = 60.0
OUTCOME_ROWS = 100
TEXT_CHARS_MAX = 8_000
TIME_FORMATS = ("%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d")
CELL_CHARS_MAX = 10_000_000


def register(app: typer.Typer) -> None:
    group = next((g.typer_instance for g in app.registered_groups if g.name == "replay"), None)
    if group is None:
        group = typer.Typer(help="Feed real history through the real doors.", no_args_is_help=True)
        app.add_typer(group, name="replay")
    group.command("reports", help="Feed a CSV of messages through Open311.")(reports)


@dataclass(frozen=True)
class Message:
    """One row: its text, when it was written (None: unknown), where."""

    row: int
    text: str
    time: datetime | None
    address: str | None
    lon: str | None
    lat: str | None


@dataclass
class Tally:
    """What became of the messages."""

    sent: int = 0
    created: int = 0
    refused: int = 0
    retried: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    numbers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Columns:
    text: tuple[str, ...]
    time: str | None
    address: str | None
    lon: str | None
    lat: str | None


def reports(
    file: Path = typer.Argument(..., help="CSV with a header, UTF-8."),
    text_columns: str = typer.Option("留言主题,留言详情", help="Columns of the text, joined."),
    time_column: str | None = typer.Option(None, help="Column of the time, for --speed."),
    address_column: str | None = typer.Option(None),
    lon_column: str | None = typer.Option(None),
    lat_column: str | None = typer.Option(None),
    service_code: str = typer.Option("auto", help="Open311 service; auto: the city finds the category."),
    speed: str = typer.Option("max", help="Times as fast as it was written, or max."),
    url: str | None = typer.Option(None, help="The platform; none: this machine's."),
    token: str = typer.Option(..., envvar="YUNNAO_TOKEN", help="An API token."),
    limit: int | None = typer.Option(None, min=1, help="Only the first rows."),
    as_json: bool = typer.Option(False, "--json", help="The counts as JSON."),
) -> None:
    own = Settings.from_environment(os.environ, project_root())
    base = (url or f"http://{own.host}:{own.port}").rstrip("/")
    columns = Columns(tuple(text_columns.split(",")), time_column, address_column, lon_column, lat_column)
    try:
        messages = list(read(file, columns, limit))
        factor = factor_of(speed)
        began = time.monotonic()
        tally, outcome = asyncio.run(replay(base, token, service_code, messages, factor, name=file.name))
    except YunnaoError as error:
        _fail(own, error)
    except (httpx.HTTPError, ExceptionGroup) as error:
        # The first of the senders that gave up stands for all of them.
        first = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        _fail(own, InvalidInput("replay_unreachable", url=base, detail=repr(first)))
    seconds = time.monotonic() - began
    counts = {
        "rows": len(messages),
        "sent": tally.sent,
        "created": tally.created,
        "refused": tally.refused,
        "retried": tally.retried,
        **outcome,
        "seconds": round(seconds, 1),
        "per_s": round(tally.sent / seconds, 1) if seconds else None,
    }
    if as_json:
        print(json.dumps({**counts, "codes": dict(tally.codes)}, ensure_ascii=False))
    else:
        print(say("replay_reports_done", own.language, **counts))
        for code, count in tally.codes.most_common():
            print(f"  {count} × {code}")
    if tally.created != len(messages):
        raise typer.Exit(1)


def read(file: Path, columns: Columns, limit: int | None = None) -> Iterator[Message]:
    """Rows with a text, in the file's order. Raises InvalidInput for an unknown column."""
    csv.field_size_limit(CELL_CHARS_MAX)
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            named = {*columns.text, columns.time, columns.address, columns.lon, columns.lat} - {None}
            missing = {name for name in named if name not in (rows.fieldnames or ())}
            if missing:
                raise InvalidInput("dispatch_column_missing", file=file, column=", ".join(map(str, missing)))
            for number, row in enumerate(rows, start=2):
                if limit is not None and number - 1 > limit:
                    return
                text = "\n".join(part for c in columns.text if (part := (row[c] or "").strip()))
                yield Message(
                    number,
                    text[:TEXT_CHARS_MAX],
                    _time(row[columns.time]) if columns.time else None,
                    row[columns.address] if columns.address else None,
                    row[columns.lon] if columns.lon else None,
                    row[columns.lat] if columns.lat else None,
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput("dispatch_file_unreadable", file=file, detail=str(error)) from error


async def replay(
    base: str,
    token: str,
    service_code: str,
    messages: list[Message],
    factor: float | None,
    *,
    name: str,
    transport: httpx.AsyncBaseTransport | None = None,
) -> tuple[Tally, dict[str, Any]]:
    """Sends every message, `factor` times as fast as they were written (None: at once).

    `name` and the row make the idempotency key, so a file that is sent again opens nothing twice.
    """
    tally = Tally()
    gate = asyncio.Semaphore(CONCURRENT_REQUESTS)
    timed = [m.time for m in messages if m.time is not None]
    first, began = min(timed, default=None), time.monotonic()
    ordered = sorted(messages, key=lambda m: m.time or first or datetime.min) if factor else messages  # noqa: DTZ901
    limits = httpx.Limits(max_connections=CONCURRENT_REQUESTS)
    async with httpx.AsyncClient(
        base_url=base, timeout=TIMEOUT_S, limits=limits, transport=transport
    ) as client:
        async with asyncio.TaskGroup() as group:
            for message in ordered:
                if factor and first and message.time:
                    due = (message.time - first).total_seconds() / factor - (time.monotonic() - began)
                    await asyncio.sleep(max(0.0, due))
                await gate.acquire()
                task = group.create_task(_send(client, token, service_code, message, tally, name))
                task.add_done_callback(lambda _: gate.release())
        return tally, await _outcome(client, token, tally.numbers)


async def _send(
    client: httpx.AsyncClient, token: str, service_code: str, message: Message, tally: Tally, name: str
) -> None:
    """Sends until it is answered; the key makes a message that arrived twice one case."""
    form = {"api_key": token, "service_code": service_code, "description": message.text}
    for field_name, value in (
        ("address_string", message.address),
        ("long", message.lon),
        ("lat", message.lat),
    ):
        if value:
            form[field_name] = value
    key = hashlib.sha256(f"{name}:{message.row}:{message.text}".encode()).hexdigest()
    tally.sent += 1
    for attempt in range(RETRIES_MAX):
        try:
            answer = await client.post(
                "/open311/v2/requests.json", data=form, headers={"Idempotency-Key": key}
            )
        except httpx.TransportError:
            if attempt == RETRIES_MAX - 1:
                raise
        else:
            if answer.status_code == 201:
                tally.created += 1
                tally.numbers.append(answer.json()[0]["service_request_id"])
                return
            if answer.status_code < 500 and answer.status_code != 429:
                tally.refused += 1
                tally.codes[f"{answer.status_code} {answer.text[:120]}"] += 1
                return
        tally.retried += 1
        await asyncio.sleep(RETRY_S * 2**attempt)
    tally.refused += 1
    tally.codes["no answer"] += 1


async def _outcome(client: httpx.AsyncClient, token: str, numbers: list[str]) -> dict[str, Any]:
    """How many of the created requests have a department, and how many wait for a person."""
    found: Counter[str] = Counter()
    for start in range(0, len(numbers), OUTCOME_ROWS):
        answer = await client.get(
            "/open311/v2/requests.json",
            params={
                "service_request_id": ",".join(numbers[start : start + OUTCOME_ROWS]),
                "page_size": OUTCOME_ROWS,
            },
            headers={"Authorization": f"Bearer {token}"},
        )
        answer.raise_for_status()
        for each in answer.json():
            found["automatic" if each["agency_responsible"] else "desk"] += 1
    return {"automatic": found["automatic"], "desk": found["desk"]}


def _time(written: str | None) -> datetime | None:
    for form in TIME_FORMATS:
        try:
            # Only differences count here, so the zone that the file leaves out does not matter.
            return datetime.strptime((written or "").strip(), form)  # noqa: DTZ007
        except ValueError:
            continue
    return None


def _fail(own: Settings, error: YunnaoError) -> NoReturn:
    print(say(error.code, own.language, **error.params), file=sys.stderr)
    raise typer.Exit(1) from error
