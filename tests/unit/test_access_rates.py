"""Messages a minute, counted over batches, are what one would count one by one."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from yunnao.modules.sensing.access.domain import MINUTE_US, Window, places

BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3 * 60)), max_size=30), min_size=1, max_size=6
)


@given(BATCHES)
def test_batches_count_as_single_messages_do(batches: list[list[tuple[int, int]]]) -> None:
    """As arrival in the stream is: batches do not go back in time."""
    times = sorted(second for batch in batches for _, second in batch)
    window, seen = Window(), Counter[tuple[int, int]]()
    for batch in batches:
        arrival = [times.pop(0) * 1_000_000 for _ in batch]
        keys = [key for key, _ in batch]
        expected = []
        for key, at in zip(keys, arrival, strict=True):
            expected.append(seen[key, at // MINUTE_US])
            seen[key, at // MINUTE_US] += 1
        found, window = places(window, np.array(keys, np.int64), np.array(arrival, np.int64))
        assert found.tolist() == expected


def test_a_minute_that_is_over_is_forgotten() -> None:
    _, window = places(Window(), np.array([1, 1, 2]), np.array([0, 1, 2]))
    found, window = places(window, np.array([1]), np.array([MINUTE_US]))
    assert found.tolist() == [0]
    assert window.keys.tolist() == [1]
