"""Logs in the standards of process mining: XES (IEEE 1849-2016) and OCEL 2.0 (JSON).

XES tells of one thing, the case. OCEL tells of several at once: here cases, departments and whoever acted.
"""

import json
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

import polars as pl

XES_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
  <extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
  <global scope="trace">
    <string key="concept:name" value="__INVALID__"/>
  </global>
  <global scope="event">
    <string key="concept:name" value="__INVALID__"/>
    <date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/>
    <string key="lifecycle:transition" value="complete"/>
  </global>
  <classifier name="Activity" keys="concept:name"/>
"""
XES_TAIL = "</log>\n"
BATCH_CASES = 1_000
ATTRIBUTES = {"department": "org:group", "category": "category"}
"""Columns that a log may have beside the four, and how XES names them."""
OCEL_TYPES = {"resource": ("Actor", "performer"), "department": ("Department", "responsible")}
"""Columns that are objects of their own in OCEL: their type and how an event relates to them."""


def xes_of_log(log: pl.DataFrame) -> Iterator[bytes]:
    """The log as XES, in pieces: a log of millions of events is never one text."""
    yield XES_HEAD.encode()
    inside = log.sort("case", "time", maintain_order=True).with_columns(_stamp())
    extra = [name for name in ATTRIBUTES if name in log.columns]
    pieces: list[str] = []
    for count, ((case,), events) in enumerate(inside.group_by("case", maintain_order=True), 1):
        pieces.append(f"  <trace>\n    {_string('concept:name', str(case))}\n")
        pieces += [_event(row, extra) for row in events.iter_rows(named=True)]
        pieces.append("  </trace>\n")
        if count % BATCH_CASES == 0:
            yield "".join(pieces).encode()
            pieces.clear()
    yield ("".join(pieces) + XES_TAIL).encode()


def _event(row: dict[str, Any], extra: list[str]) -> str:
    lines = [
        "    <event>",
        f"      {_string('concept:name', row['activity'])}",
        f'      <date key="time:timestamp" value="{row["stamp"]}"/>',
        f"      {_string('lifecycle:transition', 'complete')}",
    ]
    if row.get("resource") is not None:
        lines.append(f"      {_string('org:resource', row['resource'])}")
    lines += [f"      {_string(ATTRIBUTES[name], row[name])}" for name in extra if row[name] is not None]
    return "\n".join([*lines, "    </event>\n"])


def _string(key: str, value: str) -> str:
    # XML 1.0 has no place for control characters, not even as references.
    clean = "".join(c for c in value if c in "\t\n\r" or c >= " ")
    return f'<string key="{key}" value={quoteattr(clean)}/>'


def _stamp() -> pl.Expr:
    return (pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.3f") + "+00:00").alias("stamp")


def ocel_of_log(log: pl.DataFrame) -> bytes:
    """The log as OCEL 2.0 in JSON."""
    inside = log.sort("time", maintain_order=True).with_columns(
        pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").alias("stamp")
    )
    others = [name for name in OCEL_TYPES if name in log.columns]
    events = []
    for n, row in enumerate(inside.iter_rows(named=True)):
        related = [{"objectId": f"case:{row['case']}", "qualifier": "case"}]
        related += [
            {"objectId": f"{name}:{row[name]}", "qualifier": OCEL_TYPES[name][1]}
            for name in others
            if row[name] is not None
        ]
        events.append(
            {
                "id": f"e{n + 1}",
                "type": row["activity"],
                "time": row["stamp"],
                "attributes": [],
                "relationships": related,
            }
        )
    objects = [
        {"id": f"case:{case}", "type": "Case", "attributes": [], "relationships": []}
        for case in inside["case"].unique(maintain_order=True).to_list()
    ]
    for name in others:
        objects += [
            {"id": f"{name}:{value}", "type": OCEL_TYPES[name][0], "attributes": [], "relationships": []}
            for value in inside[name].drop_nulls().unique(maintain_order=True).to_list()
        ]
    types = ["Case", *(OCEL_TYPES[name][0] for name in others)]
    document = {
        "objectTypes": [{"name": name, "attributes": []} for name in types],
        "eventTypes": [
            {"name": name, "attributes": []}
            for name in inside["activity"].unique(maintain_order=True).to_list()
        ],
        "objects": objects,
        "events": events,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
