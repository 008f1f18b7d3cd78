"""Demo accounts: they exist in demo mode only, and everybody may know their passwords.

The passwords are made at the first start and kept in a file beside the data, so that they stay the
same and every process finds them. The file holds the hashes too: a start need not hash again.
"""

import asyncio
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.text import Text
from yunnao.modules.identity import store
from yunnao.modules.identity.contracts import DemoAccount
from yunnao.modules.identity.domain import account_key, readable_password
from yunnao.modules.identity.passwords import Passwords

log = structlog.get_logger()


class DemoFile:
    """The demo accounts and their passwords, readable by the platform's own user only."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[dict[str, Any]]:
        """Empty where there is no file, or one that an interrupted start left broken."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return []
        return found if isinstance(found, list) else []

    def write(self, entries: list[dict[str, Any]]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(entries, file, ensure_ascii=False, indent=1)
        partial.replace(self._path)


def accounts(entries: list[dict[str, Any]]) -> list[DemoAccount]:
    return [
        DemoAccount(e["account"], Text(**e["name"]), e["role"], Text(**e["role_name"]), e["password"])
        for e in entries
    ]


async def install(
    tx: Transaction,
    now: datetime,
    pack: CityPack,
    file: DemoFile,
    passwords: Passwords,
) -> list[DemoAccount]:
    """Makes or updates the pack's accounts, disables other demo accounts; returns those that live."""
    await store.run(tx, "demo_lock")
    declared = pack.demo_accounts
    known = {entry["account"]: entry for entry in await asyncio.to_thread(file.read)}
    entries: list[dict[str, Any]] = []
    for one in declared:
        account = account_key(one.account)
        kept = known.get(account)
        password = kept["password"] if kept else readable_password()
        entries.append(
            {
                "account": account,
                "name": one.name.model_dump(),
                "role": one.role,
                "role_name": pack.roles.get(one.role, Text(zh=one.role, en=one.role)).model_dump(),
                "password": password,
                "hash": kept["hash"] if kept else await passwords.hash(password),
            }
        )
    names: list[str] = [entry["account"] for entry in entries]
    await store.run(tx, "demo_disable", now=now, accounts=names)
    made = await store.rows(
        tx,
        "demo_upsert",
        ids=[new_id() for _ in entries],
        accounts=names,
        names=[Jsonb(entry["name"]) for entry in entries],
        departments=[one.department for one in declared],
        hashes=[entry["hash"] for entry in entries],
        now=now,
    )
    ids = {row["account"]: row["id"] for row in made}
    living = [entry for entry in entries if entry["account"] in ids]
    if len(living) < len(entries):
        log.warning("demo_accounts_taken", accounts=sorted(set(names) - set(ids)))
    await store.run(
        tx,
        "demo_grant",
        party_ids=[ids[entry["account"]] for entry in living],
        roles=[entry["role"] for entry in living],
        now=now,
    )
    await asyncio.to_thread(file.write, living)
    return accounts(living)
