"""What the city declares of linking, kept beside the rest of its pack."""

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Transaction
from yunnao.kernel.packs.linking import Linking
from yunnao.modules.cases.linking import store


async def install_rules(tx: Transaction, rules: Linking) -> None:
    """Keeps what the city declares; the caller moves the revision."""
    await store.run(tx, "rules_upsert", rules=Jsonb(rules.model_dump(mode="json")))


async def load_rules(tx: Transaction) -> Linking:
    row = await store.one(tx, "rules_get")
    return Linking.model_validate(row["rules"]) if row else Linking()
