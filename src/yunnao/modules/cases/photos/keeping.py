"""Keeping a photo by its content, and reading it by right."""

import asyncio
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import NotFound, TooLarge
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.modules.cases import domain, store
from yunnao.modules.cases.contracts import StoredPhoto
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.photos.decoding import decode
from yunnao.modules.identity.contracts import Resource

PHOTO_BYTES_MAX = 10 * 1024 * 1024
MEDIA_TYPE = "image/jpeg"


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
    shown = await _shown(tx, parts, row, principal, thumb=thumb, tracked=tracked)
    return await parts.files.get(shown), row["media_type"]


async def _shown(
    tx: Transaction, parts: Parts, row: Row, principal: Principal, *, thumb: bool, tracked: bool
) -> str:
    """The hash of what this party sees: the original by right, else the published copy.

    A look at an original is audited unless it is the sender's own; small pictures are the published ones
    wherever there are any, so that going through a list is no look at faces.
    """
    published = row["published_thumb_hash"] if thumb else row["published_hash"]
    if thumb and published is not None:
        return str(published)
    resource = _resource(row, tracked=tracked)
    original = row["original_removed_at"] is None and parts.identity.allowed(
        principal, "photo:read_original", resource
    )
    if not original:
        if published is None:
            raise NotFound("photo_not_published")
        return str(published)
    own = tracked or (principal.id is not None and principal.id in {row["sender_id"], row["reporter_id"]})
    if not own:
        await parts.identity.audit(tx, principal, "photo:read_original", resource, thumb=thumb)
    return str(row["thumb_hash"] if thumb else row["hash"])


def _resource(row: Row, *, tracked: bool) -> Resource:
    return Resource(
        "Photo",
        str(row["id"]),
        department=row["department"],
        reporter=row["sender_id"] or row["reporter_id"],
        status=row["status"],
        tracked=tracked,
    )
