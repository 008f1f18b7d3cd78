"""The port of voice to text."""

from typing import Protocol


class SpeechToText(Protocol):
    """A recogniser of the city's choice; none is part of the platform."""

    async def text(self, recording: bytes, media_type: str, language: str) -> str:
        """What is said. Raises Unavailable `speech_unavailable`, InvalidInput `speech_unreadable`."""
        ...
