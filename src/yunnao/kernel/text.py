"""The catalogue of messages, Chinese and English, and text in two languages.

Every sentence that a person reads is in `kernel/messages/<area>.yaml` as
`code: {zh: ..., en: ...}` with `{parameters}` in the manner of `str.format`.
"""

from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

Language = Literal["zh", "en"]
DEFAULT_LANGUAGE: Language = "zh"


class Text(BaseModel):
    """A text in Chinese and English."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str

    def to(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en


@cache
def catalogue() -> dict[str, Text]:
    """Every message of every area, by code; a code stands in one area only."""
    messages: dict[str, Text] = {}
    for source in sorted(files("yunnao.kernel").joinpath("messages").iterdir(), key=lambda f: f.name):
        if not source.name.endswith(".yaml"):
            continue
        for code, text in (YAML(typ="safe").load(source.read_text(encoding="utf-8")) or {}).items():
            if code in messages:
                raise ValueError(f"{source.name}: message {code!r} is defined twice")
            messages[code] = Text(**text)
    return messages


def say(code: str, language: Language = DEFAULT_LANGUAGE, /, **params: Any) -> str:
    """The sentence for `code`; the code itself where the catalogue lacks it or a parameter.

    A parameter that is a Text is told in the same language.
    """
    text = catalogue().get(code)
    if text is None:
        return code
    told = {name: value.to(language) if isinstance(value, Text) else value for name, value in params.items()}
    try:
        return text.to(language).format(**told)
    except (KeyError, IndexError):
        return text.to(language)


def preferred_language(accept_language: str | None) -> Language:
    """The first of our languages in an Accept-Language header (RFC 9110, 12.5.4), else Chinese."""
    for part in (accept_language or "").split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("en"):
            return "en"
        if tag.startswith("zh"):
            return "zh"
    return DEFAULT_LANGUAGE
