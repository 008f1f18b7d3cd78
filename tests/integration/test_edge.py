"""The HTTP edge of a running city: limits, problems in the reader's language, and a fuzzer of others."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from yunnao.infra.child_city import ChildCity

EXAMPLES_PER_OPERATION = 4
NOT_CONFIGURED = 501
"""What a door answers whose program the city has not connected: no failure of the server."""


@pytest.fixture(scope="module")
def client(running_city: ChildCity) -> httpx.Client:
    return httpx.Client(base_url=running_city.base_url, timeout=30)


def test_an_oversize_body_is_refused_and_the_next_request_is_served(client: httpx.Client) -> None:
    answer = client.post("/api/v1/reports", content=b'{"text": "' + b"x" * 5_000_000 + b'"}')
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "body_too_large"
    assert client.get("/api/v1/meta").status_code == 200


def test_an_oversize_body_of_unknown_length_is_refused_too(client: httpx.Client) -> None:
    def chunks() -> Any:
        for _ in range(80):
            yield b"x" * 65_536

    assert client.post("/api/v1/reports", content=chunks()).status_code == 413


@pytest.mark.parametrize(("language", "word"), [("zh-CN,zh;q=0.9", "没有"), ("en-GB,en;q=0.8", "nothing")])
def test_a_problem_speaks_the_readers_language(client: httpx.Client, language: str, word: str) -> None:
    answer = client.get("/api/v1/there-is-no-such-thing", headers={"Accept-Language": language})
    assert answer.status_code == 404
    assert word in answer.json()["title"]


@pytest.mark.parametrize(("lon", "lat"), [(120.3, 95.0), (36.0, 120.3), (200.0, 36.0)])
def test_wrong_coordinates_are_told_as_such(client: httpx.Client, lon: float, lat: float) -> None:
    answer = client.post("/api/v1/reports", json={"text": "路灯不亮", "lon": lon, "lat": lat})
    assert answer.status_code == 422
    assert "errors" in answer.json() or answer.json()["code"].startswith(("lonlat", "coordinates"))


def test_a_nul_in_a_filter_breaks_nothing(client: httpx.Client, running_city: ChildCity) -> None:
    signed_in = running_city.signed_in(running_city.accounts()["dispatcher"])
    assert signed_in.get("/cases", params={"q": "a\x00b"}).status_code in {200, 422}
    assert signed_in.get("/cases", params={"q": "'; DROP TABLE cases.case; --"}).json()["items"] == []


def test_live_events_are_for_those_who_signed_in(client: httpx.Client) -> None:
    assert client.get("/api/v1/events").status_code == 401


def test_an_expired_or_invented_token_says_so(client: httpx.Client) -> None:
    answer = client.get("/api/v1/cases", headers={"Authorization": "Bearer ynk_invented"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "token_unknown"


def test_the_console_and_its_deep_links_are_served_with_a_content_policy(client: httpx.Client) -> None:
    for path in ("/", "/report", "/cases/0198-anything"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_files_outside_the_console_are_not_served(client: httpx.Client) -> None:
    answer = client.get("/..%2f..%2fpyproject.toml")
    assert b"[project]" not in answer.content


def test_metrics_of_every_role_are_told_at_one_door(client: httpx.Client) -> None:
    text = client.get("/metrics").text
    assert "yunnao_http_request_seconds_count" in text
    assert "yunnao_outbox_lag_seconds" in text


DESCRIPTION = Path(__file__).resolve().parents[2] / "docs" / "reference" / "openapi.json"
described = schemathesis.openapi.from_path(DESCRIPTION).exclude(path="/api/v1/events")


@pytest.fixture(scope="module")
def admin_headers(running_city: ChildCity) -> dict[str, str]:
    signed_in = running_city.signed_in(running_city.accounts()["administrator"])
    made = signed_in.post("/tokens", json={"name": "fuzzer", "expires_in_days": 1})
    return {"Authorization": f"Bearer {made.raise_for_status().json()['token']}"}


@described.parametrize()
@settings(
    max_examples=EXAMPLES_PER_OPERATION,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_input_makes_the_server_fail_or_answer_other_than_described(
    case: Any, running_city: ChildCity, admin_headers: dict[str, str]
) -> None:
    answer = case.call(base_url=running_city.base_url, headers=admin_headers)
    if answer.status_code != NOT_CONFIGURED:
        case.validate_response(answer, checks=(not_a_server_error,))
    if answer.status_code < 300:
        # Problems are in one form that the description does not repeat for each operation.
        case.validate_response(answer, checks=(content_type_conformance, response_schema_conformance))
