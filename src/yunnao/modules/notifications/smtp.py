"""E-mail by SMTP (RFC 5321).

Promise: at least once. The Message-ID (RFC 5322, 3.6.4) is made of the message's id and so is the same at
every attempt: a mail server or reader that knows it drops the second copy, others may show it.
"""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.notifications.contracts import Letter, Outcome

CONNECT_S = 10.0
PERMANENT = range(500, 600)


class Smtp:
    """Sends by one server. `url`: smtp://user:password@host:587, or smtps:// for TLS from the start.

    `?tls=never` sends in the clear and `?tls=auto` where the server offers no TLS; with a password TLS is
    required unless the URL says otherwise.
    """

    def __init__(self, url: str, sender: str, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise InvalidInput("smtp_url_invalid") from error
        wanted = parse_qs(parts.query).get("tls", ["required" if parts.username else "auto"])[0]
        known = parts.scheme in {"smtp", "smtps"} and wanted in {"required", "auto", "never"}
        if not known or not parts.hostname or "@" not in sender:
            raise InvalidInput("smtp_url_invalid")
        self._sender = sender
        self._host = parts.hostname
        self._port = port or (465 if parts.scheme == "smtps" else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._use_tls = parts.scheme == "smtps"
        starting = {"required": True, "auto": None, "never": False}[wanted]
        self._start_tls = False if self._use_tls else starting
        self._tls = tls

    async def send(self, letters: Sequence[Letter]) -> Sequence[Outcome]:
        """All by one connection. Where the server does not answer, none was sent."""
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._use_tls,
            start_tls=self._start_tls,
            tls_context=self._tls,
            timeout=CONNECT_S,
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return [Outcome(f"smtp: {error}")] * len(letters)
        try:
            return [await self._one(client, letter) for letter in letters]
        finally:
            with suppress(aiosmtplib.SMTPException, OSError, asyncio.CancelledError):
                await client.quit()

    async def _one(self, client: aiosmtplib.SMTP, letter: Letter) -> Outcome:
        try:
            await client.send_message(self._message(letter), sender=self._sender, recipients=[letter.to])
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            return Outcome(f"smtp: {error.recipients}", all(code in PERMANENT for code in codes))
        except aiosmtplib.SMTPDataError as error:
            return Outcome(f"smtp: {error.code} {error.message}", error.code in PERMANENT)
        except (aiosmtplib.SMTPException, OSError) as error:
            return Outcome(f"smtp: {error!r}")
        except ValueError as error:
            # An address or a text that no header can hold: it will not fit the next time either.
            return Outcome(f"smtp: {error}", final=True)
        return Outcome()

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = letter.to
        message["Subject"] = letter.title
        message["Date"] = format_datetime(letter.made_at)
        message["Message-ID"] = f"<{letter.id}@{self._sender.rpartition('@')[2]}>"
        # RFC 3834: no out-of-office answers to a machine.
        message["Auto-Submitted"] = "auto-generated"
        message["Content-Language"] = letter.language
        message.set_content(letter.text + "\n")
        return message
