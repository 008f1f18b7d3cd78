"""Versions of flows: what runs on which, moving on purpose, and the time that each step took."""

from typing import Any

from tests.integration.cases_support import SCENE, Town, town

__all__ = ["town"]

BPMN = SCENE.flows["flows/case.bpmn"]


async def install(town: Town, bpmn: str) -> None:
    async with town.database.transaction() as tx:
        await town.cases.install_scene(tx, SCENE.model_copy(update={"flows": {"flows/case.bpmn": bpmn}}))


async def migrate(town: Town, **body: Any) -> Any:
    answer = await town.call("admin", "POST", "/api/v1/flows/report/migrate", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_flow_tells_how_long_each_element_took(town: Town) -> None:
    case_id = (await town.report())["case_id"]
    town.clock.forward(minutes=10)
    await town.done("lamps", case_id, "accept")
    town.clock.forward(minutes=30)
    await town.done("lamps", case_id, "finish", comment="好了")
    town.clock.forward(minutes=5)
    await town.done("desk", case_id, "rework", comment="不亮")
    town.clock.forward(minutes=20)
    found = await town.get("desk", f"/cases/{case_id}/flow")
    spent = {name: (stay["spent_s"], stay["visits"]) for name, stay in found["elements"].items()}
    assert (spent["accept"], spent["handle"], spent["check"]) == ((600, 1), (3000, 2), (300, 1))
    assert spent["dispatch"] == (0, 1)
    assert found["elements"]["handle"]["left_at"] is None
    assert found["elements"]["check"]["left_at"] is not None
    assert found["elements"]["reported"]["step"] == "collect"
    assert found["elements"]["fed_back"]["step"] == "feed_back"
    assert (found["version"], found["newest"], found["current"]) == (1, 1, ["handle"])


async def test_cases_stay_on_their_version_until_they_are_moved(town: Town) -> None:
    mine = (await town.report())["case_id"]
    await install(town, BPMN.replace("城市管理", "新的"))
    versions = (await town.get("admin", "/flows"))["items"]
    assert [(v["version"], v["current"], v["running"]) for v in versions] == [(2, True, 0), (1, False, 1)]

    told = await migrate(town)
    assert (told["dry_run"], told["movable"], told["moved"]) == (True, 1, 0)
    assert (await town.get("desk", f"/cases/{mine}/flow"))["version"] == 1
    assert (await migrate(town, dry_run=False))["moved"] == 1
    flow = await town.get("desk", f"/cases/{mine}/flow")
    assert (flow["version"], flow["current"]) == (2, ["accept"])
    events = [e["event"] for e in (await town.get("desk", f"/cases/{mine}/timeline"))["items"]]
    assert events[-1] == "flow_migrated"
    assert (await town.done("lamps", mine, "accept"))["status"] == "handling"
    assert (await migrate(town, dry_run=False))["moved"] == 0


async def test_a_case_at_a_step_that_is_gone_moves_only_where_it_is_told_to(town: Town) -> None:
    waiting = (await town.report())["case_id"]
    stuck = (await town.report())["case_id"]
    await town.done("lamps", stuck, "accept")
    await town.done("lamps", stuck, "complete", comment="灯亮了")
    older = (await town.get("admin", "/flows/report/1"))["bpmn"]
    assert older == BPMN
    await install(town, without_feedback(BPMN))
    told = await migrate(town)
    assert {g["task"]: (g["cases"], g["reason"] is None) for g in told["groups"]} == {
        "accept": (1, True), "feed_back": (1, False),
    }  # fmt: skip
    assert (told["movable"], told["blocked"]) == (1, 1)
    told = await migrate(town, tasks={"feed_back": "check"})
    assert told["blocked"] == 1
    told = await migrate(town, tasks={"feed_back": "handle"}, dry_run=False)
    assert (told["moved"], told["blocked"]) == (2, 0)
    assert (await town.done("lamps", stuck, "finish", comment="好了"))["status"] == "checking"
    flow = await town.get("desk", f"/cases/{stuck}/flow")
    assert flow["elements"]["feed_back"]["visits"] == 1
    assert flow["elements"]["handle"]["visits"] == 2
    assert (await town.done("lamps", waiting, "accept"))["status"] == "handling"


async def test_only_an_administrator_moves_cases(town: Town) -> None:
    path = "/api/v1/flows/report/migrate"
    assert (await town.call("desk", "POST", path, json={})).status_code == 403
    assert (await town.call("lamps", "GET", "/api/v1/flows")).status_code == 403
    assert (await town.call("admin", "POST", path, json={"to": 9})).status_code == 404
    assert (await town.call("admin", "POST", "/api/v1/flows/none/migrate", json={})).status_code == 404


def without_feedback(bpmn: str) -> str:
    """The flow without its step `feed_back`: what leads there leads to the event after it."""
    start = bpmn.index('    <bpmn:userTask id="feed_back"')
    end = bpmn.index('    <bpmn:intermediateThrowEvent id="fed_back"')
    text = bpmn[:start] + bpmn[end:]
    lines: list[str] = []
    skipping = False
    for line in text.splitlines():
        if (
            'sourceRef="feed_back"' in line
            or 'id="decide_handle_complete"' in line
            or 'sourceRef="decide_feed_back"' in line
        ):
            skipping = not line.endswith("/>")
            continue
        if skipping:
            skipping = "</bpmn:sequenceFlow>" not in line
            continue
        if any(name in line for name in ("decide_feed_back_", "decide_handle_complete</")):
            continue
        lines.append(line)
    return "\n".join(lines).split("  <bpmndi:BPMNDiagram")[0] + "</bpmn:definitions>"
