"""Reading BPMN 2.0 from packs: data only, one token, every way through it ends at a person.

Elements that could run anything are refused, and so is what would split a case in two or turn in a
circle without a person deciding.
"""

from collections.abc import Mapping
from typing import Any

from lxml import etree

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.text import Text
from yunnao.modules.cases.domain import STATUS_BY_END, STATUS_BY_TASK
from yunnao.modules.cases.flows.conditions import constants_of, evaluate_condition

FLOW_BYTES_MAX = 512 * 1024

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
NODES = ("startEvent", "userTask", "exclusiveGateway", "intermediateThrowEvent", "endEvent")
ELEMENTS = frozenset(
    {
        *NODES,
        "definitions",
        "process",
        "documentation",
        "sequenceFlow",
        "conditionExpression",
        "incoming",
        "outgoing",
    }
)


def read_flow(bpmn: str) -> Any:
    """The checked tree. Raises InvalidInput `flow_…` for what is no flow of ours."""
    content = bpmn.encode()
    if len(content) > FLOW_BYTES_MAX:
        raise InvalidInput("flow_unreadable", detail=f"> {FLOW_BYTES_MAX} bytes")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        tree = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidInput("flow_unreadable", detail=str(error)[:300]) from error
    if tree.getroottree().docinfo.internalDTD is not None:
        raise InvalidInput("flow_element_refused", element="DOCTYPE")
    for element in tree.iter(etree.Element):
        name = etree.QName(element)
        if name.namespace == BPMN and name.localname not in ELEMENTS:
            raise InvalidInput("flow_element_refused", element=name.localname)
    _check_steps(tree)
    return tree


def decisions_of(tree: Any) -> dict[str, frozenset[str]]:
    """For each user task, the constants that the gateway after it compares `decision` with."""
    flows = list(tree.iter(f"{{{BPMN}}}sequenceFlow"))
    targets = {f.get("sourceRef"): f.get("targetRef") for f in flows}
    found: dict[str, frozenset[str]] = {}
    for task in tree.iter(f"{{{BPMN}}}userTask"):
        after = targets.get(task.get("id"))
        named: set[str] = set()
        for sequence in flows:
            condition = sequence.find(f"{{{BPMN}}}conditionExpression")
            if sequence.get("sourceRef") == after and condition is not None:
                named |= constants_of(condition.text or "")
        found[task.get("id")] = frozenset(named or {task.get("id")})
    return found


def names_of(tree: Any) -> dict[str, Text]:
    """What each element is called: its name in Chinese, its documentation in English."""
    found = {}
    for kind in NODES:
        for node in tree.iter(f"{{{BPMN}}}{kind}"):
            told = node.findtext(f"{{{BPMN}}}documentation")
            name = node.get("name") or node.get("id")
            found[node.get("id")] = Text(zh=name, en=(told or name).strip())
    return found


def _check_steps(tree: Any) -> None:
    if len(tree.findall(f"{{{BPMN}}}process")) != 1:
        raise InvalidInput("flow_unreadable", detail="one process is needed")
    if len(list(tree.iter(f"{{{BPMN}}}startEvent"))) != 1:
        raise InvalidInput("flow_unreadable", detail="one start event is needed")
    for kind, known in (("userTask", STATUS_BY_TASK), ("endEvent", STATUS_BY_END)):
        for element in tree.iter(f"{{{BPMN}}}{kind}"):
            if element.get("id") not in known:
                raise InvalidInput("flow_step_unknown", step=element.get("id"), known=", ".join(known))
    for condition in tree.iter(f"{{{BPMN}}}conditionExpression"):
        evaluate_condition(condition.text or "", "")
    _check_joints(tree)


def _check_joints(tree: Any) -> None:
    """Every sequence flow joins two elements; only an end event leads nowhere, only a gateway to several."""
    nodes = {n.get("id"): etree.QName(n).localname for kind in NODES for n in tree.iter(f"{{{BPMN}}}{kind}")}
    targets: dict[str, list[str]] = {}
    for sequence in tree.iter(f"{{{BPMN}}}sequenceFlow"):
        for end in (sequence.get("sourceRef"), sequence.get("targetRef")):
            if end not in nodes:
                raise InvalidInput("flow_unreadable", detail=f"{sequence.get('id')}: {end}?")
        targets.setdefault(sequence.get("sourceRef"), []).append(sequence.get("targetRef"))
    dead = [name for name, kind in nodes.items() if kind != "endEvent" and name not in targets]
    if dead:
        raise InvalidInput("flow_unreadable", detail=f"{', '.join(map(str, dead))}: no outgoing flow")
    for name, ways in targets.items():
        if len(ways) > 1 and nodes[name] != "exclusiveGateway":
            raise InvalidInput("flow_unreadable", detail=f"{name}: a case cannot go two ways at once")
    _check_circles({name: ways for name, ways in targets.items() if nodes[name] != "userTask"})


def _check_circles(targets: Mapping[str, list[str]]) -> None:
    """A circle in which nobody decides would turn for ever."""
    left = dict(targets)
    while left:
        ended = [name for name, ways in left.items() if not any(way in left for way in ways)]
        if not ended:
            raise InvalidInput(
                "flow_unreadable", detail=f"{', '.join(sorted(left))}: a circle without a task"
            )
        for name in ended:
            del left[name]
