"""Devices into the registry by the table: checked in columns, copied, then statements over all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from yunnao.infra.copying import copy_frame
from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.text import Language, say
from yunnao.modules.sensing import store
from yunnao.modules.sensing.access.checking import REJECTED, checked
from yunnao.modules.sensing.access.tables import Known
from yunnao.modules.twin.contracts import ENTITY_COLUMNS, urn
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing.access", "provisioning.sql")
STAGED = ("line", "device", "product", "urn", "name", "lon", "lat", "owner", "gateway", "district", "street")


@dataclass(frozen=True)
class Provisioned:
    """What became of a table. `rejected` and `repeated` (a later row of the same device counts) are
    tables of `REJECTED`."""

    new: int
    updated: int
    unchanged: int
    rejected: pl.DataFrame
    repeated: pl.DataFrame

    def __add__(self, other: "Provisioned") -> "Provisioned":
        return Provisioned(
            self.new + other.new,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            pl.concat([self.rejected, other.rejected]),
            pl.concat([self.repeated, other.repeated]),
        )


NOTHING = Provisioned(0, 0, 0, pl.DataFrame(schema=REJECTED), pl.DataFrame(schema=REJECTED))


async def provision(
    tx: Transaction, twin: Twin, now: datetime, table: pl.DataFrame, known: Known
) -> Provisioned:
    """Registers the rows of a `DEVICE_TABLE` that break no rule, with the entities that they watch.

    New devices are numbered in order of the rows. What is known just so is not written.
    """
    good, rejected, repeated = checked(table, known)
    if not good.height:
        return Provisioned(0, 0, 0, rejected, repeated)
    good = await _placed(tx, twin, good, known)
    await tx.execute(QUERIES["staging_create"])
    await tx.execute(QUERIES["staging_clear"])
    await copy_frame(tx, QUERIES["staging_copy"], good.select(*STAGED, "attributes", "synthetic"))
    await tx.execute(QUERIES["staging_analyze"])
    misplaced = await (await tx.execute(QUERIES["misplaced_delete"])).fetchall()
    if good["gateway"].count():
        misplaced += await (await tx.execute(QUERIES["gateway_unknown_delete"])).fetchall()
    if misplaced:
        rejected = pl.concat([rejected, pl.DataFrame(misplaced, REJECTED, orient="row")])
    same = [row["line"] for row in await (await tx.execute(QUERIES["unchanged_delete"])).fetchall()]
    gone = [*same, *(row["line"] for row in misplaced)]
    left = good.filter(~pl.col("line").is_in(gone)) if gone else good
    new = await _write(tx, twin, left, known, now) if left.height else 0
    return Provisioned(new, left.height - new, len(same), rejected.sort("line"), repeated)


async def _placed(tx: Transaction, twin: Twin, good: pl.DataFrame, known: Known) -> pl.DataFrame:
    """With the columns `urn`, `district`, `street`. A known device keeps its entity where none is named."""
    bare = good.filter(pl.col("entity").is_null())["device"].to_list()
    kept: dict[str, str] = {}
    if bare:
        rows = await (await tx.execute(QUERIES["entities_of_devices"], {"ids": bare})).fetchall()
        kept = {row["id"]: row["entity"].removeprefix(urn(row["type"], "")) for row in rows}
    if kept:
        entities = pl.col("device").replace_strict(kept, default=None, return_dtype=pl.String)
        good = good.with_columns(entity=pl.coalesce("entity", entities))
    prefixes = {name: urn(spec.entity_type, "") for name, spec in known.products.items()}
    return good.with_columns(
        *twin.areas_of(good),
        urn=pl.concat_str(pl.col("product").replace_strict(prefixes), pl.coalesce("entity", "device")),
    )


async def _write(tx: Transaction, twin: Twin, left: pl.DataFrame, known: Known, now: datetime) -> int:
    """Entities, devices and series of the staged rows; answers how many devices are new."""
    types = {name: spec.entity_type for name, spec in known.products.items()}
    entities = left.select(
        pl.col("urn").alias("id"),
        pl.col("product").replace_strict(types).alias("type"),
        *("name", "lon", "lat", "district", "street", "attributes"),
        pl.lit("{}").alias("relations"),
        pl.lit(None, pl.String).alias("geometry"),
        "synthetic",
    )
    await twin.upsert_table(tx, entities.select(ENTITY_COLUMNS.names()))
    changed = await store.bump(tx)
    values: dict[str, Any] = {"now": now, "changed": changed}
    await tx.execute(QUERIES["devices_update"], values)
    new = 0
    for gateways in (True, False) if left["gateway"].count() else (False,):
        cursor = await tx.execute(QUERIES["devices_insert"], values | {"gateways": gateways})
        new += cursor.rowcount
    await tx.execute(QUERIES["series_insert"])
    await tx.execute(QUERIES["quarantine_registered"], {"now": now})
    return new


def reasons(rejected: pl.DataFrame, language: Language) -> Iterator[tuple[int, str, str, str]]:
    """Line, device, code and sentence of every rejected row."""
    for line, device, code, value in rejected.iter_rows():
        yield line, device or "", code, say(code, language, **params_of(device, value))


def params_of(device: str | None, value: str | None) -> dict[str, Any]:
    """The parameters of any sentence about a row."""
    value = value or ""
    lon, _, lat = value.partition(",")
    names = ("name", "product", "department", "gateway", "value")
    return {"device": device or "", "lon": lon, "lat": lat, **dict.fromkeys(names, value)}
