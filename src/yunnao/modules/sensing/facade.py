"""Sensing: what the city's devices say, and what rules find in it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from yunnao.infra import deadletters
from yunnao.infra.nats_subjects import intake_subject
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.kernel.ids import UUID
from yunnao.kernel.packs.alarming import AlarmDefaults
from yunnao.kernel.packs.scene import DemoDevice, ScenePack
from yunnao.kernel.text import Text
from yunnao.kernel.time import Clock
from yunnao.modules.sensing import store
from yunnao.modules.sensing.access.provisioning import params_of, provision
from yunnao.modules.sensing.access.tables import Known, table_of
from yunnao.modules.sensing.alarms import Teller
from yunnao.modules.sensing.contracts import (
    Device,
    DeviceDraft,
    DeviceFilter,
    DevicePage,
    InstalledProduct,
    ListedState,
    MessageDraft,
    Overview,
    ReadingDraft,
    Rejected,
)
from yunnao.modules.sensing.domain.encoding import encode
from yunnao.modules.sensing.doors import HttpDoor
from yunnao.modules.sensing.intake import Intake
from yunnao.modules.sensing.live.exchange import Exchange
from yunnao.modules.sensing.live.index import NONE
from yunnao.modules.sensing.live.listing import count_among, devices_among
from yunnao.modules.sensing.live.net import Net
from yunnao.modules.sensing.live.places import Places
from yunnao.modules.sensing.live.questions import Live
from yunnao.modules.sensing.live.table import LiveTable
from yunnao.modules.sensing.rules import silence
from yunnao.modules.sensing.rules.domain.dry_run import dry_run
from yunnao.modules.sensing.rules.domain.schedules import NATIONAL_TIME, CityTime
from yunnao.modules.sensing.rules.judging import Judge
from yunnao.modules.sensing.rules.retiring import retire
from yunnao.modules.twin.facade import Twin

__all__ = ["Sensing", "dry_run", "encode"]

counts_kept = timedelta(days=3)


class Sensing:
    """What others may ask of sensing; every method runs in the caller's transaction.

    `zone` is the city's, for the times in the messages of alarms.
    """

    def __init__(
        self,
        clock: Clock,
        twin: Twin,
        nervous: Nervous,
        table: LiveTable,
        zone: ZoneInfo,
        alarm_defaults: AlarmDefaults | None = None,
        is_workday: Callable[[date], bool] = NATIONAL_TIME.is_workday,
    ) -> None:
        self._clock = clock
        self._twin = twin
        self._table = table
        self._city = CityTime(zone, is_workday)
        self.live = Live(clock, table, Places(table.folder), Exchange(nervous, table))
        """Questions to the live table."""
        self.net = Net(clock, self.live)
        """Questions to the net as a whole."""
        self._teller = Teller(clock, twin, zone, alarm_defaults or AlarmDefaults())
        self._nervous = nervous
        self._door = HttpDoor(clock, nervous)

    # --- packs and devices ---

    async def install(self, tx: Transaction, pack: ScenePack, *, demo: bool) -> None:
        """Products and rules of a pack, and in demo mode its synthetic devices.

        The twin's types of the pack must be installed. A rule that left the pack ends: its alarms
        are cleared. Raises Conflict `product_taken`.
        """
        scene = pack.manifest.scene
        foreign = await store.foreign_product(tx, scene, list(pack.products))
        if foreign is not None:
            raise Conflict("product_taken", product=foreign["product"], scene=foreign["scene"])
        await store.save_products(tx, scene, pack.products)
        await store.extend_devices(tx, list(pack.products), await store.bump(tx))
        await retire(tx, self._teller, self._clock.now(), await store.save_rules(tx, scene, pack.rules))
        if demo:
            await self.register_devices(tx, [_synthetic(device) for device in pack.devices])

    async def register_devices(self, tx: Transaction, drafts: Sequence[DeviceDraft]) -> int:
        """Creates or updates devices and the entities that they watch; answers how many are new.

        All or none; of one id the last counts. Raises InvalidInput as `checked` finds it, Conflict
        `device_of_other_product`.
        """
        if not drafts:
            return 0
        found = await provision(tx, self._twin, self._clock.now(), table_of(drafts), await self.known(tx))
        for _, device, code, value in found.rejected.iter_rows():
            error = Conflict if code == "device_of_other_product" else InvalidInput
            raise error(code, **params_of(device, value))
        return found.new

    async def known(self, tx: Transaction, departments: Iterable[str] | None = None) -> Known:
        """What devices may name; owners are checked where `departments` is given."""
        specs = {found.product: found.spec for found in await store.all_products(tx)}
        types = await self._twin.types(tx, {spec.entity_type for spec in specs.values()})
        return Known(specs, types, None if departments is None else frozenset(departments))

    async def products(self, tx: Transaction) -> list[InstalledProduct]:
        return await store.all_products(tx)

    async def product(self, tx: Transaction, name: str) -> InstalledProduct:
        """Raises NotFound `product_unknown`."""
        found = await store.products(tx, [name])
        if name not in found:
            raise NotFound("product_unknown", product=name)
        return found[name]

    async def devices(
        self,
        tx: Transaction,
        *,
        limit: int,
        wanted: DeviceFilter = store.EVERY_DEVICE,
        state: ListedState | None = None,
        after: str | None = None,
    ) -> DevicePage:
        """Devices in order of id."""
        among = await self.net.devices(tx, wanted, state)
        if state is None:
            rows = await store.device_rows(tx, limit=limit + 1, wanted=wanted, after=after)
        else:
            rows = await devices_among(tx, among, limit + 1, wanted, after=after)
        items = await self._devices(tx, rows[:limit])
        total = await count_among(tx, among, wanted, state)
        return DevicePage(items, items[-1].id if len(rows) > limit else None, total)

    async def device(self, tx: Transaction, device: str) -> Device:
        """Raises NotFound `device_not_found`."""
        rows = await store.device_rows(tx, limit=1, device=device)
        if not rows:
            raise NotFound("device_not_found", device=device)
        return (await self._devices(tx, rows))[0]

    async def registered(self, tx: Transaction, devices: Sequence[str]) -> set[str]:
        """Which of these ids are registered."""
        return set(await store.products_of_devices(tx, devices))

    async def count_refused(self, tx: Transaction, product: str) -> int:
        """Dead letters of a product's messages."""
        return await deadletters.count(tx, intake_subject(product, "x").removesuffix("x"))

    # --- intake ---

    def intake(self) -> Intake:
        """A way into the database for one ingest worker."""
        judge = Judge(self._clock, self._teller, self._city)
        return Intake(self._clock, self._twin, self._nervous, self._table, judge)

    async def take_messages(self, tx: Transaction, drafts: Sequence[MessageDraft]) -> list[Rejected]:
        """Messages by HTTP; see `HttpDoor.messages`."""
        return await self._door.messages(tx, drafts)

    async def take_readings(self, tx: Transaction, drafts: Sequence[ReadingDraft]) -> list[Rejected]:
        """Plain readings by HTTP; see `HttpDoor.readings`."""
        return await self._door.readings(tx, drafts)

    async def replay_dead_letter(self, tx: Transaction, letter: UUID) -> None:
        """Sends a dead letter the way that it came. Raises NotFound; Conflict `dead_letter_final`
        where nothing leads back: the message had no product and device."""
        row = await deadletters.take(tx, letter)
        if not row["subject"].startswith(("$MQTT.msgs.", "yunnao.event.")):
            raise Conflict("dead_letter_final")
        await self._door.again(row["subject"], bytes(row["payload"]))
        await deadletters.mark_replayed(tx, letter)

    # --- by the clock ---

    async def scan_silence(self, tx: Transaction) -> int:
        """Opens the alarms of silence rules; answers how many."""
        return await silence.scan(tx, self._teller, self.live, self._city, self._clock.now())

    async def overview(self, tx: Transaction, today_from: datetime) -> Overview:
        """Counts of now, and of readings since `today_from` (the city's midnight)."""
        index, online = await self.live.online(tx)
        devices = int((index.columns.product != NONE).sum())
        counts = await store.overview(tx, self._clock.now(), today_from)
        return Overview(devices=devices, online=int(online.sum()), **counts)

    async def prune(self, tx: Transaction) -> None:
        """Forgets counts of the intake and of the net that are older than they are kept."""
        await store.prune_counts(tx, self._clock.now() - counts_kept)
        await self.net.prune(tx)

    # --- parts ---

    async def _devices(self, tx: Transaction, rows: list[Row]) -> list[Device]:
        numbers = [row["number"] for row in rows]
        latest, states = await self.live.latest(tx, numbers), await self.live.states(tx, numbers)
        return [
            Device(
                number=row["number"],
                id=row["id"],
                product=row["product"],
                product_label=Text(**row["product_label"]),
                entity=row["entity"],
                name=Text(**row["name"]),
                lon=row["lon"],
                lat=row["lat"],
                district=row["district"],
                owner=row["owner"],
                standing=row["standing"],
                synthetic=row["synthetic"],
                state=states[row["number"]][0],
                last_seen=states[row["number"]][1],
                latest=latest[row["number"]],
            )
            for row in rows
        ]


def _synthetic(device: DemoDevice) -> DeviceDraft:
    return DeviceDraft(
        id=device.device,
        product=device.product,
        entity=device.entity,
        name=device.name,
        lon=device.lon,
        lat=device.lat,
        attributes=dict(device.attributes),
        synthetic=True,
        owner=device.owner,
    )
