"""Test cases of packs for each scheduled operator: fixtures with a history."""

from typing import Any

import pytest

from yunnao.bootstrap.pack_cases import run_pack_cases
from yunnao.kernel.packs.scene import PackCase, ScenePack

TEXT = {"zh": "测", "en": "test"}
FLAT = [10.0] * 24
DAY = [10.0] * 8 + [50.0] * 12 + [20.0] * 4


def device(name: str, lat: float = 36.0) -> dict[str, Any]:
    where = {"entity": name.lower(), "name": TEXT, "lon": 120.0, "lat": lat}
    return {"device": name, "product": "meter", **where}


def told(name: str, start: str, values: list[float | None], **more: Any) -> dict[str, Any]:
    return {"device": name, "metric": "flow", "start": start, "step_s": 3600, "values": values, **more}


def event(kind: str, hour: str, name: str = "A") -> dict[str, str]:
    return {"rule": "found", "device": name, "event": kind, "time": f"2026-06-{hour}:00:00Z"}


def outcome(
    rule: dict[str, Any], readings: list[dict[str, Any]], start: str, until: str, expected: list[Any],
    relations: dict[str, Any] | None = None,
) -> tuple[bool, str]:  # fmt: skip
    common = {"label": TEXT, "message": TEXT, "product": "meter", "metric": "flow", "every_s": 3600}
    product = {
        "label": TEXT, "entity_type": "Pipe", "metrics": {"flow": {"label": TEXT}},
        "decoder": {"metrics": {"flow": "/flow"}},
    }  # fmt: skip
    given = {
        "kind": "history", "devices": [device(n) for n in "ABCD"], "readings": readings,
        "start": f"2026-06-{start}:00:00Z", "until": f"2026-06-{until}:00:00Z", "relations": relations or {},
    }  # fmt: skip
    case = {"name": "case", "input": given, "expected": {"alarms": expected}}
    manifest = {"scene": "test", "version": "1.0.0", "name": TEXT, "description": TEXT}
    pack = ScenePack.model_validate(
        {"manifest": manifest, "products": {"meter": product}, "rules": {"found": {**common, **rule}}}
    )
    (result,) = run_pack_cases(pack.model_copy(update={"cases": [PackCase.model_validate(case)]}))
    return result.passed, result.detail


TODAY = "2026-06-10T00:00:00Z"
CASES: dict[str, tuple[Any, ...]] = {
    "a window": (
        {"operator": "window", "statistic": "mean", "window_s": 7200, "above": 20, "clear": 12},
        [told("A", TODAY, [10, 10, 40, 40, 10, 10, 10])],
        "10T01", "10T07", [event("opened", "10T03"), event("cleared", "10T06")],
    ),
    "the same hour of past weeks": (
        {"operator": "same-hour", "above": 3, "spread_min": 2},
        [told("A", "2026-05-13T00:00:00Z", DAY, repeat=28), told("A", TODAY, [*DAY[:4], 30, 50])],
        "10T01", "10T06", [event("opened", "10T05")],
    ),
    "neighbours": (
        {"operator": "neighbours", "nearest": 3, "window_s": 3600, "above": 8},
        [told(n, TODAY, [10, 30 if n == "C" else 10, 10]) for n in "ABCD"],
        "10T01", "10T03", [event("opened", "10T02", "C"), event("cleared", "10T03", "C")],
    ),
    "related things": (
        {
            "operator": "related", "window_s": 3600, "above": 5,
            "other": {"relation": "fedBy", "points_to": "this", "product": "meter", "metric": "flow"},
        },
        [told("A", TODAY, [10, 10]), told("B", TODAY, [9, 2])],
        "10T01", "10T02", [event("opened", "10T02")], {"b": {"fedBy": "a"}},
    ),
    "the forecast": (
        {"operator": "forecast", "step_s": 3600, "history_days": 14, "above": 1},
        [told("A", "2026-05-27T00:00:00Z", DAY, repeat=14), told("A", TODAY, [*DAY[:3], 45, 45])],
        "10T01", "10T04", [event("opened", "10T04")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_pack_can_test_its_scheduled_rules(name: str) -> None:
    passed, detail = outcome(*CASES[name])
    assert passed, detail


def test_a_case_that_expects_something_else_fails_and_says_what_was_found() -> None:
    rule, readings, start, until, _ = CASES["a window"]
    passed, detail = outcome(rule, readings, start, until, [])
    assert not passed
    assert "found A opened 2026-06-10T03:00:00+00:00" in detail
