"""What a topic is called: the phrases that its messages share and others lack. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from math import log, sqrt

PHRASE_CHARS = (3, 12)
TITLES_READ_MAX = 200
SHARE_MIN = 0.25
"""Of a topic's titles that have a phrase; at least two, so that no one person's words name it."""
LONGER_SHARE_MIN = 0.7
"""A longer phrase stands for the shorter within it where it occurs this often as that one."""
PHRASES_MAX = 3
PLACE_ENDS = (
    "小区", "社区", "街道", "新城", "花园", "家园", "广场", "公园", "学校", "小学", "中学", "大学", "学院",
    "医院", "大道", "大桥", "路", "街", "巷", "村", "组", "镇", "乡", "苑", "府", "城", "区", "县", "市",
)  # fmt: skip

_RUN = re.compile(r"[^\W_]+")
_NO_PLACE = "".join(
    ("请问", "咨询", "反映", "投诉", "举报", "建议", "加快", "反对", "关于", "希望", "什么", "的在是")
)
_WHERE = re.compile(rf"[^\W_{_NO_PLACE}]{{2,8}}?(?:{'|'.join(PLACE_ENDS)})")


class Phrases:
    """In how many of all titles each phrase stands."""

    def __init__(self, titles: Sequence[str]) -> None:
        self._titles = len(titles)
        self._having: Counter[str] = Counter()
        for title in titles:
            self._having.update(_phrases(title))

    def name(self, titles: Sequence[str]) -> list[str]:
        """The most telling phrases of a topic's titles; its newest title's start where it has none."""
        read = list(titles[-TITLES_READ_MAX:])
        counted: Counter[str] = Counter()
        for title in read:
            counted.update(_phrases(title))
        least = max(2, SHARE_MIN * len(read))
        common = {phrase: n for phrase, n in counted.items() if n >= least}
        whole = {phrase: n for phrase, n in common.items() if not _within_longer(phrase, n, common)}
        told = "\n".join(read)
        # Of phrases that tell as much, the one that begins first: others begin in the middle of a word.
        scored = sorted(
            whole,
            key=lambda phrase: (
                -round(self._telling(phrase, whole[phrase], len(read)), 1),
                told.find(phrase),
            ),
        )
        chosen: list[str] = []
        for phrase in scored:
            if not any(_overlap(phrase, other) for other in chosen):
                chosen.append(phrase)
            if len(chosen) == PHRASES_MAX:
                break
        return chosen

    def _telling(self, phrase: str, n: int, of: int) -> float:
        elsewhere = self._having[phrase] - n
        return n / of * log((1 + self._titles) / (1 + elsewhere)) * sqrt(len(phrase))


def places(texts: Sequence[str]) -> list[str]:
    """Names that end as those of places do and stand in several of the texts, commonest first."""
    counted: Counter[str] = Counter()
    for text in texts[-TITLES_READ_MAX:]:
        counted.update(set(_WHERE.findall(text)))
    return [name for name, n in counted.most_common(PHRASES_MAX) if n >= max(2, SHARE_MIN * len(texts))]


def _phrases(title: str) -> set[str]:
    least, most = PHRASE_CHARS
    return {
        run[at : at + size]
        for run in _RUN.findall(title)
        for size in range(least, most + 1)
        for at in range(len(run) - size + 1)
    }


def _within_longer(phrase: str, n: int, common: dict[str, int]) -> bool:
    return any(
        len(other) > len(phrase) and phrase in other and m >= LONGER_SHARE_MIN * n
        for other, m in common.items()
    )


def _overlap(a: str, b: str) -> bool:
    """Whether two phrases say much the same: they share a run of half the shorter."""
    size = max(2, min(len(a), len(b)) // 2)
    return any(a[at : at + size] in b for at in range(len(a) - size + 1))
