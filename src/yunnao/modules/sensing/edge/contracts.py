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


class Program(Model):
    """A release of the program. `hash`: SHA-256 of the zip, hexadecimal, which `signature` is over."""

    version: str
    hash: str
    size: int
    signature: str


class Wanted(Model):
    """A site asks for the part of a release that begins at `offset`."""

    program: str
    offset: int


class Report(Model):
    """How a site is. `waiting`: messages not yet handed up; `link_down_s`: how long the last gap was.

    `refused`: a version of the program that did not run here, so that the site went back.
    """

    program: str
    refused: str | None = None
    bundle: str | None
    waiting: int
    received: int
    forwarded: int
    alarms_open: int
    link_down_s: float


class Told(Model):
    """The centre's answer: the version of products and rules, their content where the site has another,
    and the program to run where it is not the site's own."""

    version: str
    bundle: Bundle | None = None
    program: Program | None = None


@dataclass(frozen=True)
class EdgeSite:
    """An edge site as lists show it; `newest`: it runs what it should. `program`: what it shall run."""

    edge: str
    label: Text
    pinned: str | None
    program: str | None
    registered_at: datetime
    reported_at: datetime | None
    online: bool
    newest: bool
    report: Report | None
