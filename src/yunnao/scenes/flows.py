"""Checking BPMN 2.0 files: well formed, one executable process, closed references, no code."""

import ast
from collections.abc import Iterator
from typing import Any

from lxml import etree

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"

elements = frozenset(
    {
        "process",
        "documentation",
        "startEvent",
        "userTask",
        "exclusiveGateway",
        "intermediateThrowEvent",
        "endEvent",
        "sequenceFlow",
        "conditionExpression",
        "incoming",
        "outgoing",
    }
)
"""What a process may consist of: nothing here runs code or waits by itself."""

condition_nodes = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Compare, ast.Eq, ast.NotEq,
    ast.In, ast.NotIn, ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List,
)  # fmt: skip
"""A condition compares `decision` with constants."""

Finding = tuple[int | None, str, dict[str, Any]]


def check_flow(xml: str) -> Iterator[Finding]:
    """Line, message code and parameters of everything wrong with a flow."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(xml.encode(), parser)
    except etree.XMLSyntaxError as error:
        yield error.lineno, "pack_flow_malformed", {"detail": error.msg or ""}
        return
    if "<!DOCTYPE" in xml:
        yield 1, "pack_flow_doctype", {}
        return
    processes = root.findall(f"{BPMN}process")
    if root.tag != f"{BPMN}definitions" or not processes:
        yield _line(root), "pack_flow_without_process", {}
        return
    if len(processes) > 1:
        yield _line(processes[1]), "pack_flow_processes", {}
    yield from _check_process(processes[0])


def _check_process(process: etree._Element) -> Iterator[Finding]:
    if not process.get("id"):
        yield _line(process), "pack_flow_without_id", {}
    for element in process.iter(etree.Element):
        name = etree.QName(element)
        if f"{{{name.namespace}}}" != BPMN or name.localname not in elements:
            yield _line(element), "pack_flow_code", {"element": name.localname}
    for condition in process.iter(f"{BPMN}conditionExpression"):
        if not _is_plain((condition.text or "").strip()):
            yield _line(condition), "pack_flow_condition", {"given": condition.text}
    for needed in ("startEvent", "endEvent"):
        if process.find(f".//{BPMN}{needed}") is None:
            yield _line(process), "pack_flow_lacks", {"element": needed}
    known = {element.get("id") for element in process.iter(etree.Element)}
    for flow in process.iter(f"{BPMN}sequenceFlow"):
        for end in ("sourceRef", "targetRef"):
            if flow.get(end) not in known:
                yield _line(flow), "pack_flow_reference", {"attribute": end, "given": flow.get(end)}


def _is_plain(condition: str) -> bool:
    try:
        tree = ast.parse(condition, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names == {"decision"} and all(isinstance(node, condition_nodes) for node in nodes)


def _line(element: etree._Element) -> int | None:
    return int(element.sourceline) if isinstance(element.sourceline, int) else None
