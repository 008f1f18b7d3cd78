"""Certificates of devices (X.509, RFC 5280), as far as the gate must read them.

That a certificate is genuine and in its time has been verified by the server's TLS before; here stands
only whom it names and until when.
"""

import hashlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from yunnao.kernel.errors import InvalidInput

pem_chars_max = 16_384
names_max = 16
COMMON_NAME = bytes.fromhex("550403")
ALTERNATIVE_NAMES = bytes.fromhex("551d11")
SEQUENCE, OCTETS, UTC_TIME = 0x30, 0x04, 0x17
EXTENSIONS, DNS_NAME, VERSION = 0xA3, 0x82, 0xA0
TEXTS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x14: "latin-1", 0x1E: "utf-16-be"}
"""ASN.1's strings, by tag: UTF8, Printable, IA5, Teletex, BMP."""
CENTURY_PIVOT = 50
"""RFC 5280, 4.1.2.5.1: years from 50 on are of the twentieth century."""


@dataclass(frozen=True)
class Certificate:
    """`fingerprint`: the SHA-256 of its DER; `names`: the subject's common name and its DNS names."""

    fingerprint: bytes
    names: tuple[str, ...]
    ends_at: datetime


class _Field(NamedTuple):
    tag: int
    body: bytes


def read_certificate(pem: str) -> Certificate:
    """The first certificate of a PEM text. Raises InvalidInput `certificate_unreadable`."""
    try:
        if len(pem) > pem_chars_max:
            raise ValueError(len(pem))
        begin = pem.index(ssl.PEM_HEADER)
        end = pem.index(ssl.PEM_FOOTER, begin) + len(ssl.PEM_FOOTER)
        der = ssl.PEM_cert_to_DER_cert(pem[begin:end])
        body = [*_fields(_only(_fields(_only(_fields(der)).body), first=True).body)]
        if body[0].tag == VERSION:
            del body[0]
        # Serial number, algorithm, issuer, validity, subject, key; then what is optional.
        validity, subject = body[3], body[4]
        ends_at = _time([*_fields(validity.body)][1])
        names = [*_common_names(subject.body)]
        for field in body[6:]:
            if field.tag == EXTENSIONS:
                names += _alternative_names(field.body)
    except (ValueError, IndexError) as error:
        raise InvalidInput("certificate_unreadable") from error
    known = tuple(dict.fromkeys(name for name in names if name and name.isprintable()))
    return Certificate(hashlib.sha256(der).digest(), known[:names_max], ends_at)


def _fields(data: bytes) -> Iterator[_Field]:
    """The fields of a body in DER (X.690, 8.1), one after the other."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise ValueError("cut short")
        yield _Field(tag, data[at : at + length])
        at += length


def _only(found: Iterator[_Field], *, first: bool = False) -> _Field:
    fields = [*found]
    if not fields or (len(fields) > 1 and not first) or fields[0].tag != SEQUENCE:
        raise ValueError("no sequence")
    return fields[0]


def _common_names(subject: bytes) -> Iterator[str]:
    for group in _fields(subject):
        for attribute in _fields(group.body):
            kind, value = [*_fields(attribute.body)][:2]
            if kind.body == COMMON_NAME and value.tag in TEXTS:
                yield value.body.decode(TEXTS[value.tag])


def _alternative_names(extensions: bytes) -> Iterator[str]:
    for extension in _fields(_only(_fields(extensions)).body):
        kind, *_, value = _fields(extension.body)
        if kind.body == ALTERNATIVE_NAMES and value.tag == OCTETS:
            for name in _fields(_only(_fields(value.body)).body):
                if name.tag == DNS_NAME:
                    yield name.body.decode("ascii")


def _time(field: _Field) -> datetime:
    text = field.body.decode("ascii")
    if field.tag == UTC_TIME:
        text = ("19" if int(text[:2]) >= CENTURY_PIVOT else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
