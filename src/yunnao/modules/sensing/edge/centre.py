"""The centre's side: who the edge sites are, what they should run, what they say they do."""

import hashlib
from datetime import timedelta

import orjson
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.errors import NotFound
from yunnao.kernel.text import Text
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.edge.contracts import Bundle, EdgeSite, Program, Report, Told
from yunnao.modules.sensing.registry import rule_of

QUERIES = load_queries("yunnao.modules.sensing.edge")
online_within = timedelta(seconds=90)
"""Three turns of asking."""
bundles_shown_max = 20


class EdgeCentre:
    """Every method runs in the caller's transaction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def register(self, tx: Transaction, edge: str, label: Text) -> None:
        """Creates an edge site or renames it."""
        values = {"edge": edge, "label": Jsonb(label.model_dump()), "now": self._clock.now()}
        await tx.execute(QUERIES["edge_insert"], values)

    async def remove(self, tx: Transaction, edge: str) -> None:
        """Raises NotFound `edge_unknown`."""
        await self._one(tx, "edge_delete", edge)

    async def pin(self, tx: Transaction, edge: str, version: str | None) -> None:
        """Keeps a site at a bundle (none: the newest). Raises NotFound `edge_unknown`, `bundle_unknown`."""
        if version is not None:
            found = await (await tx.execute(QUERIES["bundle_get"], {"version": version})).fetchone()
            if found is None:
                raise NotFound("bundle_unknown", version=version)
        await self._one(tx, "edge_pin", edge, version=version)

    async def sites(self, tx: Transaction) -> list[EdgeSite]:
        """Every site, in order of name."""
        newest, _ = await self._newest(tx)
        rows = await (await tx.execute(QUERIES["edges_list"])).fetchall()
        now = self._clock.now()
        sites: list[EdgeSite] = []
        for row in rows:
            report = None if row["report"] is None else Report.model_validate(row["report"])
            reported_at = row["reported_at"]
            sites.append(
                EdgeSite(
                    edge=row["edge"],
                    label=Text(**row["label"]),
                    pinned=row["pinned"],
                    program=row["program"],
                    registered_at=row["registered_at"],
                    reported_at=reported_at,
                    online=reported_at is not None and now - reported_at < online_within,
                    newest=report is not None
                    and report.bundle == (row["pinned"] or newest)
                    and row["program"] in (None, report.program),
                    report=report,
                )
            )
        return sites

    async def versions(self, tx: Transaction) -> list[str]:
        """The newest bundles that sites were told of, newest first."""
        await self._newest(tx)
        rows = await (await tx.execute(QUERIES["bundles_list"], {"limit": bundles_shown_max})).fetchall()
        return [row["version"] for row in rows]

    async def hear(self, tx: Transaction, edge: str, report: Report) -> Told:
        """Takes a site's report and tells what it should run. Raises NotFound `edge_unknown`."""
        content = Jsonb(report.model_dump())
        row = await self._one(tx, "edge_report", edge, report=content, now=self._clock.now())
        newest, bundle = await self._newest(tx)
        version = row["pinned"] or newest
        program = None
        if row["version"] not in (None, report.program, report.refused):
            program = Program.model_validate({name: row[name] for name in Program.model_fields})
        if version == report.bundle:
            return Told(version=version, bundle=None, program=program)
        if version != newest:
            kept = await (await tx.execute(QUERIES["bundle_get"], {"version": version})).fetchone()
            if kept is None:
                raise NotFound("bundle_unknown", version=version)
            bundle = Bundle.model_validate(kept["content"])
        return Told(version=version, bundle=bundle, program=program)

    async def _newest(self, tx: Transaction) -> tuple[str, Bundle]:
        """The bundle of the products and rules that are installed, kept under its version."""
        products = await (await tx.execute(QUERIES["products_list"])).fetchall()
        rules = await (await tx.execute(QUERIES["rules_active"])).fetchall()
        bundle = Bundle.model_validate(
            {
                "products": {row["product"]: row["spec"] for row in products},
                "rules": {f"{row['scene']}.{row['rule']}": rule_of(row["spec"]) for row in rules},
            }
        )
        content = bundle.model_dump(mode="json")
        written = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        version = hashlib.sha256(written).hexdigest()[:12]
        values = {"version": version, "content": Jsonb(content), "now": self._clock.now()}
        await tx.execute(QUERIES["bundle_insert"], values)
        return version, bundle

    async def _one(self, tx: Transaction, query: str, edge: str, **values: object) -> dict[str, object]:
        row = await (await tx.execute(QUERIES[query], {"edge": edge, **values})).fetchone()
        if row is None:
            raise NotFound("edge_unknown", edge=edge)
        return row
