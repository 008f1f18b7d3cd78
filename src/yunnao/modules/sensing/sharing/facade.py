"""Sharing: one department's readings for another."""

from collections.abc import Sequence
from uuid import UUID

import orjson

from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database, Transaction
from yunnao.infra.settings import Network
from yunnao.infra.webhook_targets import Targets
from yunnao.infra.webhooks import Outcome, Webhooks
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.time import Clock
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.sharing.contracts import Parcel
from yunnao.modules.sensing.sharing.delivering import Deliverer
from yunnao.modules.sensing.sharing.rights import ReadingRights
from yunnao.modules.sensing.sharing.shares import Shares
from yunnao.modules.sensing.sharing.streams import Streams
from yunnao.modules.sensing.sharing.subscriptions import Subscriptions
from yunnao.modules.sensing.sharing.topics import Topics

TEST = "sensing.test"


class Sharing:
    """`rights`: whose readings who may see; `shares`: requests and grants; `subscriptions`: having readings
    sent; `streams`: server-sent events."""

    def __init__(
        self,
        clock: Clock,
        database: Database,
        nervous: Nervous,
        identity: Identity,
        webhook_networks: Sequence[Network],
    ) -> None:
        self._clock = clock
        self._database = database
        self._nervous = nervous
        self._targets = Targets(webhook_networks)
        self._topics = Topics(nervous)
        self.rights = ReadingRights(clock, identity)
        self.shares = Shares(clock, identity)
        self.subscriptions = Subscriptions(clock, identity, self.shares, self._targets)
        self.streams = Streams(clock, database)

    def deliverer(self) -> Deliverer:
        """A worker that delivers; any number may run."""
        return Deliverer(self._clock, self._database, self._nervous, self._targets)

    async def test(self, tx: Transaction, principal: Principal, subscription: UUID) -> Outcome:
        """Sends an empty message at once, outside the order of readings, and tells what came of it."""
        row = await self.subscriptions.target(tx, principal, subscription)
        message_id = f"{subscription}.test.{new_id()}"
        body = {"type": TEST, "subscription": str(subscription)}
        if row["channel"] == "mqtt":
            return await self._topics.send(Parcel(message_id, subscription, row["number"], 0, 0, body))
        if row["channel"] != "webhook":
            raise InvalidInput("subscription_no_test")
        webhooks = Webhooks(self._clock, self._targets)
        try:
            return await webhooks.send(row["url"], row["secret"], message_id, orjson.dumps(body))
        finally:
            await webhooks.close()
