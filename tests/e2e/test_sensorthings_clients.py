"""SensorThings of a running city, by clients that others wrote."""

import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import frost_sta_client as frost
import istsos4_client as istsos
import pytest
from frost_sta_client.model.ext.data_array_document import DataArrayDocument
from frost_sta_client.model.ext.data_array_value import DataArrayValue
from frost_sta_client.model.ext.unitofmeasurement import UnitOfMeasurement
from pydantic import Field

from yunnao.infra.child_city import ChildCity

MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
NOW = datetime.now(UTC).replace(microsecond=0)
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def token(running_city: ChildCity) -> str:
    with closing(running_city.signed_in(running_city.accounts()["data_steward"])) as client:
        answer = client.post("/tokens", json={"name": "sensorthings", "expires_in_days": 1})
        answer.raise_for_status()
        return str(answer.json()["token"])


@pytest.fixture(scope="module")
def service(running_city: ChildCity, token: str) -> frost.SensorThingsService:
    """A token is the password of this client, which knows HTTP Basic only."""
    handler = frost.service.auth_handler.AuthHandler("token", token)
    return frost.SensorThingsService(f"{running_city.base_url}/sensorthings/v1.1", handler)


def thing_with_datastream(service: frost.SensorThingsService) -> tuple[frost.Thing, frost.Datastream]:
    thing = frost.Thing(name="mast", description="on the roof", properties={"floor": 9})
    point = {"type": "Point", "coordinates": [120.4, 36.1]}
    thing.locations = [
        frost.Location(name="roof", description="d", location=point, encoding_type="application/geo+json")
    ]
    service.create(thing)
    stream = frost.Datastream(
        name="humidity", description="d", observation_type=MEASUREMENT,
        unit_of_measurement=UnitOfMeasurement("percent", "%", "ucum:%"), thing=frost.Thing(id=thing.id),
        sensor=frost.Sensor(name="DHT22", description="d", encoding_type="text/html", metadata="m"),
        observed_property=frost.ObservedProperty(name="humidity", definition="urn:h", description="d"),
    )  # fmt: skip
    service.create(stream)
    return thing, stream


def test_frost_creates_and_reads_what_it_created(service: frost.SensorThingsService) -> None:
    thing, stream = thing_with_datastream(service)
    found = service.things().find(thing.id)
    assert (found.name, found.properties["floor"]) == ("mast", 9)
    assert found.get_locations().query().list().entities[0].location["coordinates"] == [120.4, 36.1]
    assert service.datastreams().find(stream.id).unit_of_measurement.symbol == "%"
    one = frost.Observation(
        phenomenon_time=(NOW - timedelta(minutes=5)).isoformat(),
        result=41.5,
        datastream=frost.Datastream(id=stream.id),
    )
    service.create(one)
    document = DataArrayDocument()
    values = DataArrayValue()
    values.components = {values.Property.PHENOMENON_TIME, values.Property.RESULT}
    values.datastream = frost.Datastream(id=stream.id)
    for minute in range(4):
        at = (NOW - timedelta(minutes=minute)).isoformat()
        values.add_observation(frost.Observation(phenomenon_time=at, result=50.0 + minute))
    document.add_data_array_value(values)
    links = service.observations().create(document)
    assert all(link.self_link.startswith("http") for link in links)
    deadline = time.monotonic() + PATIENCE_S
    while len(stream.get_observations().query().list().entities) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert service.observations().find(one.id).result == 41.5


def test_frost_queries_and_walks_over_pages(service: frost.SensorThingsService) -> None:
    products = service.observed_properties().query().top(2).list()
    walked = [found.id for found in products]
    assert len(walked) == len(set(walked)) > 2
    streams = service.datastreams().query()
    streams = (
        streams.filter("Thing/properties/type eq 'CarPark'")
        .expand("Thing,Observations($top=1)")
        .count()
        .top(5)
    )
    found = streams.list()
    assert found.count > 0
    assert all(stream.thing.name for stream in found.entities)


class ReadObservation(istsos.Observation):
    """This client takes ids for integers; ours of Observations are texts."""

    iot_id: str | None = Field(None, alias="@iot.id", exclude=True)


def test_istsos_reads_and_creates(running_city: ChildCity, token: str) -> None:
    base = running_city.base_url.replace("http://", f"http://token:{token}@")
    with istsos.Client(f"{base}/sensorthings/v1.1") as client:
        sensor = client.post(
            istsos.Sensor(name="s", description="d", encoding_type="text/html", metadata="m")
        )
        place = istsos.Location(
            name="l", description="d", location={"type": "Point", "coordinates": [120.3, 36.2]}
        )
        thing = client.post(istsos.Thing(name="t", description="d", locations=[place]))
        wanted = istsos.ObservedProperty(name="p", description="d", definition="https://example.org/p")
        stream = client.post(
            istsos.Datastream(
                name="ds", description="d", observation_type=MEASUREMENT,
                unit_of_measurement=istsos.UnitOfMeasurement(name="metre", symbol="m", definition="ucum:m"),
                thing=thing, sensor=sensor, observed_property=wanted,
            )
        )  # fmt: skip
        assert stream.iot_id is not None
        assert client.get(istsos.Datastream, stream.iot_id, expand="Thing").thing.name == "t"
        client.patch(istsos.Sensor.model_construct(iot_id=sensor.iot_id, name="s2"))
        assert client.list(istsos.Sensor, filter="name eq 's2'")
        assert client.list(ReadObservation, top=5, filter=f"Datastream/id eq {stream.iot_id}") is not None
