"""Rates of the public doors, counted by the sender's network address within this process."""

from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic

from yunnao.kernel.errors import TooMany

REPORTS_PER_ADDRESS_MAX = 20
PHOTOS_PER_ADDRESS_MAX = 60
LOOKUPS_PER_ADDRESS_MAX = 120
WINDOW_S = 60.0
ADDRESSES_MAX = 20_000
"""Beyond this the address that was quiet longest is forgotten, so that memory has a bound."""


class RateLimit:
    """At most `count_max` in any `window_s` for each address. Several processes multiply it."""

    def __init__(
        self, count_max: int, window_s: float = WINDOW_S, time: Callable[[], float] = monotonic
    ) -> None:
        self._count_max = count_max
        self._window_s = window_s
        self._time = time
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, address: str) -> None:
        """Counts one. Raises TooMany `reports_too_many` with the seconds to wait."""
        now = self._time()
        moments = self._seen.setdefault(address, deque())
        self._seen.move_to_end(address)
        while moments and moments[0] <= now - self._window_s:
            moments.popleft()
        if len(moments) >= self._count_max:
            raise TooMany("reports_too_many", retry_s=max(1, round(moments[0] + self._window_s - now)))
        moments.append(now)
        if len(self._seen) > ADDRESSES_MAX:
            self._seen.popitem(last=False)
