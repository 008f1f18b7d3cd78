"""Orders of rows by a key, which follow changes of a few rows without being sorted anew."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from yunnao.modules.sensing.contracts import Int32

Keys = NDArray[Any]


def reordered(order: Int32, keys: Keys, changed: Int32, there: Int32, there_keys: Keys) -> tuple[Int32, Keys]:
    """`order` (rows by ascending key) and `keys` (beside it) after a change.

    Rows `changed` leave their places; those of them that are `there` come in by `there_keys`.
    """
    sorting = np.argsort(there_keys, kind="stable")
    there, there_keys = there[sorting], there_keys[sorting]
    if not len(order):
        return there, there_keys
    leaves = np.zeros(max(int(order.max()), int(changed.max(initial=0))) + 1, np.bool_)
    leaves[changed] = True
    stay = ~leaves.take(order)
    order, keys = order[stay], keys[stay]
    places = np.searchsorted(keys, there_keys)
    return np.insert(order, places, there), np.insert(keys, places, there_keys)
