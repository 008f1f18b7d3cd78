"""Parcels: readings numbered for sending, and the document that a subscriber gets."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.ids import UUID
from yunnao.modules.sensing.domain.times import from_us
from yunnao.modules.sensing.sharing.content import read_content
from yunnao.modules.sensing.sharing.contracts import Parcel

QUERIES = load_queries("yunnao.modules.sensing.sharing", "deliveries.sql")
READINGS = "sensing.readings"
parcel_readings_max = 5_000
parcel_rows_max = 500


@dataclass(frozen=True)
class _Head:
    """The rows of one parcel."""

    rows: list[Row]

    @property
    def series(self) -> set[int]:
        return {int(s) for row in self.rows for s in np.unique(read_content(row["content"])["series"])}


async def seal(tx: Transaction, subscriptions: Sequence[int], *, several: bool = False) -> None:
    """Numbers the next parcel of each; `several`: also of those of which one waits already."""
    await (await tx.execute(QUERIES["lock_subscriptions"], {"subscriptions": list(subscriptions)})).fetchall()
    await tx.execute(
        QUERIES["seal"],
        {
            "subscriptions": list(subscriptions),
            "several": several,
            "rows_max": parcel_rows_max,
            "readings_max": parcel_readings_max,
        },
    )


async def heads(tx: Transaction, subscriptions: Mapping[int, UUID], *, after: int = -1) -> dict[int, Parcel]:
    """The oldest parcel of each (by number) beyond `after`, labelled."""
    rows = await (
        await tx.execute(QUERIES["heads"], {"subscriptions": list(subscriptions), "after": after})
    ).fetchall()
    grouped: dict[int, _Head] = {}
    for row in rows:
        grouped.setdefault(row["subscription"], _Head([])).rows.append(row)
    series = sorted(set().union(*(head.series for head in grouped.values()))) if grouped else []
    labels = {
        row["series"]: row
        for row in await (await tx.execute(QUERIES["labels"], {"series": series})).fetchall()
    }
    return {number: _parcel(subscriptions[number], number, head, labels) for number, head in grouped.items()}


def _parcel(subscription: UUID, number: int, head: _Head, labels: Mapping[int, Row]) -> Parcel:
    position = int(head.rows[0]["parcel"])
    readings: list[dict[str, Any]] = []
    gaps: list[dict[str, str]] = []
    used: dict[int, Row] = {}
    keys: list[tuple[int, int]] = []
    for row in head.rows:
        if row["gap_from"] is not None:
            gaps.append({"from": row["gap_from"].isoformat(), "to": row["gap_to"].isoformat()})
        texts = row["texts"] or {}
        content = read_content(row["content"])
        columns = (content["series"].tolist(), content["time_us"].tolist(), content["value"].tolist())
        for place, (series, time_us, value) in enumerate(zip(*columns, strict=True)):
            label = labels.get(series)
            if label is None:
                continue  # its device has been deleted since
            used[series] = label
            keys.append((series, time_us))
            readings.append(
                {
                    "device": label["device"],
                    "metric": label["metric"],
                    "time": from_us(time_us).isoformat(),
                    "value": texts.get(str(place), _typed(value, label["spec"])),
                }
            )
    body: dict[str, Any] = {
        "type": READINGS,
        "subscription": str(subscription),
        "parcel": position,
        "readings": readings,
        "labels": _labels(used),
    }
    if gaps:
        body["gaps"] = gaps
    total = sum(row["readings"] for row in head.rows)
    return Parcel(f"{subscription}.{position}", subscription, number, position, total, body, keys)


def _typed(value: float, spec: Mapping[str, Any] | None) -> float | int | bool | None:
    kind = (spec or {}).get("value_type", "number")
    if math.isnan(value):
        return None
    if kind == "boolean":
        return bool(value)
    return int(value) if kind == "integer" else value


def _labels(used: Mapping[int, Row]) -> dict[str, Any]:
    devices: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    for row in used.values():
        devices[row["device"]] = {
            "name": row["name"],
            "product": row["product"],
            "entity": row["entity"],
            "lon": row["lon"],
            "lat": row["lat"],
        }
        spec = row["spec"] or {}
        metrics.setdefault(row["product"], {})[row["metric"]] = {
            name: spec.get(name) for name in ("label", "unit", "unit_label")
        }
    return {"devices": devices, "metrics": metrics}
