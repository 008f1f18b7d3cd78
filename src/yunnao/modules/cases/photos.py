"""Evidence photos: decoded, turned upright, written anew without metadata, kept by content."""

import asyncio
import io
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from math import isfinite
from typing import Any
from uuid import UUID

from PIL import ExifTags, Image, ImageOps

from yunnao.infra.files import FileStore
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import InvalidInput, NotFound, TooLarge
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.modules.cases import domain, store
from yunnao.modules.cases.contracts import StoredPhoto
from yunnao.modules.cases.parts import Parts
from yunnao.modules.identity.contracts import Resource

PHOTO_BYTES_MAX = 10 * 1024 * 1024
PHOTO_PIXELS_MAX = 60_000_000
"""A small file can decode to a huge picture; phones take up to 50 million pixels."""
SIDE_PIXELS_MAX = 2_560
THUMB_PIXELS_MAX = 320
JPEG_QUALITY = 85
FORMATS = ("JPEG", "PNG", "WEBP")
MEDIA_TYPE = "image/jpeg"


@dataclass(frozen=True)
class Decoded:
    """A photo made safe, and what its EXIF told before it was dropped."""

    photo: bytes
    thumb: bytes
    width: int
    height: int
    lon: float | None
    lat: float | None
    taken_at: datetime | None


async def keep(tx: Transaction, parts: Parts, content: bytes, principal: Principal) -> StoredPhoto:
    """Raises TooLarge, and InvalidInput `photo_unreadable` for what is no sound photo."""
    if len(content) > PHOTO_BYTES_MAX:
        raise TooLarge("body_too_large", limit_bytes=PHOTO_BYTES_MAX)
    async with parts.decoding:
        decoded = await asyncio.to_thread(decode, content)
    photo = StoredPhoto(
        new_id(),
        await parts.files.put(decoded.photo),
        await parts.files.put(decoded.thumb),
        MEDIA_TYPE,
        decoded.width,
        decoded.height,
        decoded.lon,
        decoded.lat,
        decoded.taken_at,
    )
    await store.run(
        tx,
        "photo_insert",
        id=photo.id,
        hash=photo.hash,
        thumb_hash=photo.thumb_hash,
        media_type=photo.media_type,
        width=photo.width,
        height=photo.height,
        lon=photo.lon,
        lat=photo.lat,
        taken_at=photo.taken_at,
        sender_id=principal.id,
        created_at=parts.clock.now(),
    )
    return photo


async def read(
    tx: Transaction,
    parts: Parts,
    photo_id: UUID,
    principal: Principal,
    *,
    thumb: bool = False,
    tracking_code: str | None = None,
) -> tuple[bytes, str]:
    """Content and media type, for who may read the photo's case; else it is as if there were none."""
    row = await store.one(tx, "photo_get", id=photo_id)
    if row is None:
        raise NotFound("photo_not_found")
    tracked = tracking_code is not None and (
        row["tracking_hash"] is not None
        and domain.tracking_hash(tracking_code) == bytes(row["tracking_hash"])
    )
    if not parts.identity.allowed(principal, "photo:read", _resource(row, tracked=tracked)):
        if principal.kind == "anonymous" and tracking_code is None:
            parts.identity.authorize(principal, "photo:read", _resource(row, tracked=False))
        raise NotFound("photo_not_found")
    return await _content(parts.files, row, thumb=thumb), row["media_type"]


async def _content(files: FileStore, row: Row, *, thumb: bool) -> bytes:
    return await files.get(row["thumb_hash"] if thumb else row["hash"])


def _resource(row: Row, *, tracked: bool) -> Resource:
    return Resource(
        "Photo",
        str(row["id"]),
        department=row["department"],
        reporter=row["sender_id"] or row["reporter_id"],
        status=row["status"],
        tracked=tracked,
    )


def decode(content: bytes) -> Decoded:
    """Pure but for its cost. Raises InvalidInput `photo_unreadable`, `photo_too_many_pixels`."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > PHOTO_PIXELS_MAX:
                raise InvalidInput("photo_too_many_pixels", limit=PHOTO_PIXELS_MAX // 1_000_000)
            lon, lat, taken_at = _exif(image)
            image.draft("RGB", (SIDE_PIXELS_MAX, SIDE_PIXELS_MAX))
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((SIDE_PIXELS_MAX, SIDE_PIXELS_MAX))
            photo = _jpeg(upright)
            width, height = upright.size
            upright.thumbnail((THUMB_PIXELS_MAX, THUMB_PIXELS_MAX))
            return Decoded(photo, _jpeg(upright), width, height, lon, lat, taken_at)
    except InvalidInput:
        raise
    except Exception as error:  # decoders raise whatever a hostile file brings them to
        raise InvalidInput("photo_unreadable") from error


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    # A fresh image carries no metadata of the one it was made from.
    plain = Image.new("RGB", image.size)
    plain.paste(image)
    plain.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return out.getvalue()


def _exif(image: Image.Image) -> tuple[float | None, float | None, datetime | None]:
    """Place (WGS 84) and time; whatever cannot be read is none, since metadata proves nothing."""
    try:
        exif = image.getexif()
        gps: dict[int, Any] = dict(exif.get_ifd(ExifTags.IFD.GPSInfo))
        details: dict[int, Any] = dict(exif.get_ifd(ExifTags.IFD.Exif))
    except Exception:
        return None, None, None
    lat = _degrees(gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLatitudeRef), "S", 90)
    lon = _degrees(gps.get(ExifTags.GPS.GPSLongitude), gps.get(ExifTags.GPS.GPSLongitudeRef), "W", 180)
    if lon is None or lat is None:
        lon = lat = None
    return lon, lat, _taken_at(details)


def _degrees(parts: Any, reference: Any, negative: str, limit: int) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
        value = degrees + minutes / 60 + seconds / 3600
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not isfinite(value) or not 0 <= value <= limit or value == 0:
        return None
    return -value if str(reference).strip("\x00 ").upper() == negative else value


def _taken_at(details: dict[int, Any]) -> datetime | None:
    """DateTimeOriginal with OffsetTimeOriginal (Exif 2.31); without a zone it is unknown."""
    try:
        offset = str(details[ExifTags.Base.OffsetTimeOriginal])
        sign, hours, minutes = offset[0], int(offset[1:3]), int(offset[4:6])
        zone = timezone((-1 if sign == "-" else 1) * timedelta(hours=hours, minutes=minutes))
        local = str(details[ExifTags.Base.DateTimeOriginal])
        return datetime.strptime(local, "%Y:%m:%d %H:%M:%S").replace(tzinfo=zone)
    except (KeyError, ValueError, IndexError):
        return None
