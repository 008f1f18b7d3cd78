"""A district or street that a text names is where the report is, unless there is doubt."""

import pytest

from yunnao.kernel.text import Text
from yunnao.modules.cases.dispatch.decision import Place
from yunnao.modules.cases.dispatch.places import Gazetteer
from yunnao.modules.geography.contracts import Area


def area(code: str, name: str, parent: str | None = None) -> Area:
    return Area(code, Text(zh=name, en=name), "street" if parent else "district", parent)


GAZETTEER = Gazetteer(
    [
        area("1", "市南区"),
        area("2", "市北区"),
        area("11", "香港中路街道", "1"),
        area("12", "中山街道", "1"),
        area("21", "台东街道", "2"),
        area("22", "中山街道", "2"),
    ]
)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("市南区路灯不亮", Place("1", None, named=True)),
        ("台东街道垃圾没人收", Place("2", "21", named=True)),
        ("市北区台东街道垃圾没人收", Place("2", "21", named=True)),
        ("从市南区到市北区的公交太慢", Place()),
        ("市南区台东街道", Place()),
        ("中山街道路灯不亮", Place()),
        ("路灯不亮", Place()),
        ("", Place()),
    ],
)
def test_one_named_area_is_the_place_and_doubt_is_none(text: str, place: Place) -> None:
    assert GAZETTEER.find(text) == place


def test_a_city_without_areas_finds_none() -> None:
    assert Gazetteer([]).find("市南区") == Place()
