"""Readings in any order, late, repeated, cut into any batches, delivered again, sealed in between, with
crashes at the worst moments: each (series, time) that was sent is stored once, and its first value stands."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.lake_support import cold, keep, lake_in
from tests.integration.sensing_support import NOW, City, at, city_of

from yunnao.kernel.ids import new_id
from yunnao.modules.sensing import storing
from yunnao.modules.sensing.domain.times import UNKNOWN_US, to_us
from yunnao.modules.sensing.intake import Heard, Messages
from yunnao.modules.sensing.lake.tables import Lake
from yunnao.modules.sensing.lanes import LaneHold
from yunnao.modules.sensing.live.owner import LiveOwner

DEVICES = 2
RUN_ROWS = 3
"""In examples with runs a batch is one from so many new readings on."""
EXAMPLES = 12
HOT = "SELECT time FROM sensing.reading UNION ALL SELECT time FROM sensing.reading_run"

Said = tuple[int, str, float, int]
"""A device of the example, metric, seconds before NOW, and what makes the value."""
AGES_S = [0.0, 0.5, 1.0, 60.0, 3_599.0, 3_600.0, 7_000.0, 90_000.0]
said = st.tuples(
    st.integers(0, DEVICES - 1),
    st.sampled_from(["level", "level", "note"]),
    st.sampled_from(AGES_S),
    st.integers(1, 4),
)
steps = st.tuples(
    st.sampled_from(["deliver", "deliver", "again", "taken", "lost", "crash", "seal"]), st.integers(1, 8)
)


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    """One for all examples, each of which has devices of its own."""
    async with city_of(database_url, nats_url) as made:
        yield made


class Died(Exception):
    """The worker was killed."""


def died(*_: object) -> None:
    raise Died


@dataclass
class Stream:
    """An example's messages in a lane's stream, and how many of them were stored."""

    city: City
    owner: LiveOwner
    lake: Lake
    messages: Messages
    hold: LaneHold
    done: int = 0

    async def deliver(self, number: int, again: int = 0) -> None:
        """The next `number` messages, and the `again` before them once more."""
        part = self.messages.part(slice(max(self.done - again, 0), self.done + number))
        if len(part):
            heard = Heard(0, self.city.lanes, self.city.clock.now())
            await self.city.intake.take(self.city.database, self.hold, part, heard)
        self.done = min(self.done + number, len(self.messages))

    async def again(self, number: int) -> None:
        """The last messages come again, their acknowledgement being lost, with one that is new."""
        await self.deliver(1, number)

    async def taken(self, _: int) -> None:
        """Another worker takes the lane."""
        async with self.city.database.transaction() as tx:
            self.hold = await LaneHold.take(tx, 0)
        await self.owner.took(self.city.database, {0: self.hold.batch})

    async def lost(self, number: int) -> None:
        """The files of the live table are lost."""
        self.city.table.claim(new_id())
        await self.taken(number)

    async def crash(self, number: int) -> None:
        """The worker dies between the commit and the live table; the next one gets the batch again."""
        done = self.done
        with pytest.MonkeyPatch.context() as patch, suppress(Died):
            patch.setattr(self.city.table, "apply", died)
            await self.deliver(number)
        self.done = done
        await self.taken(number)

    async def seal(self, _: int) -> None:
        """Everything that is stored goes to the lake."""
        await keep(self.city, self.lake)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(said, min_size=1, max_size=24), st.lists(steps, max_size=8), st.booleans())
async def test_what_is_stored_is_what_was_sent_whatever_happens(
    city: City, monkeypatch: pytest.MonkeyPatch, sent: list[Said], plan: list[tuple[str, int]], runs: bool
) -> None:
    monkeypatch.setattr(storing, "run_rows_min", RUN_ROWS if runs else 50_000)
    example = new_id().hex[-12:]
    names = [f"{example}-{number}" for number in range(DEVICES)]
    await city.register("level", *names)
    stream = await stream_of(city, names, sent)
    for step, number in plan:
        await getattr(stream, step)(number)
    await stream.deliver(len(sent))
    await shows_the_newest(city, names, sent)
    await stream.seal(0)
    series = await series_of(city, names)
    wanted = {
        (series[names[device], metric], NOW - timedelta(seconds=age)): value(metric, kind)
        for device, metric, age, kind in reversed(sent)
    }
    own = set(series.values())
    stored = [row for row in cold(stream.lake) if row[0] in own]
    assert stored == sorted((*key, kept) for key, kept in wanted.items())
    assert await city.rows(HOT) == []
    assert await city.letters() == []


def value(metric: str, kind: int) -> Any:
    return kind / 10 if metric == "level" else f"note {kind}"


async def stream_of(city: City, names: list[str], sent: list[Said]) -> Stream:
    messages = [
        ("level", names[device], {metric: value(metric, kind), "t": at(-age)})
        for device, metric, age, kind in sent
    ]
    lake = lake_in(Path(city.folder))
    owner = LiveOwner(city.clock, city.nervous, city.table, lake)
    async with city.database.transaction() as tx:
        hold = await LaneHold.take(tx, 0)
    city.sequence = hold.sequence
    await owner.took(city.database, {0: hold.batch})
    return Stream(city, owner, lake, city.messages(*messages), hold)


async def shows_the_newest(city: City, names: list[str], sent: list[Said]) -> None:
    """Of a time that was sent with two values the live table may show either."""
    series = await series_of(city, names)
    newest: dict[int, int] = {}
    values: dict[tuple[int, int], set[Any]] = {}
    for device, metric, age, kind in sent:
        number, time_us = series[names[device], metric], to_us(NOW - timedelta(seconds=age))
        newest[number] = max(newest.get(number, UNKNOWN_US), time_us)
        values.setdefault((number, time_us), set()).add(kind / 10 if metric == "level" else None)
    shown = city.table.values(np.array(list(newest), np.int32))
    assert shown.time_us.tolist() == list(newest.values())
    for at_series, shows in zip(newest.items(), shown.value.tolist(), strict=True):
        assert (None if np.isnan(shows) else shows) in values[at_series]


async def series_of(city: City, names: list[str]) -> dict[tuple[str, str], int]:
    rows = await city.rows(
        "SELECT d.id, s.metric, s.series FROM sensing.series s JOIN sensing.device d ON d.number = s.device"
        " WHERE d.id = ANY(%s)",
        names,
    )
    return {(row["id"], row["metric"]): row["series"] for row in rows}
