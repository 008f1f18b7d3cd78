"""A photo made safe: decoded, turned upright, written anew without metadata, which is read first."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from math import isfinite
from typing import Any

from PIL import ExifTags, Image, ImageOps

from yunnao.kernel.errors import InvalidInput

PHOTO_PIXELS_MAX = 60_000_000
"""A small file can decode to a huge picture; phones take up to 50 million pixels."""
SIDE_PIXELS_MAX = 2_560
THUMB_PIXELS_MAX = 320
JPEG_QUALITY = 85
FORMATS = ("JPEG", "PNG", "WEBP")


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
            photo = jpeg(upright)
            width, height = upright.size
            upright.thumbnail((THUMB_PIXELS_MAX, THUMB_PIXELS_MAX))
            return Decoded(photo, jpeg(upright), width, height, lon, lat, taken_at)
    except InvalidInput:
        raise
    except Exception as error:  # decoders raise whatever a hostile file brings them to
        raise InvalidInput("photo_unreadable") from error


def jpeg(image: Image.Image) -> bytes:
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
    return lon, lat, _taken_at(details) or _gps_time(gps)


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
    """DateTimeOriginal with OffsetTimeOriginal (Exif 2.31); without a zone it would be a guess."""
    try:
        offset = str(details[ExifTags.Base.OffsetTimeOriginal])
        sign, hours, minutes = offset[0], int(offset[1:3]), int(offset[4:6])
        zone = timezone((-1 if sign == "-" else 1) * timedelta(hours=hours, minutes=minutes))
        local = str(details[ExifTags.Base.DateTimeOriginal])
        return datetime.strptime(local, "%Y:%m:%d %H:%M:%S").replace(tzinfo=zone)
    except (KeyError, ValueError, IndexError):
        return None


def _gps_time(gps: dict[int, Any]) -> datetime | None:
    """GPSDateStamp with GPSTimeStamp (Exif 4.6.6), which are UTC."""
    try:
        day = datetime.strptime(str(gps[ExifTags.GPS.GPSDateStamp]).strip("\x00 "), "%Y:%m:%d").replace(
            tzinfo=UTC
        )
        hours, minutes, seconds = (float(part) for part in gps[ExifTags.GPS.GPSTimeStamp])
        return day + timedelta(hours=hours, minutes=minutes, seconds=int(seconds))
    except (KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
