"""SMS by an operator's HTTP gateway: the declared adapter of the port.

The gateway takes `POST {"id", "to", "text", "language"}` with `Idempotency-Key: <id>` and answers 2xx once it
has taken the message. Promise: at least once; once where the gateway keeps to the key.
"""

from collections.abc import Sequence

import httpx

from yunnao.modules.notifications.contracts import Letter, Outcome

ATTEMPT_S = 10.0
TEXT_CHARS_MAX = 300
ANSWER_CHARS_MAX = 200
PASSING = frozenset({408, 425, 429})
"""Refusals that time may mend."""


class HttpSms:
    """The operator named the gateway, so it may be in any network."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._url = url
        self._client = httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=ATTEMPT_S, headers=headers
        )

    async def send(self, letters: Sequence[Letter]) -> Sequence[Outcome]:
        return [await self._one(letter) for letter in letters]

    async def _one(self, letter: Letter) -> Outcome:
        body = {
            "id": str(letter.id),
            "to": letter.to,
            "text": f"{letter.title}\n{letter.text}"[:TEXT_CHARS_MAX],
            "language": letter.language,
        }
        try:
            answer = await self._client.post(
                self._url, json=body, headers={"Idempotency-Key": str(letter.id)}
            )
        except (httpx.HTTPError, OSError) as error:
            return Outcome(f"sms: {error!r}")
        if answer.is_success:
            return Outcome()
        said = answer.text[:ANSWER_CHARS_MAX]
        final = answer.is_client_error and answer.status_code not in PASSING
        return Outcome(f"sms: HTTP {answer.status_code} {said}".strip(), final)
