"""The hot topics of a set of messages, whole: found, named, ranked. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from yunnao.modules.cases.topics import domain
from yunnao.modules.cases.topics.features import Rarity, counts
from yunnao.modules.cases.topics.naming import Phrases, places


@dataclass(frozen=True)
class Message:
    """One message. `row` is its place in the source, from 1, the header not counted."""

    row: int
    title: str
    text: str
    time: datetime
    likes: int = 0
    dislikes: int = 0


@dataclass(frozen=True)
class Topic:
    """Messages of one matter."""

    phrases: list[str]
    places: list[str]
    heat: float
    messages: int
    likes: int
    dislikes: int
    first: datetime
    last: datetime
    trend: float
    weekly: list[tuple[datetime, int]]
    rows: list[int]


def cluster(messages: Sequence[Message]) -> list[int]:
    """The topic of each message, numbered in the order in which topics begin; messages in time's order."""
    found = counts([(each.title, each.text) for each in messages])
    rarity = Rarity()
    rarity.learn(found)
    book = domain.Book.empty()
    joined = book.add(rarity.weighted(found))
    into = book.consolidate()
    return [into.get(topic, topic) for topic in joined]


def hot_topics(
    messages: Sequence[Message], top: int, half_life_weeks: float = domain.HALF_LIFE_WEEKS
) -> tuple[list[Topic], int]:
    """The `top` hottest topics as they are at the newest message, and how many there are in all."""
    ordered = sorted(messages, key=lambda each: (each.time, each.row))
    if not ordered:
        return [], 0
    members: dict[int, list[Message]] = {}
    for message, topic in zip(ordered, cluster(ordered), strict=True):
        members.setdefault(topic, []).append(message)
    now = ordered[-1].time

    def heat_of(of: list[Message]) -> float:
        likes, dislikes = sum(m.likes for m in of), sum(m.dislikes for m in of)
        return domain.heat(len(of), likes, dislikes, of[0].time, of[-1].time, now, half_life_weeks)

    ranked = sorted(members.values(), key=lambda of: -heat_of(of))[:top]
    phrases = Phrases([each.title for each in ordered])
    return [_topic(of, heat_of(of), phrases, now) for of in ranked], len(members)


def _topic(of: list[Message], heat: float, phrases: Phrases, now: datetime) -> Topic:
    titles = [each.title for each in of]
    weekly = domain.weekly([each.time for each in of])
    until_now = domain.weekly([each.time for each in of] + [now])
    series = [n for _, n in until_now[:-1]] + [until_now[-1][1] - 1]
    return Topic(
        phrases=phrases.name(titles) or [titles[-1][:40]],
        places=places(titles),
        heat=round(heat, 2),
        messages=len(of),
        likes=sum(each.likes for each in of),
        dislikes=sum(each.dislikes for each in of),
        first=of[0].time,
        last=of[-1].time,
        trend=domain.trend(series),
        weekly=weekly,
        rows=[each.row for each in of],
    )
