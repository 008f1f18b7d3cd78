"""Checking BPMN 2.0 files: well formed, one executable process, closed references, no scripts."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"

inline_code = frozenset({"scriptTask", "preScript", "postScript", "script"})
"""Elements that carry code; behaviour belongs to the platform's operators."""

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
    for element in root.iter(etree.Element):
        name = etree.QName(element).localname
        if name in inline_code:
            yield _line(element), "pack_flow_code", {"element": name}
    for process in processes:
        yield from _check_process(process)


def _check_process(process: etree._Element) -> Iterator[Finding]:
    if not process.get("id"):
        yield _line(process), "pack_flow_without_id", {}
    for needed in ("startEvent", "endEvent"):
        if process.find(f".//{BPMN}{needed}") is None:
            yield _line(process), "pack_flow_lacks", {"element": needed}
    known = {element.get("id") for element in process.iter(etree.Element)}
    for flow in process.iter(f"{BPMN}sequenceFlow"):
        for end in ("sourceRef", "targetRef"):
            if flow.get(end) not in known:
                yield _line(flow), "pack_flow_reference", {"attribute": end, "given": flow.get(end)}


def _line(element: etree._Element) -> int | None:
    return int(element.sourceline) if isinstance(element.sourceline, int) else None
