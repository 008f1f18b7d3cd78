"""Hostile Open311 requests: no answer of 500 or above, all readable, nothing stored that should not be.

`YUNNAO_HOSTILE_REQUESTS` sets how many (10,000 for the whole run); `yunnao bench hostile` sets it.
"""

import json
import os
import re
from typing import Any
from xml.etree import ElementTree

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.integration.cases_support import SCENE, Town, town

from yunnao.modules.cases.intake import TEXT_CHARS_MAX

__all__ = ["town"]

REQUESTS = int(os.environ.get("YUNNAO_HOSTILE_REQUESTS", "120"))
BATCH = 10
ALL = list(HealthCheck)
STATUSES = {200, 201, 400, 403, 404, 405, 413}
STORED_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
MISCHIEF = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\x1b[2J",
    "\u202e\u2066",
    "\ufffe",
    "{{7*7}}${7*7}<%=7%>",
    "../../etc/passwd",
    "' OR '1'='1' --",
    '\'; DROP TABLE cases."case"; --',
    "%s%s%n",
    "%",
    "_",
    "\\",
    "1e999",
    "-0",
    "NaN",
    "Infinity",
    "0x1F",
    "1_000",
    "١٢٣",
    "１２０",
    "null",
    "[]",
    "{}",
    "\r\nSet-Cookie: a=b",
    "<script>alert(1)</script>",
    "]]>",
    "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>&b;",
    "ﷺ" * 300,
    "e\u0301" * 200,
    "😀" * 500,
    "x" * 9_000,
    "路灯不亮，晚上一片漆黑",
    "L",
    "G",
    "auto",
    "A",
    "120.38",
    "36.07",
    "500",
    "open",
    "closed,open",
    "2026-11-23T02:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59+14:00",
    "2026-02-30",
    "13800001234",
    "a@b.cn",
    "http://127.0.0.1:22/",
    "javascript:alert(1)",
    "http://[::1",
    "file:///etc/passwd",
    "true",
    "2",
    "0",
]
NAMES = [
    "service_code",
    "lat",
    "long",
    "address_string",
    "address_id",
    "email",
    "device_id",
    "account_id",
    "first_name",
    "last_name",
    "phone",
    "description",
    "media_url",
    "jurisdiction_id",
    "attribute[quantity]",
    "attribute[note]",
    "attribute[note][]",
    "attribute[other]",
    "attribute[]",
    "attribute[",
    "attribute[quantity][]",
    "attribute[__proto__]",
    "api_key",
]
FILTERS = [
    "service_request_id",
    "service_code",
    "start_date",
    "end_date",
    "status",
    "page",
    "page_size",
    "per_page",
    "updated_after",
    "updated_before",
    "extensions",
    "jurisdiction_id",
    "api_key",
    "surprise",
]

text = st.one_of(st.sampled_from(MISCHIEF), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
GOOD = {"service_code": "L", "lat": "36.07", "long": "120.38", "description": "路灯不亮，晚上一片漆黑"}
form = st.builds(
    lambda good, bad: {**good, **bad},
    st.sampled_from([{}, GOOD, GOOD, {**GOOD, "service_code": "auto"}]),
    st.one_of(st.just({}), st.dictionaries(st.sampled_from(NAMES), text, max_size=3)),
)
ending = st.sampled_from(["json", "json", "xml", "yaml", ""])
post = st.tuples(
    st.just("POST"),
    st.builds("/open311/v2/requests.{}".format, ending),
    st.builds(
        lambda sent, key, prefer: {"data": sent, "key": key, "prefer": prefer},
        form,
        st.booleans(),
        st.booleans(),
    ),
)
listing = st.tuples(
    st.just("GET"),
    st.builds("/open311/v2/requests.{}".format, ending),
    st.builds(lambda query: {"params": query}, st.dictionaries(st.sampled_from(FILTERS), text, max_size=4)),
)
segment = text.map(lambda value: value.replace("/", "").replace("?", "").replace("#", "")[:200] or "x")
single = st.tuples(
    st.just("GET"),
    st.builds(
        "/open311/v2/{}/{}.{}".format,
        st.sampled_from(["services", "requests", "tokens", "media"]),
        segment,
        ending,
    ),
    st.just({}),
)
raw = st.tuples(
    st.just("POST"),
    st.just("/open311/v2/requests.json"),
    st.builds(
        lambda body, kind: {"content": body, "headers": {"Content-Type": kind}},
        st.binary(max_size=200),
        st.sampled_from(
            [
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=x",
                "multipart/form-data",
                "application/json",
                "text/xml",
                "\u00ff",
            ]
        ),
    ),
)


async def send(town: Town, method: str, path: str, options: dict[str, Any]) -> httpx.Response | None:
    options = dict(options)
    headers = {"Authorization": f"Bearer {town.tokens['wang']}", **options.pop("headers", {})}
    if options.pop("prefer", False):
        headers["Prefer"] = "respond-async"
    if not options.pop("key", True):
        headers.pop("Authorization")
    async with town.client() as client:
        try:
            request = client.build_request(method, path, headers=headers, **options)
        except (httpx.InvalidURL, UnicodeEncodeError, ValueError):
            return None
        return await client.send(request)


def check(answer: httpx.Response) -> None:
    """An answer of ours, in the form that the path asked for."""
    assert answer.status_code in STATUSES, (answer.status_code, answer.request.url, answer.text)
    if answer.headers["content-type"].startswith("text/xml"):
        ElementTree.fromstring(answer.content)
    elif answer.headers["content-type"].startswith("application/"):
        json.loads(answer.content)
    if answer.status_code in {400, 403} and "json" in answer.headers["content-type"]:
        assert answer.json()[0]["description"], answer.text


async def check_store(town: Town, created: int) -> None:
    """As many cases as were told of; each sound, announced once, with a timeline; nothing half."""
    async with town.database.transaction() as tx:
        await town.cases.open311.open_deferred(tx)
    cases = await town.rows('SELECT * FROM cases."case"')
    tokens = await town.rows("SELECT count(number) AS opened FROM cases.open311_token")
    assert len(cases) == created + tokens[0]["opened"]
    validator = Draft202012Validator(SCENE.case_types["report"].form)
    for case in cases:
        assert 0 < len(case["text"]) <= TEXT_CHARS_MAX
        assert case["source"] == "open311"
        assert case["category"] in {"L", "G", "W", "T", None}
        assert (case["lon"] is None) == (case["lat"] is None)
        assert case["lon"] is None or (-180 <= case["lon"] <= 180 and -90 <= case["lat"] <= 90)
        validator.validate(case["fields"])
        kept = json.dumps(
            [case["text"], case["address"], case["reporter"], case["fields"]], ensure_ascii=False
        )
        assert not STORED_CONTROL.search(kept.replace("\\n", "").replace("\\t", "").replace("\\r", "")), kept
        assert set(case["reporter"] or {}) <= {"name", "phone", "email"}
    opened = await town.rows("SELECT count(*) AS n FROM infra.outbox WHERE subject = 'cases.case.opened'")
    assert opened[0]["n"] == len(cases)
    told = await town.rows("SELECT count(DISTINCT case_id) AS n FROM cases.timeline WHERE event = 'opened'")
    assert told[0]["n"] == len(cases)
    orphans = await town.rows(
        "SELECT 1 FROM cases.open311_request r WHERE NOT EXISTS "
        '(SELECT 1 FROM cases."case" c WHERE c.id = r.case_id)'
    )
    assert not orphans


async def test_hostile_requests_get_answers_and_leave_nothing_behind(town: Town) -> None:
    count = {"created": 0, "sent": 0}

    @settings(
        max_examples=max(1, REQUESTS // BATCH),
        deadline=None,
        suppress_health_check=ALL,
        database=None,
    )
    @given(st.lists(st.one_of(post, post, listing, single, raw), min_size=BATCH, max_size=BATCH))
    def gather(batch: list[tuple[str, str, dict[str, Any]]]) -> None:
        batches.append(batch)

    batches: list[list[tuple[str, str, dict[str, Any]]]] = []
    gather()
    for batch in batches:
        for method, path, options in batch:
            answer = await send(town, method, path, options)
            if answer is None:
                continue
            check(answer)
            count["sent"] += 1
            if answer.status_code == 201 and "token" not in answer.text:
                count["created"] += 1
    await check_store(town, count["created"])
    print(f"hostile: {count['sent']} requests, {count['created']} cases")


async def test_requests_made_from_the_description_of_the_door_get_answers(town: Town) -> None:
    """What schemathesis makes of our own OpenAPI document, right and wrong."""
    described = town.app.openapi()
    described["paths"] = {
        path: each for path, each in described["paths"].items() if path.startswith("/open311")
    }
    schema = schemathesis.openapi.from_dict(described)
    made: list[schemathesis.Case] = []
    operations = list(schema.get_all_operations())
    each_max = max(1, REQUESTS // 3 // len(operations))
    for operation in operations:

        @settings(max_examples=each_max, deadline=None, suppress_health_check=ALL, database=None)
        @given(operation.ok().as_strategy())
        def gather(case: schemathesis.Case) -> None:
            made.append(case)

        gather()
    count = 0
    for case in made:
        wanted = requests.Request(**case.as_transport_kwargs(base_url="http://city")).prepare()
        headers = {**wanted.headers, "Authorization": f"Bearer {town.tokens['wang']}"}
        async with town.client() as client:
            try:
                answer = await client.request(
                    wanted.method or "GET", str(wanted.url), content=wanted.body, headers=headers
                )
            except (httpx.InvalidURL, UnicodeEncodeError, ValueError):
                continue
        check(answer)
        count += answer.status_code == 201 and "token" not in answer.text
    await check_store(town, count)
