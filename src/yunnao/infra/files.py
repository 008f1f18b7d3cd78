"""Files by the hash of their content, in any store that fsspec reaches (local folder, S3, ...).

A file is written once and never changes, so equal content is kept once and needs no lock.
"""

import asyncio
import hashlib
import re
from contextlib import suppress
from typing import Any

import fsspec

from yunnao.kernel.errors import NotFound, TooLarge

FILE_BYTES_MAX = 256 * 1024 * 1024

_HASH = re.compile(r"[0-9a-f]{64}")


class FileStore:
    """Content-addressed files under one fsspec URL. Blocking work runs in a thread."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    async def put(self, content: bytes) -> str:
        """Keeps `content`; returns its SHA-256, hexadecimal."""
        if len(content) > FILE_BYTES_MAX:
            raise TooLarge("body_too_large", limit_bytes=FILE_BYTES_MAX)
        return await asyncio.to_thread(self._put, content)

    async def get(self, content_hash: str) -> bytes:
        """The content with this hash. Raises NotFound `not_found`."""
        return await asyncio.to_thread(self._get, content_hash)

    async def remove(self, content_hash: str) -> None:
        """Removes the content with this hash, if it is there. Whoever calls knows that nothing needs it."""
        await asyncio.to_thread(self._remove, content_hash)

    def _remove(self, content_hash: str) -> None:
        fs, path = self._path(content_hash)
        with suppress(FileNotFoundError):
            fs.rm_file(path)

    def _path(self, content_hash: str) -> tuple[Any, str]:
        if not _HASH.fullmatch(content_hash):
            raise NotFound("not_found")
        fs, root = fsspec.core.url_to_fs(self._url)
        # Two levels of folders keep each folder small on file systems that list slowly.
        return fs, f"{root}/{content_hash[:2]}/{content_hash[2:4]}/{content_hash}"

    def _put(self, content: bytes) -> str:
        content_hash = hashlib.sha256(content).hexdigest()
        fs, path = self._path(content_hash)
        if fs.exists(path) and fs.size(path) == len(content):
            return content_hash
        fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        # Moved into place whole, so that a reader or a crash never meets half a file.
        partial = f"{path}.{hashlib.sha256(content[:64]).hexdigest()[:8]}.part"
        fs.pipe_file(partial, content)
        fs.mv(partial, path)
        return content_hash

    def _get(self, content_hash: str) -> bytes:
        fs, path = self._path(content_hash)
        try:
            content: bytes = fs.cat_file(path)
        except FileNotFoundError as error:
            raise NotFound("not_found") from error
        return content
