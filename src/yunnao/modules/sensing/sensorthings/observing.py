"""Takes Observations: one by one, or as data arrays (OGC 18-088, 10.2 and 12.2); into the stream first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import InvalidInput, NotFound, TooLarge
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.contracts import ReadingDraft, Rejected
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.sensorthings import bodies
from yunnao.modules.sensing.sensorthings.bodies import Body, PostedObservation, read
from yunnao.modules.sensing.sensorthings.creating import QUERIES, Creator
from yunnao.modules.sensing.sensorthings.domain.paths import observation_id

observations_max = 10_000
"""Of one request; a message of the stream each."""
_COMPONENTS = ("result", "phenomenonTime", "resultTime", "resultQuality", "validTime", "parameters")


@dataclass
class Draft:
    """An Observation to take: of which datastream, and of which feature where the client names one."""

    datastream: int
    given: PostedObservation
    time: datetime
    feature: Any = None


class Observer:
    """Takes observations within the caller's transaction."""

    def __init__(self, tx: Transaction, clock: Clock, sensing: Sensing, creator: Creator) -> None:
        self._tx = tx
        self._now = clock.now()
        self._sensing = sensing
        self._creator = creator

    async def one(self, body: Body) -> str:
        """The id of the Observation, which is readable as soon as an ingest worker has stored it.

        Raises InvalidInput as the intake refuses readings; NotFound where there is no such Datastream.
        """
        bodies.known_relations("Observations", body)
        given = read(PostedObservation, body)
        datastream = _datastream_of(body)
        series = await self._series([datastream])
        if datastream not in series:
            raise NotFound("sta_entity_unknown", set="Datastreams", id=str(datastream))
        draft = Draft(datastream, given, given.time(self._now))
        if bodies.related(body, "FeatureOfInterest") is not None:
            draft.feature = await self._creator.link("FeaturesOfInterest", body["FeatureOfInterest"])
        rejected = await self._take([draft], series)
        if rejected:
            raise InvalidInput(rejected[0].code, **rejected[0].params)
        return observation_id(draft.datastream, draft.time)

    async def arrays(self, body: Any) -> list[str | None]:
        """An id for each row of each array in their order; None where one was refused."""
        if not isinstance(body, list) or not all(isinstance(array, dict) for array in body):
            raise InvalidInput("sta_body_invalid", where="/", detail="[{}]")
        rows = [row for array in body for row in self._rows(array)]
        if len(rows) > observations_max:
            raise TooLarge("batch_too_large", limit_rows=observations_max)
        series = await self._series([row.datastream for row in rows if row is not None])
        features = await self._features([row.feature for row in rows if row is not None and row.feature])
        places = [
            place
            for place, row in enumerate(rows)
            if row is not None and row.datastream in series and (not row.feature or row.feature in features)
        ]
        drafts = [row for place in places if (row := rows[place]) is not None]
        refused = {found.index for found in await self._take(drafts, series)}
        out: list[str | None] = [None] * len(rows)
        for index, (place, draft) in enumerate(zip(places, drafts, strict=True)):
            if index not in refused:
                out[place] = observation_id(draft.datastream, draft.time)
        return out

    def _rows(self, array: Body) -> list[Draft | None]:
        """Rows of one array; a row that is none of an Observation is None."""
        components = array.get("components")
        if not isinstance(array.get("dataArray"), list):
            raise InvalidInput("sta_body_invalid", where="dataArray", detail="[]")
        if not isinstance(components, list) or "result" not in components:
            raise InvalidInput("sta_body_invalid", where="components", detail="result")
        datastream = _datastream_of(array)
        out: list[Draft | None] = []
        for row in array["dataArray"]:
            try:
                told = dict(zip(components, row, strict=True))
                given = read(PostedObservation, {k: v for k, v in told.items() if k in _COMPONENTS})
                feature = told.get("FeatureOfInterest/id")
                out.append(Draft(datastream, given, given.time(self._now), feature))
            except (InvalidInput, ValueError, TypeError):
                out.append(None)
        return out

    async def _series(self, ids: list[int]) -> dict[int, Row]:
        rows = await (await self._tx.execute(QUERIES["series_get"], {"ids": sorted(set(ids))})).fetchall()
        return {row["id"]: row for row in rows}

    async def _features(self, ids: list[Any]) -> set[int]:
        asked = sorted({found for found in ids if isinstance(found, int)})
        if not asked:
            return set()
        rows = await (await self._tx.execute(QUERIES["features_get"], {"ids": asked})).fetchall()
        return {row["id"] for row in rows}

    async def _take(self, drafts: list[Draft], series: dict[int, Row]) -> list[Rejected]:
        """Into the stream; answers what the intake refuses."""
        readings = [
            ReadingDraft(row["device"], row["metric"], d.time, _value(d.given.result, row["value_type"]))
            for d in drafts
            for row in (series[d.datastream],)
        ]
        rejected = await self._sensing.take_readings(self._tx, readings)
        refused = {found.index for found in rejected}
        told = [d for i, d in enumerate(drafts) if i not in refused and (d.feature or d.given.fields())]
        # Of one id the last counts.
        once = {(d.datastream, d.time): d for d in told}.values()
        if once:
            await self._tx.execute(
                QUERIES["observations_told"],
                {
                    "series": [d.datastream for d in once],
                    "times": [d.time for d in once],
                    "features": [d.feature for d in once],
                    "fields": [Jsonb(d.given.fields()) for d in once],
                },
            )
        return rejected


def _datastream_of(body: Body) -> int:
    """The Datastream that is linked; one to insert would not be committed before its reading is out."""
    given = bodies.related(body, "Datastream")
    found = given.get("@iot.id") if isinstance(given, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 2**31:
        raise InvalidInput("sta_relation_missing", name="Datastream")
    return found


def _value(result: Any, value_type: str | None) -> Any:
    """A result that is no text where texts are kept is kept as JSON."""
    if value_type == "string" and not isinstance(result, str):
        return orjson.dumps(result).decode()
    return result
