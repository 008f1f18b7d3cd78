"""Voice to text by an HTTP service of the operator's: the declared adapter of the port.

The service takes `POST` of the recording with its Content-Type and `Accept-Language`, and answers
`{"text": "…"}`.
"""

import httpx

from yunnao.kernel.errors import InvalidInput, Unavailable

ATTEMPT_S = 60.0
TEXT_CHARS_MAX = 8_000


class HttpSpeech:
    """The operator named the service, so it may be in any network."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._url = url
        self._client = httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=ATTEMPT_S, headers=headers
        )

    async def text(self, recording: bytes, media_type: str, language: str) -> str:
        headers = {"Content-Type": media_type, "Accept-Language": language}
        try:
            answer = await self._client.post(self._url, content=recording, headers=headers)
            if answer.is_client_error:
                raise InvalidInput("speech_unreadable")
            answer.raise_for_status()
            found = answer.json()["text"]
        except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
            raise Unavailable("speech_unavailable") from error
        return str(found).replace("\x00", "").strip()[:TEXT_CHARS_MAX]
