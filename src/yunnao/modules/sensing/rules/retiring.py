"""Rules that end: their alarms clear and nothing is remembered."""

from collections.abc import Sequence
from datetime import datetime

from yunnao.infra.postgres import Transaction
from yunnao.modules.sensing import store
from yunnao.modules.sensing.alarms import Clearing, Teller
from yunnao.modules.sensing.registry import InstalledRule


async def retire(tx: Transaction, teller: Teller, now: datetime, retired: Sequence[InstalledRule]) -> None:
    """Clears every alarm of rules that are no longer active."""
    if not retired:
        return
    rules = {rule.number: rule for rule in retired}
    clearings = [
        Clearing(row["id"], rules[row["rule"]], row["device"], now)
        for row in await store.alarms_of_rules(tx, list(rules))
    ]
    await teller.tell(tx, [], clearings)
    await store.forget_states(tx, list(rules))
