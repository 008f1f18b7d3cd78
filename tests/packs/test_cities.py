"""The city packs: Qingdao is whole, and any Chinese city can be drafted."""

import json
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import mapping, shape

from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.kernel.packs.city import CityPack
from yunnao.modules.geography.contracts import Area
from yunnao.modules.geography.domain import PlaceIndex
from yunnao.scenes import load_city, load_scenes
from yunnao.scenes.divisions import city_divisions, divisions
from yunnao.scenes.draft_city import draft_city
from yunnao.scenes.street_shapes import import_streets, write_streets

ROOT = Path(__file__).parents[2]
OSM = ROOT.parent / "shared" / "data" / "qingdao" / "admin_osm.geojson"
DISTRICTS = [
    "市南区",
    "市北区",
    "黄岛区",
    "崂山区",
    "李沧区",
    "城阳区",
    "即墨区",
    "胶州市",
    "平度市",
    "莱西市",
]

needs_osm = pytest.mark.skipif(not OSM.is_file(), reason=f"no {OSM.name} in ../shared/data/qingdao")


@pytest.fixture(scope="module")
def qingdao() -> CityPack:
    scenes = load_scenes(sorted(path.parent for path in (ROOT / "scenes").glob("*/scene.yaml")))
    return load_city(ROOT / "cities" / "qingdao", scenes)


def index(pack: CityPack) -> PlaceIndex:
    areas = [Area(area.code, area.name, area.level, area.parent) for area in pack.areas]
    return PlaceIndex(areas, pack.shapes)


def test_qingdao_has_its_ten_districts_with_shapes_and_every_street_a_district(qingdao: CityPack) -> None:
    districts = {area.code: area for area in qingdao.areas if area.level == "district"}
    assert sorted(area.name.zh for area in districts.values()) == sorted(DISTRICTS)
    assert set(qingdao.shapes) == set(districts)
    streets = [area for area in qingdao.areas if area.level == "street"]
    assert len(streets) >= 135
    assert all(area.code[:6] == area.parent and area.parent in districts for area in streets)


def test_every_area_of_qingdao_has_a_government_or_an_office(qingdao: CityPack) -> None:
    served = {one.area for one in qingdao.departments if one.kind in ("district", "street_office")}
    assert served == {area.code for area in qingdao.areas}
    assert sum(one.kind in ("bureau", "utility") for one in qingdao.departments) >= 35


def test_every_category_of_the_scenes_has_somebody_responsible_in_qingdao(qingdao: CityPack) -> None:
    named = {duty.category for duty in qingdao.duties}
    for pack in load_scenes(sorted(path.parent for path in (ROOT / "scenes").glob("*/scene.yaml"))):
        for code, category in pack.categories.items():
            way = {code, category.parent}
            assert way & named or code == "P", code


def test_english_names_are_written_in_latin_letters(qingdao: CityPack) -> None:
    names = [area.name.en for area in qingdao.areas] + [one.name.en for one in qingdao.departments]
    assert all(name.isascii() and name[0].isupper() for name in names)
    assert {"Shinan District", "Jiaozhou City", "Bei'an Subdistrict"} <= set(names)


def test_districts_of_qingdao_neither_gap_nor_overlap(qingdao: CityPack) -> None:
    import shapely

    polygons = [shape(geometry) for geometry in qingdao.shapes.values()]
    assert shapely.coverage_is_valid(polygons)
    assert sum(len(part.interiors) for part in shapely.get_parts(shapely.union_all(polygons))) == 0


@pytest.mark.parametrize(
    ("place", "lon", "lat", "district"),
    [
        ("May Fourth Square", 120.384, 36.062, "370202"),
        ("Zhanqiao Pier, in the sea", 120.320, 36.058, "370202"),
        ("Tuandao, beyond the drawn coast", 120.302, 36.065, "370202"),
        ("Laoshan", 120.62, 36.17, "370212"),
        ("Golden Beach", 120.25, 35.97, "370211"),
        ("Jiaozhou", 120.03, 36.26, "370281"),
        ("Pingdu", 119.95, 36.79, "370283"),
        ("Laixi", 120.52, 36.89, "370285"),
        ("Jimo", 120.45, 36.39, "370215"),
    ],
)
def test_a_known_place_resolves_to_its_district(
    qingdao: CityPack, place: str, lon: float, lat: float, district: str
) -> None:
    found = index(qingdao).resolve(lon, lat)
    assert found.district is not None, place
    assert found.district.code == district


@pytest.mark.parametrize(("lon", "lat"), [(116.4, 39.9), (0.0, 0.0), (121.9, 36.0), (-120.4, 36.1)])
def test_a_place_outside_the_city_has_no_area(qingdao: CityPack, lon: float, lat: float) -> None:
    found = index(qingdao).resolve(lon, lat)
    assert (found.district, found.street) == (None, None)


@needs_osm
def test_every_street_of_openstreetmap_resolves_to_its_district_and_to_itself(
    qingdao: CityPack, tmp_path: Path
) -> None:
    imported = import_streets(qingdao, OSM)
    assert len(imported.shapes) == 135
    assert imported.unused == ()
    assert "OpenStreetMap" in imported.attribution
    target = tmp_path / "streets.geojson"
    write_streets(target, imported, OSM.name)
    assert "ODbL" in json.loads(target.read_text(encoding="utf-8"))["attribution"]
    whole = load_city(ROOT / "cities" / "qingdao", streets=target)
    by_district, by_street = index(qingdao), index(whole)
    parents = {area.code: area.parent for area in qingdao.areas}
    for code, geometry in imported.shapes.items():
        point = shape(geometry).representative_point()
        coarse, fine = by_district.resolve(point.x, point.y), by_street.resolve(point.x, point.y)
        assert coarse.district is not None
        assert coarse.district.code == parents[code]
        assert fine.street is not None
        assert fine.district is not None
        assert (fine.street.code, fine.district.code) == (code, parents[code])


def halves(pack: CityPack, *names: str) -> list[dict[str, Any]]:
    """Strips of Laoshan, west to east, under those names."""
    west, south, east, north = shape(pack.shapes["370212"]).bounds
    step = (east - west) / len(names)
    features = []
    for number, name in enumerate(names):
        left, right = west + number * step, west + (number + 1) * step
        ring = [[left, south], [right, south], [right, north], [left, north], [left, south]]
        strip = shape({"type": "Polygon", "coordinates": [ring]}).intersection(shape(pack.shapes["370212"]))
        features.append({"type": "Feature", "properties": {"name": name}, "geometry": mapping(strip)})
    return features


def test_shapes_match_by_whole_name_or_without_its_kind_and_the_rest_is_named(
    qingdao: CityPack, tmp_path: Path
) -> None:
    file = tmp_path / "boundaries.geojson"
    features = halves(qingdao, "崂山区", "中韩街道办事处", "北宅镇", "沙子口街道", "不存在街道")
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    imported = import_streets(qingdao, file, attribution="own survey")
    names = {area.code: area.name.zh for area in qingdao.areas}
    assert {names[code] for code in imported.shapes} == {"中韩街道", "北宅街道", "沙子口街道"}
    assert imported.unused == ("不存在街道",)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", "shapes_file_unreadable"),
        ('{"type": "Point"}', "shapes_file_unreadable"),
        ('{"type": "FeatureCollection", "features": []}', "shapes_attribution_missing"),
    ],
)
def test_a_file_that_gives_no_shapes_says_why(
    qingdao: CityPack, tmp_path: Path, content: str, code: str
) -> None:
    file = tmp_path / "boundaries.geojson"
    file.write_text(content)
    with pytest.raises(InvalidInput) as refused:
        import_streets(qingdao, file)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("code", "folder", "districts"),
    [
        ("440300", "shenzhen", 9),  # nine districts in the list of codes
        ("110000", "beijing", 16),  # a municipality
        ("441900", "dongguan", 1),  # a city without districts
        ("532900", "dali-bai-autonomous-prefecture", 12),
    ],
)
def test_a_city_is_drafted_from_its_code_and_passes_the_check(
    tmp_path: Path, code: str, folder: str, districts: int
) -> None:
    drafted = draft_city(tmp_path, code)
    assert drafted.name == folder
    pack = load_city(drafted)
    assert pack.manifest.code == code
    assert sum(area.level == "district" for area in pack.areas) == districts
    assert pack.shapes
    with pytest.raises(Conflict):
        draft_city(tmp_path, code)


def test_a_code_that_is_no_city_is_refused_and_leaves_no_folder(tmp_path: Path) -> None:
    for code, error in (
        ("999999", NotFound),
        ("qingdao", InvalidInput),
        ("37", NotFound),
        ("3702020", InvalidInput),
    ):
        with pytest.raises(error):
            draft_city(tmp_path, code)
    assert list(tmp_path.iterdir()) == []


def test_every_division_has_its_parent_and_two_names() -> None:
    known = divisions()
    assert len(known) > 44_000
    for code, division in known.items():
        assert division.name.zh
        assert division.name.en
        if len(code) == 6:
            assert code[:4] in known
        if len(code) == 9:
            assert code[:6] in known
    assert len(city_divisions("3702").districts) == len(city_divisions("370200").districts) == 10
