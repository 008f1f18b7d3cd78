"""What a case says, written beside it for searching, in the transaction that changes it."""

from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.modules.cases.masking import mask_text
from yunnao.modules.cases.registry import Snapshot
from yunnao.modules.cases.search import store

NOTES_CHARS_MAX = 20_000


async def write(tx: Transaction, snapshot: Snapshot, row: Row) -> None:
    """Writes the row of a case that was opened, or whose category changed.

    Numbers of persons are masked as in lists: whoever may not read one must not find cases by it.
    """
    names = [snapshot.categories[code].name for code in snapshot.path(row["category"] or "")]
    said = [
        row["number"],
        row["text"],
        row["address"],
        *(text for name in names for text in (name.zh, name.en)),
    ]
    await store.insert(tx, row["id"], mask_text(" ".join(part for part in said if part)))


async def note(tx: Transaction, case_id: UUID, text: str) -> None:
    """Adds what an office wrote, or what was read in a photo."""
    await store.note(tx, case_id, mask_text(text), NOTES_CHARS_MAX)
