"""Places of devices: a grid finds what a look at every point would, cells are H3's own."""

import h3.api.numpy_int as h3
import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from yunnao.modules.sensing.live.domain.cells import FINEST, Counting, cells_of, numbered, parents
from yunnao.modules.sensing.live.domain.grid import Grid, distances_m

lons, lats = st.floats(120, 120.05), st.floats(36, 36.05)
points = st.lists(st.tuples(lons, lats), min_size=1, max_size=60)


def columns(found: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    both = np.array([*found, (np.nan, np.nan)])
    return both[:, 0].copy(), both[:, 1].copy()


@given(points, lons, lons, lats, lats)
@settings(max_examples=150, deadline=None)
def test_a_box_finds_the_points_in_it_and_no_others(
    found: list[tuple[float, float]], a: float, b: float, c: float, d: float
) -> None:
    lon, lat = columns(found)
    west, east, south, north = min(a, b), max(a, b), min(c, d), max(c, d)
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    grid = Grid(lon, lat)
    assert sorted(grid.box(west, south, east, north)) == np.flatnonzero(inside).tolist()
    assert sorted(grid.box(-180, -90, 180, 90)) == list(range(len(found)))


@given(points, lons, lats, st.integers(1, 10))
@settings(max_examples=150, deadline=None)
def test_the_nearest_are_those_that_a_look_at_every_point_finds(
    found: list[tuple[float, float]], lon: float, lat: float, wanted: int
) -> None:
    all_lon, all_lat = columns(found)
    even, metres = Grid(all_lon, all_lat).nearest(lon, lat, wanted, lambda rows: rows % 2 == 0)
    away = distances_m(lon, lat, all_lon[:-1:2], all_lat[:-1:2])
    np.testing.assert_allclose(metres, np.sort(away)[:wanted])
    assert (even % 2 == 0).all()


def test_the_nearest_are_found_far_away_too() -> None:
    grid = Grid(np.array([120.0, 121.0, 10.0]), np.array([36.0, 36.0, 10.0]))
    rows, metres = grid.nearest(123.0, 36.0, 5, lambda found: found >= 0)
    assert rows.tolist() == [1, 0]
    assert 179_000 < metres[0] < 181_000


def test_points_within_a_polygon_with_a_hole() -> None:
    grid = Grid(np.array([0.5, 1.5, 2.5]), np.array([0.5, 1.5, 2.5]))
    ring = shapely.Polygon([(0, 0), (3, 0), (3, 3), (0, 3)], [[(1, 1), (2, 1), (2, 2), (1, 2)]])
    assert sorted(grid.within(ring)) == [0, 2]


def test_parents_are_h3s_own() -> None:
    random = np.random.default_rng(1)
    lon, lat = random.uniform(-180, 180, 200), random.uniform(-90, 90, 200)
    cells = cells_of(lon, lat)
    for resolution in range(FINEST + 1):
        expected = [h3.cell_to_parent(cell, resolution) for cell in cells.tolist()]
        assert parents(cells, resolution).tolist() == expected
    assert parents(cells_of(np.array([np.nan]), np.array([np.nan])), 5).tolist() == [0]


def test_counts_by_cell_leave_out_what_has_no_value() -> None:
    cells, place = numbered(np.array([7, 5, 7, 9], np.uint64))
    value = np.array([1.0, np.nan, 3.0, 4.0])
    counting, online = Counting(cells), np.array([True, True, False, False])
    for rows in slice(0, 1), slice(1, 4):
        counting.add(place[rows].astype(np.intp), value[rows], online[rows])
    found = counting.counts()
    assert found.cell.tolist() == [5, 7, 9]
    assert found.count.tolist() == [0, 2, 1]
    np.testing.assert_equal(found.mean, [np.nan, 2.0, 4.0])
    np.testing.assert_equal(found.minimum, [np.nan, 1.0, 4.0])
    np.testing.assert_equal(found.maximum, [np.nan, 3.0, 4.0])
    assert found.online.tolist() == [1, 1, 0]
