"""Orders that follow changes are those that sorting anew gives; cells by rank are those by parent."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from yunnao.modules.sensing.live.domain.cells import FINEST, cells_of, parents, ranked
from yunnao.modules.sensing.live.domain.orders import reordered

keys = st.integers(0, 5)
rounds = st.lists(st.dictionaries(st.integers(0, 20), st.one_of(st.none(), keys), max_size=8), max_size=5)


@given(rounds)
@settings(max_examples=150, deadline=None)
def test_rows_stay_in_order_when_some_come_move_and_leave(changes: list[dict[int, int | None]]) -> None:
    order, held = np.zeros(0, np.int32), np.zeros(0, np.uint32)
    expected: dict[int, int | None] = {}
    for change in changes:
        expected |= change
        there = [row for row, key in change.items() if key is not None]
        there_keys = np.array([change[row] for row in there], np.uint32)
        changed = np.array(list(change), np.int32)
        order, held = reordered(order, held, changed, np.array(there, np.int32), there_keys)
        rows = {row: key for row, key in expected.items() if key is not None}
        assert dict(zip(order.tolist(), held.tolist(), strict=True)) == rows
        assert held.tolist() == sorted(held.tolist())


def test_cells_by_rank_are_those_that_each_place_has_at_every_resolution() -> None:
    random = np.random.default_rng(1)
    lon, lat = random.uniform(119, 121, 300), random.uniform(35, 37, 300)
    lon[:3] = np.nan
    cells = cells_of(lon, lat)
    order = np.argsort(cells).astype(np.int32)[3:]
    for resolution in (4, 6, 8, FINEST):
        different, rank = ranked(order, cells, resolution, 300)
        assert rank[:3].tolist() == [-1, -1, -1]
        assert different.tolist() == sorted(set(parents(cells[3:], resolution).tolist()))
        assert different[rank[3:]].tolist() == parents(cells[3:], resolution).tolist()
