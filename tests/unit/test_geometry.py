"""Coordinates: conversions invert each other, and what is no position is refused."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.geometry import (
    Datum,
    distance_m,
    to_wgs84,
    valid_lonlat,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)

in_china = st.tuples(st.floats(75, 134), st.floats(18, 53))


@given(in_china)
def test_a_position_survives_the_way_to_gcj02_and_back_within_a_metre(position: tuple[float, float]) -> None:
    assert distance_m(*position, *to_wgs84(*wgs84_to_gcj02(*position), "gcj02")) < 1


@given(in_china)
def test_a_position_survives_the_way_to_bd09_and_back_within_two_metres(
    position: tuple[float, float],
) -> None:
    assert distance_m(*position, *to_wgs84(*wgs84_to_bd09(*position), "bd09")) < 2


def test_gcj02_is_shifted_by_some_hundred_metres() -> None:
    shift = distance_m(120.38, 36.07, *wgs84_to_gcj02(120.38, 36.07))
    assert 300 < shift < 700


def test_a_degree_of_latitude_is_111_km() -> None:
    assert distance_m(120, 36, 120, 37) == pytest.approx(111_195, rel=1e-3)


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (120.4, nan, "coordinates_not_finite"),
        (inf, 36.0, "coordinates_not_finite"),
        (36.07, 120.38, "coordinates_swapped"),
        (120.4, 91.0, "coordinates_out_of_range"),
        (181.0, 36.0, "coordinates_out_of_range"),
    ],
)
def test_what_is_no_position_is_refused_with_its_reason(lon: float, lat: float, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        valid_lonlat(lon, lat)
    assert refused.value.code == code


@pytest.mark.parametrize("datum", ["wgs84", "gcj02", "bd09"])
def test_no_datum_lets_a_wrong_position_through(datum: Datum) -> None:
    with pytest.raises(InvalidInput):
        to_wgs84(120.0, nan, datum)
