"""Open311 of a running city, by a client that others wrote (georeport)."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from yunnao.infra.child_city import ChildCity

georeport = pytest.importorskip("georeport", reason="the client georeport is not installed")


@pytest.fixture(scope="module")
def number(running_city: ChildCity) -> str:
    """A request that was posted with a citizen's token."""
    with closing(running_city.signed_in(running_city.accounts()["citizen"])) as client:
        made = client.post("/tokens", json={"name": "open311", "expires_in_days": 1})
        made.raise_for_status()
    answer = httpx.post(
        f"{running_city.base_url}/open311/v2/requests.json",
        data={
            "api_key": made.json()["token"],
            "service_code": "auto",
            "description": "路灯不亮",
            "lat": "36.07",
            "long": "120.38",
        },
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()[0]["service_request_id"])


@pytest.mark.parametrize("form", ["json", "xml"])
def test_services_and_their_definitions(running_city: ChildCity, form: str) -> None:
    client = georeport.GeoReport(
        f"{running_city.base_url}/open311/v2", jurisdiction="370200", output_format=form
    )
    services = client.get_service_list()
    assert services[0]["service_code"] == "auto"
    defined = next(each for each in services if each["metadata"] in {True, "true"})
    told = client.get_service_definition(defined["service_code"])
    assert told["service_code"] == defined["service_code"]
    assert told["attributes"]


@pytest.mark.parametrize("form", ["json", "xml"])
def test_requests_are_found_and_read(running_city: ChildCity, number: str, form: str) -> None:
    client = georeport.GeoReport(f"{running_city.base_url}/open311/v2", output_format=form)
    assert client.get_service_request(number)["service_request_id"] == number
    day, now = timedelta(days=1), datetime.now(UTC)
    span = {"start_date": f"{now - day:%Y-%m-%dT%H:%M:%SZ}", "end_date": f"{now + day:%Y-%m-%dT%H:%M:%SZ}"}
    assert client.get_service_requests(status="open", **span)
    listed = client.get_service_requests(service_request_id=number)
    one = listed[0] if isinstance(listed, list) else listed
    assert one["service_request_id"] == number
