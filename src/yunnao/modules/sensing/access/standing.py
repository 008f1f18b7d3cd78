"""Which devices are held back, and the codes of what such a device sends."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.modules.sensing.access.domain import Int64

QUERIES = load_queries("yunnao.modules.sensing.access", "guard.sql")
HELD: Final = {"quarantined": "device_quarantined", "blocked": "device_blocked", "retired": "device_retired"}
"""By standing, the code of what such a device sends."""
CODES: Final = ("", *HELD.values(), "rate_exceeded", "department_rate_exceeded")
"""Why a reading is stopped, by the number that stands for it in columns; 0: it is not."""
RATE, DEPARTMENT_RATE = CODES.index("rate_exceeded"), CODES.index("department_rate_exceeded")
Int8 = NDArray[np.int8]


class Standings:
    """The devices that are not active: few of all, so they are kept whole."""

    def __init__(self) -> None:
        self._version = -1
        self._numbers: Int64 = np.zeros(0, np.int64)
        self._codes: Int8 = np.zeros(0, np.int8)

    async def refresh(self, tx: Transaction) -> int:
        """Remembers nothing older than the transaction; answers the registry's version."""
        row = await (await tx.execute(QUERIES["registry_version"])).fetchone()
        version = int(row["version"]) if row else 0
        if version != self._version:
            rows = await (await tx.execute(QUERIES["not_active"])).fetchall()
            self._numbers = np.array([row["number"] for row in rows], np.int64)
            self._codes = np.array([CODES.index(HELD[row["standing"]]) for row in rows], np.int8)
            self._version = version
        return version

    def codes(self, numbers: Int64) -> Int8:
        """Places in `CODES` of what n devices send."""
        if not len(self._numbers):
            return np.zeros(len(numbers), np.int8)
        at = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        return np.where(self._numbers[at] == numbers, self._codes[at], np.int8(0))
