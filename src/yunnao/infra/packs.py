"""The installed packs, as the database keeps them."""

from typing import Literal

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.packs.scene import ScenePack

QUERIES = load_queries("yunnao.infra")


async def lock(tx: Transaction) -> None:
    """Waits until no other installation runs; held to the end of the transaction."""
    await tx.execute(QUERIES["pack_lock"])


async def installed(tx: Transaction) -> list[Row]:
    """Kind, name, version, content_hash and installed_at of every installed pack."""
    return await (await tx.execute(QUERIES["pack_hashes"])).fetchall()


async def scene_names(tx: Transaction) -> list[Row]:
    """`scene` and `label` of every installed scene, in order of installation."""
    return await (await tx.execute(QUERIES["scene_names"])).fetchall()


async def record(
    tx: Transaction, kind: Literal["city", "scene"], pack: CityPack | ScenePack, position: int, mark: str
) -> None:
    """Keeps `pack` as the installed one of its name; `mark` tells later whether it changed."""
    name = pack.manifest.city if isinstance(pack, CityPack) else pack.manifest.scene
    if kind == "city":
        await tx.execute(QUERIES["pack_delete_other_cities"], {"name": name})
    await tx.execute(
        QUERIES["pack_upsert"],
        {
            "kind": kind,
            "name": name,
            "version": pack.manifest.version,
            "content_hash": mark,
            "content": Jsonb(pack.model_dump(mode="json")),
            "position": position,
        },
    )


async def city(tx: Transaction) -> CityPack | None:
    """The installed city."""
    row = await (await tx.execute(QUERIES["packs_of_kind"], {"kind": "city"})).fetchone()
    return CityPack.model_validate(row["content"]) if row else None


async def scenes(tx: Transaction) -> list[ScenePack]:
    """The installed scenes, in order of installation."""
    rows = await (await tx.execute(QUERIES["packs_of_kind"], {"kind": "scene"})).fetchall()
    return [ScenePack.model_validate(row["content"]) for row in rows]
