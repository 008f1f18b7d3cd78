"""The process view of a log: variants, what follows what, waiting, conformance, exports."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yunnao.infra.paths import project_root
from yunnao.kernel.errors import InvalidInput
from yunnao.modules.cases.flows.flow import Flow
from yunnao.modules.cases.mining.analysis import analyse, ordered
from yunnao.modules.cases.mining.conformance import conform, decisive
from yunnao.modules.cases.mining.exports import ocel_of_log, xes_of_log
from yunnao.modules.cases.mining.files import LogSource

START = datetime(2026, 7, 1, tzinfo=UTC)
RECEIPT = project_root() / "../shared/data/permits/receipt.csv"


def log(*cases: Sequence[tuple[str, float]]) -> pl.DataFrame:
    """Cases as lists of activities and hours since the beginning."""
    rows = [
        (f"c{n}", activity, START + timedelta(hours=hours), "wang")
        for n, case in enumerate(cases)
        for activity, hours in case
    ]
    return pl.DataFrame(rows, schema=["case", "activity", "time", "resource"], orient="row")


def test_variants_waiting_times_and_bottlenecks_are_counted() -> None:
    found = analyse(
        log(
            [("a", 0), ("b", 1), ("c", 11)],
            [("a", 0), ("b", 3), ("c", 23)],
            [("a", 0), ("c", 1)],
        )
    )
    assert (found.cases, found.events, found.variants_total) == (3, 8, 2)
    assert found.variants[0].activities == ("a", "b", "c")
    assert (found.variants[0].cases, found.variants[0].median_h) == (2, 17.0)
    waits = {(each.source, each.target): each for each in found.follows}
    assert (waits["a", "b"].events, waits["a", "b"].median_h) == (2, 2.0)
    assert found.bottlenecks[0].source == "b"
    assert found.bottlenecks[0].share == pytest.approx(30 / 35)
    assert {each.name: (each.starts, each.ends) for each in found.activities} == {
        "a": (3, 0),
        "b": (0, 0),
        "c": (0, 3),
    }


def test_events_of_one_moment_keep_the_order_of_the_log() -> None:
    found = analyse(log([("b", 0), ("a", 0), ("c", 0)]))
    assert found.variants[0].activities == ("b", "a", "c")


def test_an_empty_log_is_refused() -> None:
    with pytest.raises(InvalidInput):
        analyse(log())


cases_strategy = st.lists(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 100)), min_size=1, max_size=6),
    min_size=1,
    max_size=8,
)


@given(cases_strategy)
@settings(max_examples=60)
def test_the_view_equals_a_plain_count_event_by_event(cases: list[list[tuple[str, int]]]) -> None:
    found = analyse(log(*cases))
    waits: dict[tuple[str, str], list[float]] = {}
    for case in cases:
        inside = sorted(case, key=lambda event: event[1])
        for (a, at), (b, then) in pairwise(inside):
            waits.setdefault((a, b), []).append(then - at)
    assert {(f.source, f.target): f.events for f in found.follows} == {k: len(v) for k, v in waits.items()}
    for each in found.follows:
        assert each.median_h == pytest.approx(median(waits[each.source, each.target]), abs=1e-6)
    assert sum(variant.cases for variant in found.variants) == len(cases)
    assert sum(each.starts for each in found.activities) == len(cases)


@pytest.fixture(scope="module")
def flow() -> Flow:
    return Flow((project_root() / "scenes/urban-management/flows/case.bpmn").read_text("utf-8"))


def test_cases_that_kept_their_flow_fit_it_and_others_are_told(flow: Flow) -> None:
    good = [(name, float(n)) for n, name in enumerate(way_to_the_end(flow))]
    skipped = [("opened", 0.0), ("assign", 1.0), ("pass", 2.0)]
    with_notes = [good[0], ("overdue", 0.5), *good[1:]]
    frame = log(good, skipped, with_notes)
    found = conform(flow, ordered(decisive(flow, frame)))
    assert (found.cases, found.fitting) == (3, 2)
    assert [(each.event, each.cases, each.example) for each in found.deviations] == [("pass", 1, "c1")]
    assert sum(each.total_h for each in found.stays) > 0
    assert {each.task for each in found.stays} <= set(flow.names)
    assert all(each.source in flow.names and each.target in flow.names for each in found.passages)


def way_to_the_end(flow: Flow) -> list[str]:
    """The shortest decisions from the beginning to an end, as events."""
    seen: dict[str | None, list[str]] = {flow.beginning().to: ["opened"]}
    queue = [flow.beginning().to]
    while queue:
        at = queue.pop(0)
        for decision in sorted(flow.decisions.get(at or "", ())):
            move = flow.move(at, decision)
            if move is None or decision == "reject":
                continue
            path = [*seen[at], decision]
            if move.to is None:
                return path
            if move.to not in seen:
                seen[move.to] = path
                queue.append(move.to)
    raise AssertionError("no way to the end")


def test_columns_are_named_and_times_of_several_ways_are_read(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text(
        "id,what,at\n1,a,2026-07-01 08:00:00\n1,b,2026-07-01T01:00:00Z\n1,c,2026-07-01 09:30:00.5+08:00\n"
    )
    frame = LogSource.parse(f"{file}::id::what::at").read("Asia/Shanghai")
    assert frame["time"].to_list() == [
        datetime(2026, 7, 1, 0, 0, tzinfo=UTC),
        datetime(2026, 7, 1, 1, 0, tzinfo=UTC),
        datetime(2026, 7, 1, 1, 30, 0, 500_000, tzinfo=UTC),
    ]
    for wrong in (
        f"{file}::id::what",
        f"{file}::id::what::nothing",
        f"{file}::id::at::what",
        "no.csv::a::b::c",
    ):
        with pytest.raises(InvalidInput):
            LogSource.parse(wrong).read("Asia/Shanghai")


@pytest.mark.skipif(not RECEIPT.is_file(), reason="the shared data are not here")
def test_the_receipt_log_has_the_figures_that_others_publish() -> None:
    source = "::".join([str(RECEIPT), "case:concept:name", "concept:name", "time:timestamp", "org:resource"])
    found = analyse(LogSource.parse(source).read("Europe/Amsterdam"))
    assert (found.cases, found.events, len(found.activities), found.variants_total) == (1_434, 8_577, 27, 116)
    assert found.variants[0].cases == 713


def strange() -> pl.DataFrame:
    return log([("a<&>\"'", 0.0), ("b\x01", 1.5)], [("查看", 2.0), ("b\x01", 2.0)])


def test_exports_are_read_by_a_reader_that_we_did_not_write(tmp_path: Path) -> None:
    rustxes: Any = pytest.importorskip("rustxes")
    frame = strange()
    xes = tmp_path / "log.xes"
    xes.write_bytes(b"".join(xes_of_log(frame)))
    events, _ = rustxes.import_xes(str(xes))
    assert events.height == 4
    assert sorted(events["concept:name"].to_list()) == sorted(["a<&>\"'", "b", "b", "查看"])
    assert events["time:timestamp"].min() == START.replace(tzinfo=None)
    ocel = tmp_path / "log.ocel.json"
    ocel.write_bytes(ocel_of_log(frame))
    parts = rustxes.import_ocel_json(str(ocel))
    assert parts["events"].height == 4
    assert parts["relations"].height == 8


def test_an_ocel_document_refers_only_to_what_it_declares() -> None:
    document = json.loads(ocel_of_log(strange()))
    objects = {each["id"]: each["type"] for each in document["objects"]}
    types = {each["name"] for each in document["objectTypes"]}
    assert set(objects.values()) <= types
    assert {each["type"] for each in document["events"]} == {each["name"] for each in document["eventTypes"]}
    for event in document["events"]:
        assert all(each["objectId"] in objects for each in event["relationships"])
        assert datetime.fromisoformat(event["time"]).tzinfo is not None
