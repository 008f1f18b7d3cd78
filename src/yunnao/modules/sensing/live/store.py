"""What belongs to the live table and is kept in PostgreSQL."""

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.ids import UUID
from yunnao.modules.sensing.contracts import Newest

QUERIES = load_queries("yunnao.modules.sensing.live")


async def database_id(tx: Transaction) -> UUID:
    """Tells this database's series from another's, for `LiveTable.claim`."""
    row = await (await tx.execute(QUERIES["database_id"])).fetchone()
    assert row is not None  # its migration inserts it
    found: UUID = row["id"]
    return found


async def keep_texts(tx: Transaction, newest: Newest) -> None:
    """Takes over the newest readings that are texts, in the batch's transaction."""
    textual = [i for i, text in enumerate(newest.text) if text is not None]
    if not textual:
        return
    await tx.execute(
        QUERIES["texts_upsert"],
        {
            "series": newest.series[textual].tolist(),
            "time_us": newest.time_us[textual].tolist(),
            "texts": [newest.text[i] for i in textual],
        },
    )
