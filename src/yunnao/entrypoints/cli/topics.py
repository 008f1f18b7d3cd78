"""`yunnao topics FILE::…`: the hot topics of a file of messages, without a running platform."""

import csv
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import InvalidInput, YunnaoError
from yunnao.kernel.text import Language, say
from yunnao.modules.cases.topics.contracts import HALF_LIFE_WEEKS, Message, Topic, hot_topics

CELL_CHARS_MAX = 10_000_000
TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
VOTES_MAX = 10**12


def register(app: typer.Typer) -> None:
    app.command("topics", help="Find the hot topics of a file of messages.")(topics)


@dataclass(frozen=True)
class Source:
    """A CSV file: the columns of title and text, of the time, and of votes where there are any."""

    file: Path
    text_columns: tuple[str, ...]
    time_column: str
    likes_column: str | None
    dislikes_column: str | None

    @classmethod
    def parse(cls, written: str) -> "Source":
        """Raises InvalidInput `topics_source_unreadable`."""
        parts = written.split("::")
        if not 3 <= len(parts) <= 5 or not all(parts[:3]):
            raise InvalidInput("topics_source_unreadable", source=written)
        likes, dislikes = [*(part or None for part in parts[3:]), None, None][:2]
        return cls(Path(parts[0]), tuple(parts[1].split(",")), parts[2], likes, dislikes)

    def read(self) -> tuple[list[Message], int]:
        """Messages, and how many rows were left out since they have no text or no time that can be read."""
        csv.field_size_limit(CELL_CHARS_MAX)
        wanted = [*self.text_columns, self.time_column, self.likes_column, self.dislikes_column]
        try:
            with self.file.open(encoding="utf-8-sig", newline="") as lines:
                rows = csv.DictReader(lines)
                missing = {column for column in wanted if column} - set(rows.fieldnames or ())
                if missing:
                    raise InvalidInput(
                        "dispatch_column_missing", file=self.file, column=", ".join(sorted(missing))
                    )
                read = [self._message(n, row) for n, row in enumerate(rows, start=1)]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InvalidInput("dispatch_file_unreadable", file=self.file, detail=str(error)) from error
        kept = [message for message in read if message is not None]
        return kept, len(read) - len(kept)

    def _message(self, row: int, cells: dict[str, Any]) -> Message | None:
        title, *rest = [" ".join((cells[column] or "").split()) for column in self.text_columns]
        time = _time(cells[self.time_column] or "")
        text = " ".join(rest) if rest else title
        if time is None or not (title or text):
            return None
        return Message(
            row,
            title or text[:40],
            text,
            time,
            _votes(cells, self.likes_column),
            _votes(cells, self.dislikes_column),
        )


def topics(
    source: str = typer.Argument(
        ..., help="FILE::TITLECOLUMN,TEXTCOLUMN::TIMECOLUMN[::LIKESCOLUMN[::DISLIKESCOLUMN]]"
    ),
    top: int = typer.Option(10, min=1, max=1000, help="How many to print."),
    half_life_weeks: float = typer.Option(
        HALF_LIFE_WEEKS, min=0.1, help="After as many weeks without a message a topic is half as hot."
    ),
    as_json: bool = typer.Option(False, "--json", help="The JSON only, with weeks and rows of each topic."),
) -> None:
    language = Settings.from_environment(os.environ, project_root()).language
    try:
        messages, left_out = Source.parse(source).read()
        found, in_all = hot_topics(messages, top, half_life_weeks)
    except YunnaoError as error:
        print(say(error.code, language, **error.params), file=sys.stderr)
        raise typer.Exit(1) from error
    if as_json:
        told = {"messages": len(messages), "left_out": left_out, "topics": in_all}
        print(json.dumps({**told, "items": [_told(each) for each in found]}, ensure_ascii=False))
        return
    _print(found, len(messages), left_out, in_all, language)


def _print(found: list[Topic], messages: int, left_out: int, in_all: int, language: Language) -> None:
    print(say("topics_summary", language, messages=messages, left_out=left_out, topics=in_all))
    print(say("topics_heading", language))
    for rank, topic in enumerate(found, start=1):
        print(
            f"{rank:3} {topic.heat:8.2f} {topic.messages:5} {topic.likes:6} {topic.dislikes:6} "
            f"{topic.trend:6.2f}  {topic.first:%Y-%m-%d} – {topic.last:%Y-%m-%d}  "
            f"{' · '.join(topic.phrases)}{' @ ' + '、'.join(topic.places) if topic.places else ''}"
        )


def _told(topic: Topic) -> dict[str, Any]:
    return {
        "name": " · ".join(topic.phrases),
        "places": topic.places,
        "heat": topic.heat,
        "messages": topic.messages,
        "likes": topic.likes,
        "dislikes": topic.dislikes,
        "first": topic.first.isoformat(),
        "last": topic.last.isoformat(),
        "trend": topic.trend,
        "weekly": [{"week": f"{week:%Y-%m-%d}", "messages": n} for week, n in topic.weekly],
        "rows": topic.rows,
    }


def _time(written: str) -> datetime | None:
    plain = written.strip().replace("/", "-").replace("T", " ")[:19]
    for form in TIMES:
        try:
            return datetime.strptime(plain, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _votes(cells: dict[str, Any], column: str | None) -> int:
    written = (cells[column] or "").strip() if column else ""
    return (
        min(VOTES_MAX, int(written)) if written.isascii() and written.isdigit() and len(written) < 13 else 0
    )
