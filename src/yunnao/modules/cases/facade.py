"""Cases: whatever people must handle, from the door it came in by to its rating."""

from datetime import datetime
from typing import Any
from uuid import UUID

from yunnao.infra.consumers import Event
from yunnao.infra.files import FileStore
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import NotFound
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.packs.scene import ScenePack
from yunnao.kernel.principal import Principal
from yunnao.kernel.time import Clock
from yunnao.modules.cases import alarms, catalog, figures, intake, store, views
from yunnao.modules.cases.acting.facade import Acting
from yunnao.modules.cases.board.facade import Board
from yunnao.modules.cases.contracts import ActionData, NewCase, OpenedCase
from yunnao.modules.cases.deadlines import ticking
from yunnao.modules.cases.deadlines.facade import add_deadlines
from yunnao.modules.cases.deadlines.forecasts import Forecasts
from yunnao.modules.cases.dispatch.learning.facade import Learning
from yunnao.modules.cases.evaluation.facade import Evaluation
from yunnao.modules.cases.evaluation.reports import Reports
from yunnao.modules.cases.flows.facade import Flows
from yunnao.modules.cases.importing.facade import Imports
from yunnao.modules.cases.linking import following
from yunnao.modules.cases.linking.facade import Decided, Linking, check_comment
from yunnao.modules.cases.mining.facade import Mining
from yunnao.modules.cases.open311.facade import Open311
from yunnao.modules.cases.partners.facade import Partners
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.patrol.facade import Patrol
from yunnao.modules.cases.photos.facade import Photos
from yunnao.modules.cases.privacy.facade import Privacy
from yunnao.modules.cases.search.exports import Exports
from yunnao.modules.cases.search.facade import Search
from yunnao.modules.cases.search.saved import SavedViews
from yunnao.modules.cases.topics.facade import Topics
from yunnao.modules.cases.voice.contracts import SpeechToText
from yunnao.modules.geography.facade import Geography
from yunnao.modules.identity.facade import Identity
from yunnao.modules.notifications.facade import Notifications

OWN_ROWS_MAX = 100

View = dict[str, Any]


class Cases:
    """The case centre. Every method works in the transaction it is given.

    Reading methods return JSON-ready dictionaries as the HTTP contract names them; names are
    `Text` in Chinese and English.
    """

    def __init__(
        self,
        clock: Clock,
        identity: Identity,
        geography: Geography,
        files: FileStore,
        notifications: Notifications,
        speech: SpeechToText | None = None,
    ) -> None:
        self._parts = Parts(clock, identity, geography, files, notifications)
        self.acting = Acting(self._parts)
        self.flows = Flows(self._parts)
        self.open311 = Open311(self._parts)
        self.photos = Photos(self._parts)
        self.imports = Imports(self._parts)
        self.partners = Partners(self._parts)
        self.patrol = Patrol(self._parts)
        self.privacy = Privacy(self._parts, self.photos)
        self.speech = speech
        self.board = Board(self._parts)
        self.forecasts = Forecasts(self._parts)
        self.linking = Linking(self._parts)
        self.topics = Topics(self._parts)
        self.evaluation = Evaluation(self._parts)
        self.monthly_reports = Reports(self.evaluation)
        self.mining = Mining(self._parts)
        self.search = Search(self._parts)
        self.learning = Learning(clock, files)
        self.saved_views = SavedViews(self._parts, self.search)
        self.exports = Exports(self._parts, self.search)

    def now(self) -> datetime:
        return self._parts.clock.now()

    # --- packs ---------------------------------------------------------------------------------

    async def install_city(self, tx: Transaction, pack: CityPack) -> None:
        await catalog.install_city(tx, pack)
        await self.evaluation.install_city(tx, pack)

    async def install_scene(self, tx: Transaction, pack: ScenePack) -> None:
        """Raises InvalidInput `flow_…`, `form_schema_invalid`. Call `ensure_trained` after the last."""
        await catalog.install_scene(tx, pack)
        await self.evaluation.install_scene(tx, pack)

    async def ensure_trained(self, tx: Transaction) -> None:
        """Teaches the dispatcher where the installed examples have changed; else does nothing."""
        await self.learning.ensure_trained(tx)

    async def warm_up(self, tx: Transaction) -> None:
        """Loads the current model, which takes seconds, before the first text asks for it."""
        await self._parts.models.get((await self._parts.registry.current(tx)).model_hash)

    # --- doors in ------------------------------------------------------------------------------

    async def open_case(self, tx: Transaction, new: NewCase, principal: Principal) -> OpenedCase:
        """Opens, dispatches and announces a case. The caller has checked the right to its door."""
        return await intake.open_case(tx, self._parts, new, principal)

    async def on_alarm(self, tx: Transaction, event: Event) -> UUID | None:
        """Consumer of `sensing.alarm.opened`; the case that the alarm opened or joined."""
        return await alarms.on_opened(tx, self._parts, event.data)

    async def on_alarm_cleared(self, tx: Transaction, event: Event) -> None:
        """Consumer of `sensing.alarm.cleared`."""
        await alarms.on_cleared(tx, self._parts, event.data)

    # --- handling ------------------------------------------------------------------------------

    async def act(
        self,
        tx: Transaction,
        case_id: UUID,
        action: str,
        data: ActionData,
        principal: Principal,
        version: int | None = None,
    ) -> View:
        """Does `action`; the case's detail afterwards.

        Raises NotFound, Forbidden, Conflict `case_action_not_now`, `case_changed`, InvalidInput.
        """
        row = await self.acting.act(tx, case_id, action, data, principal, version=version)
        return await self._shown(tx, row, principal)

    async def decide(
        self, tx: Transaction, request_id: UUID, granted: bool, comment: str, principal: Principal
    ) -> View:
        """Grants or refuses a request; its case afterwards. Raises NotFound, Forbidden, Conflict."""
        row = await self.acting.decide(tx, request_id, granted, comment, principal)
        return await self._shown(tx, row, principal)

    async def withdraw(self, tx: Transaction, request_id: UUID, principal: Principal) -> View:
        row = await self.acting.withdraw(tx, request_id, principal)
        return await self._shown(tx, row, principal)

    # --- reading -------------------------------------------------------------------------------

    async def get(self, tx: Transaction, case_id: UUID, principal: Principal) -> View:
        row = await views.require(tx, self._parts, case_id, principal)
        return await views.detail(tx, self._parts, row, principal)

    async def opened(self, tx: Transaction, case_id: UUID, principal: Principal) -> View:
        """The detail for whoever opened it; only its number where the party may open but not read."""
        row = await store.one(tx, "case_get", id=case_id)
        if row is None:
            raise NotFound("case_not_found")
        return await self._shown(tx, row, principal)

    async def links(self, tx: Transaction, case_id: UUID, principal: Principal) -> View:
        """Links, merges and the number of reporters of a case that the party may read."""
        row = await views.require(tx, self._parts, case_id, principal)
        return await self.linking.links(tx, row)

    async def decide_link(
        self, tx: Transaction, case_id: UUID, other: UUID, state: Decided, principal: Principal
    ) -> None:
        row = await views.require(tx, self._parts, case_id, principal)
        await self.linking.decide(tx, row, other, state, principal)

    async def timeline(self, tx: Transaction, case_id: UUID, principal: Principal) -> list[View]:
        await views.require(tx, self._parts, case_id, principal)
        return await views.timeline(tx, self._parts, case_id)

    async def flow(self, tx: Transaction, case_id: UUID, principal: Principal) -> View:
        """The flow's BPMN, where the case stands in it, and how long it stayed at each element."""
        row = await views.require(tx, self._parts, case_id, principal)
        return await self.flows.of_case(tx, row)

    async def categories(self, tx: Transaction) -> list[View]:
        snapshot = await self._parts.registry.current(tx)
        return [
            {
                "code": node.code,
                "name": node.name,
                "parent": node.parent,
                "scene": node.scene,
                "alarm_case_type": snapshot.alarm_case_type(node.code),
            }
            for node in snapshot.categories.values()
            if not node.retired
        ]

    async def overview(self, tx: Transaction) -> View:
        return await figures.overview(tx, self._parts)

    async def counts(self, tx: Transaction) -> View:
        """cases, automatic, desk, closed: of everything in the store."""
        return dict(await store.one(tx, "cases_counts") or {})

    # --- citizens ------------------------------------------------------------------------------

    async def tracked(self, tx: Transaction, code: str) -> View:
        """The citizen's view. Raises NotFound `report_not_found`."""
        found = await following.tracked(tx, code)
        return await views.tracked_view(tx, self._parts, found, code)

    async def rate(
        self, tx: Transaction, code: str, score: int, comment: str | None, principal: Principal
    ) -> View:
        """Rates as the holder of the tracking code."""
        found = await following.tracked(tx, code)
        if found.is_main:
            data = ActionData(comment=comment, score=score)
            await self.acting.act(tx, found.main["id"], "rate", data, principal, tracked=True)
        else:
            check_comment(comment)
            await following.rate(tx, self._parts, found, score, comment, principal)
        return await self.tracked(tx, code)

    async def own(self, tx: Transaction, principal: Principal) -> list[View]:
        """What the signed-in party reported itself."""
        if principal.id is None:
            self._parts.identity.authorize(principal, "case:list")
        known = await views.names(tx, self._parts)
        found = await store.rows(tx, "cases_of_reporter", reporter=principal.id, limit=OWN_ROWS_MAX)
        items = [views.brief(known, row, self._parts.clock.now()) for row in found]
        await add_deadlines(tx, self._parts, items)
        return items

    async def public_map(self, tx: Transaction) -> list[View]:
        """What was reported of late, for everybody."""
        return await figures.public_map(tx, self._parts)

    async def near(self, tx: Transaction, lon: float, lat: float) -> list[View]:
        return await figures.near(tx, self._parts, lon, lat)

    # --- time ----------------------------------------------------------------------------------

    async def scan_deadlines(self, tx: Transaction, now: datetime) -> int:
        """Tells what deadlines have come to; for a timer. Returns how many cases turned red."""
        return await ticking.tick(tx, self._parts, now)

    async def adopt_deadlines(self, tx: Transaction) -> None:
        """Gives cases that came in by other ways a deadline; for a slow timer."""
        await ticking.adopt(tx, self._parts)

    async def _shown(self, tx: Transaction, row: Row, principal: Principal) -> View:
        if not await views.may_read(tx, self._parts, row, principal):
            # Whoever returned a case to the desk has no more right to it than anybody else.
            return {"id": row["id"], "number": row["number"], "status": row["status"], "actions": []}
        return await views.detail(tx, self._parts, row, principal)
