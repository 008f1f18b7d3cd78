"""The test cases that packs carry, run without a server."""

from dataclasses import dataclass
from datetime import datetime

from yunnao.kernel.packs.scene import HistoryInput, ReadingsExpected, ReportExpected, ReportInput, ScenePack
from yunnao.modules.cases.dispatch.dry_run import dry_run as dispatch_dry_run
from yunnao.modules.sensing.rules.domain.dry_run import dry_run as readings_dry_run
from yunnao.modules.sensing.scheduled.domain.dry_run import dry_run as history_dry_run


@dataclass(frozen=True)
class CaseResult:
    """How a test case of a pack came out; `detail` says what was found instead."""

    name: str
    passed: bool
    detail: str


def run_pack_cases(pack: ScenePack) -> list[CaseResult]:
    """Runs every test case of `pack`: readings through its rules, texts through a dispatcher."""
    results: list[CaseResult] = []
    texts: list[tuple[str, str, str]] = []
    for case in pack.cases:
        if isinstance(case.input, ReportInput):
            assert isinstance(case.expected, ReportExpected)
            texts.append((case.name, case.input.text, case.expected.category))
            continue
        assert isinstance(case.expected, ReadingsExpected)
        if isinstance(case.input, HistoryInput):
            results.append(_history(pack, case.name, case.input, case.expected))
            continue
        until = datetime.fromisoformat(case.input.until) if case.input.until else None
        found = [
            (event.rule, event.event, event.time)
            for event in readings_dry_run(pack, case.input.device, case.input.messages, until)
        ]
        wanted = [
            (alarm["rule"], alarm["event"], datetime.fromisoformat(alarm["time"]))
            for alarm in case.expected.alarms
        ]
        told = ", ".join(f"{rule} {event} {time.isoformat()}" for rule, event, time in found)
        results.append(CaseResult(case.name, found == wanted, told or "-"))
    if texts:
        categories = dispatch_dry_run(pack, [text for _, text, _ in texts])
        results += [
            CaseResult(name, category == wanted, category)
            for (name, _, wanted), category in zip(texts, categories, strict=True)
        ]
    return results


def _history(pack: ScenePack, name: str, given: HistoryInput, expected: ReadingsExpected) -> CaseResult:
    found = [(e.rule, e.device, e.event, e.time) for e in history_dry_run(pack, given)]
    wanted = [
        (alarm["rule"], alarm["device"], alarm["event"], datetime.fromisoformat(alarm["time"]))
        for alarm in expected.alarms
    ]
    told = ", ".join(f"{rule} {device} {event} {time.isoformat()}" for rule, device, event, time in found)
    return CaseResult(name, found == wanted, told or "-")
