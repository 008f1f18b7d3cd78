"""Hot topics, without a database."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from yunnao.modules.cases.topics import domain
from yunnao.modules.cases.topics.contracts import Message, hot_topics
from yunnao.modules.cases.topics.domain import Book
from yunnao.modules.cases.topics.features import Rarity, counts
from yunnao.modules.cases.topics.naming import Phrases

START = datetime(2026, 3, 2, tzinfo=UTC)
PLANT = [
    "丽发新城旁边搅拌站噪音扰民",
    "搅拌站灰尘太大，丽发新城居民无法开窗",
    "请关停丽发新城附近的搅拌站",
    "丽发新城小区边上的搅拌站夜间施工",
]
PARKING = [
    "滨河苑捆绑销售车位不合理",
    "投诉滨河苑强制捆绑销售车位",
    "滨河苑买房必须捆绑买车位",
]
OTHERS = ["公交车间隔太长", "养老金什么时候发放", "医院挂号排队两小时", "幼儿园学费退费难"]


def messages(texts: list[str], **votes: int) -> list[Message]:
    return [
        Message(n, text, text, START + timedelta(days=3 * n), **votes)
        for n, text in enumerate(texts, start=1)
    ]


def test_messages_of_one_matter_are_found_together_and_named_by_what_they_share() -> None:
    found, _ = hot_topics(messages([*PLANT, *PARKING, *OTHERS]), 2)
    assert [topic.messages for topic in found] == [4, 3]
    assert [sorted(topic.rows) for topic in found] == [[1, 2, 3, 4], [5, 6, 7]]
    assert "搅拌站" in "".join(found[0].phrases)
    assert "捆绑" in "".join(found[1].phrases)


def test_topics_are_the_same_when_messages_come_one_by_one() -> None:
    texts = [*PLANT, *PARKING, *OTHERS]
    rarity, book, joined = Rarity(), Book.empty(), []
    rarity.learn(counts([(text, text) for text in texts]))
    for text in texts:
        joined += book.add(rarity.weighted(counts([(text, text)])))
    assert len({*joined[:4]}) == 1
    assert len({*joined[4:7]}) == 1
    assert len({*joined[7:]}) == len(OTHERS)


def test_a_topic_keeps_its_number_whatever_comes_later() -> None:
    rarity, book = Rarity(), Book.empty()
    texts = [*PLANT, *PARKING, *OTHERS]
    rarity.learn(counts([(text, text) for text in texts]))
    before = book.add(rarity.weighted(counts([(t, t) for t in [PLANT[0], PARKING[0]]])))
    after = book.add(rarity.weighted(counts([(t, t) for t in [PARKING[1], PLANT[1], OTHERS[0]]])))
    assert after[:2] == [before[1], before[0]]
    assert after[2] not in before


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("路灯不亮垃圾搅拌站车位公交", min_size=4, max_size=14), min_size=1, max_size=25))
def test_every_message_is_in_one_topic_and_none_is_counted_twice(texts: list[str]) -> None:
    rarity, book = Rarity(), Book.empty()
    found = counts([(text, text) for text in texts])
    rarity.learn(found)
    joined = book.add(rarity.weighted(found))
    into = book.consolidate()
    assert len(joined) == len(texts)
    assert set(joined) == set(range(book.topics))
    assert all(older < younger and older not in into for younger, older in into.items())
    live = [topic for topic in range(book.topics) if topic not in into]
    assert sum(book.sizes[live]) == len(texts)


def test_english_messages_come_together_by_words_not_by_letters() -> None:
    texts = [
        "Cement plant beside Lifa estate is far too loud at night",
        "Dust from the cement plant at Lifa estate",
        "Buses on line 12 are always late in the morning",
        "No answer about my pension since spring",
    ]
    found, in_all = hot_topics(messages(texts), 5)
    assert in_all == 3
    assert [1, 2] in [topic.rows for topic in found]


def test_heat_grows_with_people_votes_and_weeks_and_fades_with_silence() -> None:
    week = timedelta(weeks=1)

    def heat(n: int = 5, likes: int = 0, weeks: int = 1, silent: int = 0) -> float:
        return domain.heat(n, likes, 0, START, START + weeks * week, START + (weeks + silent) * week)

    assert heat(n=9) > heat()
    assert heat(likes=50) > heat()
    assert heat(weeks=6) > heat()
    assert heat(silent=26) < heat() / 1.9


def test_weeks_without_messages_are_in_the_series() -> None:
    series = domain.weekly([START, START + timedelta(days=1), START + timedelta(days=22)])
    assert [n for _, n in series] == [2, 0, 0, 1]
    assert domain.trend([0, 0, 0, 0, 2, 3, 4, 5]) > 1


def test_no_name_stands_in_one_message_only() -> None:
    titles = [*PLANT, *OTHERS]
    assert all(sum(phrase in t for t in PLANT) > 1 for phrase in Phrases(titles).name(PLANT))


def test_nothing_is_made_of_no_messages() -> None:
    assert hot_topics([], 5) == ([], 0)
