"""Districts and streets that a text names, for reports that come without a position. Pure."""

import re
from collections import Counter
from collections.abc import Iterable

from yunnao.modules.cases.dispatch.decision import Place
from yunnao.modules.geography.contracts import Area

NAME_CHARS_MIN = 3
"""Shorter names (市北, 中山) are parts of other words and of roads' names too often."""


class Gazetteer:
    """The city's areas by their Chinese names; all are looked for in one pass over a text."""

    def __init__(self, areas: Iterable[Area]) -> None:
        named = [area for area in areas if len(area.name.zh) >= NAME_CHARS_MIN]
        counts = Counter(area.name.zh for area in named)
        # A name that two areas bear tells neither.
        self._areas = {area.name.zh: area for area in named if counts[area.name.zh] == 1}
        longest_first = sorted(self._areas, key=lambda name: (-len(name), name))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def find(self, text: str) -> Place:
        """The one district and street that the text names; none where it names several."""
        found = {self._areas[name] for name in self._pattern.findall(text)} if self._pattern else set()
        streets = {area.code for area in found if area.level == "street"}
        districts = {area.code if area.level == "district" else area.parent for area in found} - {None}
        if len(districts) != 1:
            return Place()
        return Place(districts.pop(), streets.pop() if len(streets) == 1 else None, named=True)
