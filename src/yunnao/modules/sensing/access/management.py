"""Changes of single devices, and the rates of departments."""

from collections.abc import Mapping
from typing import Any

import orjson
import polars as pl

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.kernel.principal import Principal
from yunnao.kernel.time import Clock
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing import store
from yunnao.modules.sensing.access.credentials import Credentials
from yunnao.modules.sensing.access.provisioning import params_of, provision
from yunnao.modules.sensing.access.tables import DEVICE_TABLE
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing.access", "management.sql")
CLEARABLE = ("owner", "gateway")


class Management:
    """One device at a time, and what departments may send."""

    def __init__(
        self, clock: Clock, identity: Identity, twin: Twin, sensing: Sensing, credentials: Credentials
    ) -> None:
        self._clock = clock
        self._identity = identity
        self._twin = twin
        self._sensing = sensing
        self._credentials = credentials

    async def change(
        self, tx: Transaction, device: str, wanted: Mapping[str, Any], principal: Principal
    ) -> None:
        """Changes what `wanted` names: name, lon, lat, entity, owner, gateway, attributes; an owner or
        gateway of None is taken away.

        Raises NotFound `device_not_found`, Conflict `device_not_active`, InvalidInput as `checked`
        finds it.
        """
        row = await self._standing(tx, device)
        now = self._clock.now()
        given = {key: value for key, value in wanted.items() if value is not None}
        if given:
            for key in ("name", "attributes"):
                if key in given:
                    given[key] = orjson.dumps(given[key]).decode()
            whole = {
                "line": 0,
                "device": device,
                "product": row["product"],
                "synthetic": row["synthetic"],
                "attributes": "{}",
                **given,
            }
            table = pl.DataFrame([{name: whole.get(name) for name in DEVICE_TABLE}], DEVICE_TABLE)
            departments = [department.id for department in await self._identity.departments(tx)]
            known = await self._sensing.known(tx, departments)
            found = await provision(tx, self._twin, now, table, known)
            for _, _, code, value in found.rejected.iter_rows():
                raise InvalidInput(code, **params_of(device, value))
        cleared = {key: key in wanted and wanted[key] is None for key in CLEARABLE}
        if any(cleared.values()):
            values = {"number": row["number"], "changed": await store.bump(tx), **cleared}
            await tx.execute(QUERIES["device_clear"], values)
        await self._identity.audit(tx, principal, "device:change", f"Device/{device}", changed=sorted(wanted))

    async def retire(self, tx: Transaction, device: str, principal: Principal) -> None:
        """Takes a device out of service; what it said stays. Registering it again brings it back.

        Raises NotFound `device_not_found`, Conflict `device_not_active`.
        """
        row = await self._standing(tx, device)
        values = {"number": row["number"], "changed": await store.bump(tx), "now": self._clock.now()}
        await tx.execute(QUERIES["device_retire"], values)
        await self._credentials.revoke_all(tx, [(row["number"], device)], principal)
        await self._identity.audit(tx, principal, "device:retire", f"Device/{device}")

    async def limits(self, tx: Transaction) -> list[Row]:
        """Departments that have a rate."""
        return await (await tx.execute(QUERIES["limits"])).fetchall()

    async def limit(
        self, tx: Transaction, department: str, messages_per_minute_max: int, principal: Principal
    ) -> None:
        """What all devices of a department together may send. Raises NotFound `department_unknown`."""
        await self._identity.department(tx, department)
        values = {"department": department, "limit": messages_per_minute_max, "now": self._clock.now()}
        await tx.execute(QUERIES["limit_set"], {**values, "by": principal.id})
        await self._identity.audit(
            tx, principal, "limit:set", f"Department/{department}", limit=messages_per_minute_max
        )

    async def unlimit(self, tx: Transaction, department: str, principal: Principal) -> None:
        """Raises NotFound `department_without_limit`."""
        row = await (await tx.execute(QUERIES["limit_delete"], {"department": department})).fetchone()
        if row is None:
            raise NotFound("department_without_limit", department=department)
        await self._identity.audit(tx, principal, "limit:delete", f"Department/{department}")

    async def _standing(self, tx: Transaction, device: str) -> Row:
        row = await (await tx.execute(QUERIES["device_lock"], {"device": device})).fetchone()
        if row is None:
            raise NotFound("device_not_found", device=device)
        if row["standing"] == "retired":
            raise Conflict("device_is_retired", device=device)
        return row
