"""What is wrong with a pack, said so that its author finds the line."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.text import DEFAULT_LANGUAGE, Language, Text, catalogue, say

problems_told_max = 20
"""How many problems the error itself carries in words; all of them are in `problems`."""


@dataclass(frozen=True)
class Problem:
    """One rule broken at one place. `line` counts from 1; `path` is dotted (`rules.deep.metric`)."""

    file: str
    line: int | None
    path: str
    code: str
    params: dict[str, Any] = field(default_factory=dict)

    def to(self, language: Language = DEFAULT_LANGUAGE) -> str:
        """`file:line: path: sentence`, the form that editors make clickable."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        parts = [place, self.path, say(self.code, language, **self.params)]
        return ": ".join(part for part in parts if part)


def kind_name(kind: str) -> Text:
    """What a kind of thing in packs is called: `area`, `entity_type`."""
    return catalogue()[f"pack_kind_{kind}"]


class PackRefused(InvalidInput):
    """A pack with problems; nothing of it is used."""

    def __init__(self, pack: str, problems: Sequence[Problem]) -> None:
        first = problems[:problems_told_max]
        told = Text(zh="\n".join(p.to("zh") for p in first), en="\n".join(p.to("en") for p in first))
        super().__init__("pack_refused", pack=pack, count=len(problems), problems=told)
        self.pack = pack
        self.problems = tuple(problems)

    def to(self, language: Language = DEFAULT_LANGUAGE) -> str:
        """The whole refusal, a line a problem."""
        told = "\n".join(problem.to(language) for problem in self.problems)
        return say(self.code, language, pack=self.pack, count=len(self.problems), problems=told)
