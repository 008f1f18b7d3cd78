"""Whether cases ran as their flow declares, and where in the flow their time went.

Each variant is replayed once on the flow's automaton; cases are joined to what came of their variant.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from yunnao.modules.cases.flows.flow import Flow
from yunnao.modules.cases.flows.replay import DECISIONS
from yunnao.modules.cases.mining.analysis import SEPARATOR, sequences

DEVIATIONS_TOLD_MAX = 20


@dataclass(frozen=True)
class Stay:
    """A task of the flow: how often cases waited at it, and for how many hours."""

    task: str
    visits: int
    cases: int
    median_h: float | None
    p90_h: float | None
    total_h: float
    waiting: int
    """Cases that are there still."""


@dataclass(frozen=True)
class Passage:
    """Cases going from one element of the flow to the next."""

    source: str
    target: str
    events: int


@dataclass(frozen=True)
class Deviation:
    """What cannot be replayed: `event` happened where the flow does not offer it at `task`."""

    task: str | None
    event: str
    cases: int
    example: str


@dataclass(frozen=True)
class Conformance:
    """`fitting` of `cases` ran as the flow declares, as far as they have come."""

    cases: int
    fitting: int
    stays: list[Stay]
    passages: list[Passage]
    deviations: list[Deviation]

    @property
    def share(self) -> float:
        return self.fitting / self.cases if self.cases else 1.0


@dataclass(frozen=True)
class _Replay:
    """A variant on the automaton: the task at each event, elements passed, and the first misfit."""

    tasks: tuple[str | None, ...]
    passed: tuple[str, ...]
    misfit: int | None


def conform(flow: Flow, steps: pl.DataFrame) -> Conformance:
    """`steps` as `analysis.ordered` gives them, of cases that run on `flow`, decisions only (`decisive`)."""
    cases = sequences(steps)
    paths = cases.group_by("path").agg(pl.len().alias("cases"), pl.col("case").first().alias("example"))
    replays = {path: replay(flow, path.split(SEPARATOR)) for path in paths["path"].to_list()}
    counts = dict(zip(paths["path"].to_list(), paths["cases"].to_list(), strict=True))
    examples = dict(zip(paths["path"].to_list(), paths["example"].to_list(), strict=True))
    return Conformance(
        cases=cases.height,
        fitting=sum(counts[path] for path, found in replays.items() if found.misfit is None),
        stays=_stays(steps, cases, replays),
        passages=_passages(replays, counts),
        deviations=_deviations(replays, counts, examples),
    )


def decisive(flow: Flow, log: pl.DataFrame) -> pl.DataFrame:
    """The events that decide a step, and the opening."""
    known = _known(flow)
    told = [event for event, decision in DECISIONS.items() if decision in known]
    return log.filter(pl.col("activity").is_in(["opened", *told, *known]))


def replay(flow: Flow, events: list[str]) -> _Replay:
    """Replays one sequence of events. After a misfit the case is taken to stay where it was."""
    known = _known(flow)
    move = flow.beginning()
    task, passed = move.to, [*move.passed]
    tasks: list[str | None] = []
    misfit = None
    for n, event in enumerate(events):
        decision = DECISIONS.get(event, event)
        if decision not in known:
            tasks.append(task)
            continue
        found = flow.move(task, decision)
        if found is None:
            misfit = n if misfit is None else misfit
        else:
            passed += found.passed
            task = found.to
        tasks.append(task)
    return _Replay(tuple(tasks), (*passed, *([task] if task else [])), misfit)


def _known(flow: Flow) -> frozenset[str]:
    """Every decision that the flow offers anywhere."""
    return frozenset().union(*flow.decisions.values())


def _stays(steps: pl.DataFrame, cases: pl.DataFrame, replays: Mapping[str, _Replay]) -> list[Stay]:
    """Hours at each task: from the event that led there to the next that decided."""
    placed = pl.DataFrame(
        [(path, n, task) for path, found in replays.items() for n, task in enumerate(found.tasks)],
        schema={"path": pl.String, "n": pl.UInt32, "task": pl.String},
        orient="row",
    )
    at = (
        steps.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).over("case").alias("n"))
        .join(cases.select("case", "path"), on="case")
        .join(placed, on=["path", "n"])
        .filter(pl.col("task").is_not_null())
    )
    found = (
        at.group_by("task")
        .agg(
            pl.len().alias("visits"),
            pl.col("case").n_unique().alias("cases"),
            pl.col("wait_h").median().alias("median_h"),
            pl.col("wait_h").quantile(0.9, "linear").alias("p90_h"),
            pl.col("wait_h").sum().alias("total_h"),
            pl.col("next").is_null().sum().alias("waiting"),
        )
        .sort("total_h", descending=True)
    )
    return [Stay(*row) for row in found.rows()]


def _passages(replays: Mapping[str, _Replay], counts: Mapping[str, int]) -> list[Passage]:
    found: dict[tuple[str, str], int] = {}
    for path, each in replays.items():
        for pair in zip(each.passed, each.passed[1:], strict=False):
            found[pair] = found.get(pair, 0) + counts[path]
    return [Passage(*pair, events) for pair, events in sorted(found.items(), key=lambda item: -item[1])]


def _deviations(
    replays: Mapping[str, _Replay], counts: Mapping[str, int], examples: Mapping[str, str]
) -> list[Deviation]:
    found: dict[tuple[str | None, str], tuple[int, str]] = {}
    for path, each in replays.items():
        if each.misfit is None:
            continue
        key = (each.tasks[each.misfit], path.split(SEPARATOR)[each.misfit])
        known, example = found.get(key, (0, examples[path]))
        found[key] = (known + counts[path], example)
    told = [Deviation(task, event, n, example) for (task, event), (n, example) in found.items()]
    return sorted(told, key=lambda each: -each.cases)[:DEVIATIONS_TOLD_MAX]
