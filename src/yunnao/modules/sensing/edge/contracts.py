"""What edge sites and the centre tell each other."""

from dataclasses import dataclass
from datetime import datetime

from yunnao.kernel.packs.common import Model
from yunnao.kernel.packs.rules import Rule
from yunnao.kernel.packs.scene import Product
from yunnao.kernel.text import Text


class Bundle(Model):
    """What a site knows: products to decode and thin, rules to judge by."""

    products: dict[str, Product]
    rules: dict[str, Rule]


class Report(Model):
    """How a site is. `waiting`: messages not yet handed up; `link_down_s`: how long the last gap was."""

    program: str
    bundle: str | None
    waiting: int
    received: int
    forwarded: int
    alarms_open: int
    link_down_s: float


class Told(Model):
    """The centre's answer: the version to run, and its content where the site has another."""

    version: str
    bundle: Bundle | None


@dataclass(frozen=True)
class EdgeSite:
    """An edge site as lists show it; `newest`: it runs what it should."""

    edge: str
    label: Text
    pinned: str | None
    registered_at: datetime
    reported_at: datetime | None
    online: bool
    newest: bool
    report: Report | None
