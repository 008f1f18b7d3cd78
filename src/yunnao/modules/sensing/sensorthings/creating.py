"""Creates entities in terms of the platform's own: things are entities, datastreams series of devices.

A datastream that comes by this door is a device of its own with one metric, `result`, of a product made for
its sensor and observed property; scene `sensorthings` holds these products.
"""

from typing import Any

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound, Unsupported
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.scene import ScenePack
from yunnao.kernel.text import Text
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.contracts import DeviceDraft
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.sensorthings import bodies
from yunnao.modules.sensing.sensorthings.bodies import Body, read
from yunnao.modules.sensing.sensorthings.domain.model import ENTITY_SETS
from yunnao.modules.twin.contracts import EntityDraft, urn
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing.sensorthings", "creating.sql")
SCENE = "sensorthings"
THING_TYPE = "SensorThing"
METRIC = "result"
past_max_s = 10 * 366 * 86_400
_KINDS = {"OM_Measurement": "number", "OM_CountObservation": "integer", "OM_TruthObservation": "boolean"}
_PARTS = {
    "Sensors": "sensor",
    "ObservedProperties": "property",
    "FeaturesOfInterest": "feature",
    "Locations": "location",
}
_ENDS = {"Thing": "Things", "Sensor": "Sensors", "ObservedProperty": "ObservedProperties"}


class Creator:
    """Creates, changes and deletes within the caller's transaction."""

    def __init__(self, tx: Transaction, clock: Clock, sensing: Sensing, twin: Twin) -> None:
        self._tx = tx
        self._now = clock.now()
        self._sensing = sensing
        self._twin = twin

    async def create(self, entity_set: str, body: Body) -> int:
        """The id of the new entity. Raises InvalidInput; NotFound for a link into nowhere."""
        bodies.known_relations(entity_set, body)
        if entity_set == "Things":
            return await self._thing(body)
        if entity_set == "Datastreams":
            return await self._datastream(body)
        if entity_set == "Locations":
            return await self._location(body)
        if entity_set in _PARTS:
            if bodies.related(body, "Datastreams") or bodies.related(body, "Observations"):
                raise Unsupported("sta_insert_upwards", set=entity_set)
            return await self._part(entity_set, body)
        raise Unsupported("sta_not_created", set=entity_set)

    async def link(self, entity_set: str, given: Any) -> int:
        """The id of a relation's end: the one that is linked, or that is inserted with it."""
        if not isinstance(given, dict):
            raise InvalidInput("sta_body_invalid", where=entity_set, detail="{}")
        if "@iot.id" not in given:
            return await self.create(entity_set, given)
        found = given["@iot.id"]
        if not isinstance(found, int) or isinstance(found, bool) or abs(found) >= 2**63:
            raise NotFound("sta_entity_unknown", set=entity_set, id=str(found)[:60])
        view = ENTITY_SETS[entity_set].view
        row = await (
            await self._tx.execute(f"SELECT id FROM {view} WHERE id = %(id)s".encode(), {"id": found})
        ).fetchone()
        if row is None:
            raise NotFound("sta_entity_unknown", set=entity_set, id=str(found)[:60])
        return found

    # --- parts ---

    async def _thing(self, body: Body) -> int:
        given = read(bodies.Posted, body)
        locations = bodies.related(body, "Locations") or []
        await self._ensure_type()
        found_urn = urn(THING_TYPE, str(new_id()))
        name = Text(zh=given.name, en=given.name)
        await self._twin.upsert_entities(self._tx, [EntityDraft(found_urn, THING_TYPE, name, None, None)])
        thing = int((await self._one("thing_of_urn", urn=found_urn))["id"])
        await self._told(thing, given.description, given.properties)
        for location in locations if isinstance(locations, list) else [locations]:
            await self.place(thing, await self.link("Locations", location))
        for datastream in bodies.related(body, "Datastreams") or []:
            await self.create("Datastreams", {**datastream, "Thing": {"@iot.id": thing}})
        return thing

    async def place(self, thing: int, location: int) -> None:
        """The thing is at `location` from now on."""
        known = await self._one("thing_get", id=thing)
        at = await self._one("location_place", id=location)
        draft = EntityDraft(known["urn"], known["type"], Text(**known["name"]), at["lon"], at["lat"])
        await self._twin.upsert_entities(self._tx, [draft])
        if await self._maybe("location_posted", id=location):
            await self._tx.execute(
                QUERIES["move_insert"], {"thing": thing, "location": location, "time": self._now}
            )

    async def _location(self, body: Body) -> int:
        location = await self._part("Locations", body)
        for thing in bodies.related(body, "Things") or []:
            await self.place(await self.link("Things", thing), location)
        return location

    async def _part(self, entity_set: str, body: Body) -> int:
        kinds: dict[str, type[bodies.Posted]] = {
            "Sensors": bodies.PostedSensor,
            "ObservedProperties": bodies.PostedProperty,
            "FeaturesOfInterest": bodies.PostedFeature,
            "Locations": bodies.PostedLocation,
        }
        values = _columns(read(kinds[entity_set], body).model_dump())
        return int((await self._one(f"{_PARTS[entity_set]}_insert", **values))["id"])

    async def _datastream(self, body: Body) -> int:
        given = read(bodies.PostedDatastream, body)
        if bodies.related(body, "Observations"):
            raise Unsupported("sta_nested_observations")
        ends: dict[str, int] = {}
        for name, entity_set in _ENDS.items():
            if bodies.related(body, name) is None:
                raise InvalidInput("sta_relation_missing", name=name)
            ends[name] = await self.link(entity_set, body[name])
        thing = await self._one("thing_get", id=ends["Thing"])
        kind = _KINDS.get(given.observationType.rsplit("/", 1)[-1], "string")
        product = f"sta-{ends['Sensor']}-{ends['ObservedProperty']}-{kind}"
        if thing["type"] != THING_TYPE:
            product = f"{product}-{thing['type'].lower()}"
        await self._sensing.install(self._tx, _pack(product, given.name, thing["type"], kind), demo=False)
        device = f"sta-{new_id()}"
        local = thing["urn"].split(f":{thing['type']}:", 1)[1]
        draft = DeviceDraft(device, product, local, Text(**thing["name"]), thing["lon"], thing["lat"])
        await self._sensing.register_devices(self._tx, [draft])
        row = await self._one(
            "datastream_insert",
            device=device,
            metric=METRIC,
            sensor=ends["Sensor"],
            observed_property=ends["ObservedProperty"],
            **_columns(given.model_dump()),
        )
        return int(row["id"])

    async def change(self, entity_set: str, found_id: int, body: Body) -> None:
        """Replaces the properties that `body` names.

        Raises Conflict `sta_of_the_registry` for what a pack or the registry declares; NotFound.
        """
        await self.link(entity_set, {"@iot.id": found_id})
        values = _columns({name: body.get(name) for name in _changeable(entity_set)})
        if entity_set == "Things":
            await self._change_thing(found_id, body)
        elif entity_set in {"Sensors", "ObservedProperties", "Datastreams"}:
            query = "datastream_update" if entity_set == "Datastreams" else f"{_PARTS[entity_set]}_update"
            if not await self._maybe(query, id=found_id, **values):
                raise Conflict("sta_of_the_registry", set=entity_set)
        else:
            raise Unsupported("sta_not_changed", set=entity_set)

    async def _change_thing(self, thing: int, body: Body) -> None:
        known = await self._one("thing_get", id=thing)
        if body.get("name") is not None:
            name = Text(zh=str(body["name"]), en=str(body["name"]))
            draft = EntityDraft(known["urn"], known["type"], name, known["lon"], known["lat"])
            await self._twin.upsert_entities(self._tx, [draft])
        if "description" in body or "properties" in body:
            await self._told(thing, body.get("description"), body.get("properties"))
        for location in bodies.related(body, "Locations") or []:
            await self.place(thing, await self.link("Locations", location))

    async def delete(self, entity_set: str, found_id: int) -> None:
        """Of what came by this door and nothing refers to.

        Raises Conflict `sta_in_use`, Unsupported `sta_not_deleted`.
        """
        await self.link(entity_set, {"@iot.id": found_id})
        if entity_set not in _PARTS:
            raise Unsupported("sta_not_deleted", set=entity_set)
        if not await self._maybe(f"{_PARTS[entity_set]}_delete", id=found_id):
            raise Conflict("sta_in_use", set=entity_set)

    async def _told(self, thing: int, description: str | None, properties: Body | None) -> None:
        told = {"thing": thing, "description": description, "properties": properties and Jsonb(properties)}
        await self._tx.execute(QUERIES["thing_told"], {**told, "properties": told["properties"] or None})

    async def _ensure_type(self) -> None:
        if not await self._twin.types(self._tx, {THING_TYPE}):
            await self._twin.install(self._tx, _pack(None, "", THING_TYPE, ""))

    async def _one(self, query: str, **values: Any) -> Row:
        row = await self._maybe(query, **values)
        assert row is not None  # the statement inserts, or its row has been found before
        return row

    async def _maybe(self, query: str, **values: Any) -> Row | None:
        return await (await self._tx.execute(QUERIES[query], values)).fetchone()


def _changeable(entity_set: str) -> tuple[str, ...]:
    own = {
        "Sensors": ("encodingType", "metadata"),
        "ObservedProperties": ("definition",),
        "Datastreams": ("unitOfMeasurement",),
    }
    return ("name", "description", "properties", *own.get(entity_set, ()))


def _columns(given: Body) -> Body:
    """Values for the statements: JSON as JSON, and of a place a point."""
    out = dict(given)
    for name in ("metadata", "properties", "location", "feature", "unitOfMeasurement"):
        if out.get(name) is not None:
            out[name] = Jsonb(out[name])
    for name in ("location", "feature"):
        if name in given:
            out["lon"], out["lat"] = bodies.place_of(given[name])
    return out


def _pack(product: str | None, name: str, entity_type: str, kind: str) -> ScenePack:
    """The scene of what comes by this door, with one product or none."""
    told = {"zh": name[:200], "en": name[:200]}
    products = {
        product: {
            "label": told,
            "entity_type": entity_type,
            "metrics": {METRIC: {"label": told, "value_type": kind}},
            "decoder": {"metrics": {METRIC: f"/{METRIC}"}, "time": "/time"},
            "past_max_s": past_max_s,
        }
    }
    own = {"zh": "SensorThings", "en": "SensorThings"}
    return ScenePack.model_validate(
        {
            "manifest": {"scene": SCENE, "version": "1.1.0", "name": own, "description": own},
            "entity_types": {THING_TYPE: {"label": {"zh": "物", "en": "Thing"}}},
            "products": products if product is not None else {},
        }
    )
