"""SensorThings: the standard's view of things, their sensors and what they observe."""

from yunnao.infra.postgres import Transaction
from yunnao.kernel.text import Language
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.sensorthings.domain.options import Options
from yunnao.modules.sensing.sensorthings.domain.paths import ResourcePath
from yunnao.modules.sensing.sensorthings.latest import Newest
from yunnao.modules.sensing.sensorthings.reading import Page, Reader


class SensorThings:
    """What the doors ask; every method runs in the caller's transaction."""

    def __init__(self, clock: Clock, newest: Newest) -> None:
        self._clock = clock
        self._newest = newest

    async def read(self, tx: Transaction, path: ResourcePath, options: Options, language: Language) -> Page:
        """Rows at the end of a path; see `Reader.read`."""
        return await Reader(tx, self._clock, self._newest, language).read(path, options)
