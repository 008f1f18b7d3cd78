"""What runs in the background: who listens to which events, and what happens by the clock."""

from uuid import UUID

from yunnao.bootstrap.wiring import Platform
from yunnao.infra import idempotency
from yunnao.infra.consumers import Consumer, Event
from yunnao.infra.jobs import Timer
from yunnao.infra.postgres import Transaction, load_queries
from yunnao.modules.cases.search.http_views import filter_of
from yunnao.modules.sensing.access.callout import Gate
from yunnao.modules.sensing.access.credentials import CUT
from yunnao.modules.sensing.access.cutting import cut
from yunnao.modules.sensing.access.guard import Guard

INFRA_QUERIES = load_queries("yunnao.infra")


def consumers(platform: Platform) -> list[Consumer]:
    """Who listens to which events."""

    async def on_alarm(tx: Transaction, event: Event) -> None:
        case_id = await platform.cases.on_alarm(tx, event)
        if case_id is not None:
            await platform.alarms.link_case(tx, UUID(event.data["alarm_id"]), case_id)

    async def cut_off(tx: Transaction, event: Event) -> None:
        if platform.servers.system_url is not None:
            await cut(platform.servers.system_url, [event.data["device"]])

    return [
        Consumer("access-cut", [CUT], cut_off),
        Consumer("cases-on-alarm", ["sensing.alarm.opened"], on_alarm),
        Consumer("cases-on-alarm-cleared", ["sensing.alarm.cleared"], platform.cases.on_alarm_cleared),
        Consumer("cases-tell-partners", ["cases.case.changed"], platform.cases.partners.tell),
    ]


def gate(platform: Platform) -> Gate | None:
    """Answers whether devices may connect; None where nothing can sign the answers."""
    seed = platform.servers.issuer_seed
    return None if seed is None else Gate(platform.clock, platform.database, platform.nervous, seed)


def timers(platform: Platform) -> list[Timer]:
    """What happens by the clock; cron with seconds as the sixth field."""

    async def prune(tx: Transaction) -> None:
        await tx.execute(INFRA_QUERIES["inbox_prune"])
        await idempotency.prune(tx)
        await platform.identity.prune(tx)
        await platform.notifications.prune(tx)
        await platform.cases.open311.prune(tx)
        await platform.cases.exports.prune(tx)
        await platform.cases.imports.prune(tx)

    async def deadlines(tx: Transaction) -> None:
        await platform.cases.scan_deadlines(tx, platform.clock.now())

    async def resume(tx: Transaction) -> None:
        await platform.cases.acting.resume_due(tx, platform.clock.now())

    async def archive(tx: Transaction) -> None:
        await platform.cases.acting.archive(tx, platform.clock.now())

    async def export(tx: Transaction) -> None:
        await platform.cases.exports.make_next(platform.database, filter_of)

    return [
        Timer("access.expire", "* * * * * */10", platform.access.credentials.expire),
        Timer("access.prune", "* * * * * 30", Guard(platform.clock).prune),
        Timer("alarms.sweep", "* * * * * */10", platform.alarms.sweep),
        Timer("sensing.count_net", "* * * * * 30", platform.sensing.net.count),
        Timer("sensing.scheduled", "* * * * * */10", platform.scheduled.run),
        Timer("cases.privacy", "* * * * * 45", platform.cases.privacy.run),
        Timer("cases.open311_tokens", "* * * * * */2", platform.cases.open311.open_deferred),
        Timer("evaluation.keep", "* * * * * */15", platform.cases.evaluation.keep),
        Timer("evaluation.report_asked", "0 5 1 * * 0", platform.cases.monthly_reports.ask_for_last_month),
        Timer("evaluation.report_made", "* * * * * */10", platform.cases.monthly_reports.make_next),
        Timer("evaluation.months", "*/10 * * * * 45", platform.cases.evaluation.keep_months),
        Timer("cases.topics", "*/2 * * * * 10", platform.cases.topics.keep),
        Timer("cases.topics_prune", "37 * * * * 0", platform.cases.topics.prune),
        Timer("cases.group_warnings", "*/5 * * * * 20", platform.cases.linking.warn),
        Timer("cases.recurring", "23 * * * * 0", platform.cases.linking.count_recurring),
        Timer("cases.deadlines", "* * * * * */15", deadlines),
        Timer("cases.forecast", "*/10 * * * * 20", platform.cases.forecasts.keep_trained),
        Timer("cases.foretell", "*/2 * * * * 50", platform.cases.forecasts.foretell),
        Timer("cases.adopt_deadlines", "* * * * * 40", platform.cases.adopt_deadlines),
        Timer("cases.resume", "* * * * * */20", resume),
        Timer("cases.archive", "*/10 * * * * 40", archive),
        # At two in the morning in China, when the city sleeps: training takes a core for minutes.
        Timer("cases.learning", "17 18 * * * 0", platform.cases.learning.nightly),
        Timer("cases.search", "* * * * * */2", platform.cases.search.settle),
        Timer("cases.export", "* * * * * */3", export),
        Timer("identity.link_audit", "* * * * * */2", platform.identity.link_audit),
        Timer("infra.prune", "17 * * * * 0", prune),
    ]
