"""Payloads that are not JSON, and how they are written where only JSON can be (HTTP, fixtures)."""

import base64
import binascii
from typing import Any

import orjson

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.decoders import Decoder, is_binary
from yunnao.modules.sensing.domain.refusals import shown


def bytes_of(document: Any) -> bytes:
    """The bytes of a payload: themselves, a text in UTF-8, or {"hex": …} or {"base64": …}.

    Raises InvalidInput `payload_not_bytes`.
    """
    if isinstance(document, bytes):
        return document
    if isinstance(document, str):
        return document.encode()
    if isinstance(document, dict) and len(document) == 1:
        [(form, written)] = document.items()
        try:
            if form == "hex":
                return bytes.fromhex(written)
            if form == "base64":
                return base64.b64decode(written, validate=True)
        except (ValueError, TypeError, binascii.Error):
            pass
    raise InvalidInput("payload_not_bytes", value=shown(document))


def payload_of(decoder: Decoder, document: Any) -> bytes:
    """What a device puts on the wire for `document`. Raises InvalidInput `payload_not_bytes`,
    `payload_not_json`."""
    if is_binary(decoder):
        return bytes_of(document)
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        raise InvalidInput("payload_not_json") from error
