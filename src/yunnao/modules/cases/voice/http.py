"""The door of voice to text, under /api/v1. The recording is handed on and not kept."""

from typing import Literal

from fastapi import APIRouter, Request, UploadFile
from pydantic import BaseModel

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.errors import InvalidInput, TooLarge, Unsupported
from yunnao.modules.cases.limits import RateLimit
from yunnao.modules.cases.voice.contracts import SpeechToText
from yunnao.modules.identity.facade import Identity

RECORDING_BYTES_MAX = 3 * 1024 * 1024
RECORDINGS_PER_ADDRESS_MAX = 10
MEDIA_TYPES = frozenset(
    {
        "audio/wav",
        "audio/x-wav",
        "audio/mpeg",
        "audio/mp4",
        "audio/ogg",
        "audio/webm",
        "audio/amr",
        "audio/aac",
    }
)


class Transcript(BaseModel):
    text: str


def router(identity: Identity, speech: SpeechToText | None) -> APIRouter:
    api = APIRouter(tags=["reports"])
    limit = RateLimit(RECORDINGS_PER_ADDRESS_MAX)

    @api.post("/voice/transcripts", response_model=Transcript, summary="What a recording says")
    async def transcribe(
        request: Request,
        tx: Tx,
        principal: CurrentPrincipal,
        file: UploadFile,
        language: Literal["zh", "en"] = "zh",
    ) -> dict[str, str]:
        identity.authorize(principal, "case:report")
        if speech is None:
            raise Unsupported("speech_not_configured")
        limit.take(request.client.host if request.client else "-")
        media_type = (file.content_type or "").split(";")[0].strip().lower()
        if media_type not in MEDIA_TYPES:
            raise InvalidInput("speech_unreadable")
        recording = await file.read(RECORDING_BYTES_MAX + 1)
        if len(recording) > RECORDING_BYTES_MAX:
            raise TooLarge("body_too_large", limit_bytes=RECORDING_BYTES_MAX)
        return {"text": await speech.text(recording, media_type, language)}

    return api
