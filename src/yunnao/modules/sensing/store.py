"""The tables of products, devices and alarms, apart from the intake's hot path."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from yunnao.infra.pages import like_pattern
from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.packs.rules import Rule
from yunnao.kernel.packs.scene import Product
from yunnao.modules.sensing.contracts import DeviceFilter, InstalledProduct
from yunnao.modules.sensing.registry import InstalledRule, rule_of
from yunnao.modules.sensing.rules import states

QUERIES = load_queries("yunnao.modules.sensing")
EVERY_DEVICE = DeviceFilter()


async def foreign_product(tx: Transaction, scene: str, products: Sequence[str]) -> Row | None:
    """A product of `products` that another scene declares."""
    cursor = await tx.execute(QUERIES["products_foreign"], {"scene": scene, "products": list(products)})
    return await cursor.fetchone()


async def save_products(tx: Transaction, scene: str, products: Mapping[str, Product]) -> None:
    specs = [Jsonb(spec.model_dump(mode="json")) for spec in products.values()]
    await tx.execute(QUERIES["products_upsert"], {"scene": scene, "products": list(products), "specs": specs})


async def products(tx: Transaction, names: Sequence[str]) -> dict[str, InstalledProduct]:
    """Installed products by name, of those that exist."""
    rows = await (await tx.execute(QUERIES["products_get"], {"products": list(names)})).fetchall()
    return {
        row["product"]: InstalledProduct(row["product"], row["scene"], Product.model_validate(row["spec"]))
        for row in rows
    }


async def all_products(tx: Transaction) -> list[InstalledProduct]:
    rows = await (await tx.execute(QUERIES["products_list"])).fetchall()
    return [
        InstalledProduct(row["product"], row["scene"], Product.model_validate(row["spec"])) for row in rows
    ]


async def save_rules(tx: Transaction, scene: str, rules: Mapping[str, Rule]) -> list[InstalledRule]:
    """Keeps the pack's rules; answers those that it no longer has."""
    specs = [Jsonb(spec.model_dump(mode="json")) for spec in rules.values()]
    await tx.execute(QUERIES["rules_upsert"], {"scene": scene, "rules": list(rules), "specs": specs})
    await states.bump(tx)
    cursor = await tx.execute(QUERIES["rules_retire"], {"scene": scene, "rules": list(rules)})
    return [
        InstalledRule(row["number"], row["scene"], row["rule"], rule_of(row["spec"]))
        for row in await cursor.fetchall()
    ]


async def alarms_of_rules(tx: Transaction, rules: Sequence[int]) -> list[Row]:
    return await (await tx.execute(QUERIES["alarms_of_rules"], {"rules": list(rules)})).fetchall()


async def forget_states(tx: Transaction, rules: Sequence[int]) -> None:
    await tx.execute(QUERIES["states_of_rules_delete"], {"rules": list(rules)})


async def bump(tx: Transaction) -> int:
    """Makes every cache look again at products, rules and devices; answers the registry's new version.

    Until the transaction ends, others that want to change the registry wait.
    """
    row = await (await tx.execute(QUERIES["registry_bump"])).fetchone()
    assert row is not None  # the migration put the one row there
    return int(row["version"])


async def extend_devices(tx: Transaction, products: Sequence[str], changed: int) -> None:
    """Numbers the metrics that these products gained, and marks their devices as changed."""
    await tx.execute(QUERIES["devices_extended"], {"products": list(products), "changed": changed})
    await tx.execute(QUERIES["series_insert"], {"products": list(products)})


async def products_of_devices(tx: Transaction, ids: Sequence[str]) -> dict[str, str]:
    rows = await (await tx.execute(QUERIES["products_of_devices"], {"ids": list(ids)})).fetchall()
    return {row["id"]: row["product"] for row in rows}


async def device_rows(
    tx: Transaction,
    *,
    limit: int,
    wanted: DeviceFilter = EVERY_DEVICE,
    after: str | None = None,
    device: str | None = None,
    numbers: Sequence[int] | None = None,
) -> list[Row]:
    """Devices in order of id; `numbers`: only these."""
    values = {"limit": limit, "after": after, "id": device, **_filter(wanted)}
    values["numbers"] = None if numbers is None else list(numbers)
    # Planned for its values: a plan for any would not use the index of the search.
    return await (await tx.execute(QUERIES["devices_page"], values, prepare=False)).fetchall()


async def devices_count(tx: Transaction, wanted: DeviceFilter, numbers: Sequence[int] | None = None) -> int:
    """Of `numbers` or all."""
    values = {**_filter(wanted), "numbers": None if numbers is None else list(numbers)}
    row = await (await tx.execute(QUERIES["devices_count"], values, prepare=False)).fetchone()
    return int(row["n"]) if row else 0


def _filter(wanted: DeviceFilter) -> dict[str, Any]:
    return {**asdict(wanted), "q": like_pattern(wanted.q)}


async def overview(tx: Transaction, now: datetime, today_from: datetime) -> Row:
    row = await (await tx.execute(QUERIES["overview"], {"now": now, "today_from": today_from})).fetchone()
    assert row is not None  # a query of aggregates always has its row
    return row


async def prune_counts(tx: Transaction, before: datetime) -> None:
    await tx.execute(QUERIES["intake_count_prune"], {"before": before})
