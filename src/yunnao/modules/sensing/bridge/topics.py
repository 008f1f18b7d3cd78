"""Topics of other brokers as products and devices of ours (MQTT 5.0, section 4.7)."""

import re
from functools import cached_property

from pydantic import Field, model_validator

from yunnao.kernel.packs.common import Model

PLACE = re.compile(r"\{(\d+)\}")


class TopicMapping(Model):
    """A topic filter, and which product and device a topic that it matches stands for.

    `{1}` is what the first `+` of the filter matched, `{2}` the second.
    """

    filter: str = Field(min_length=1, max_length=512)
    product: str = Field(min_length=1, description="A product's name, or a place such as {1}.")
    device: str = Field(min_length=1, description="E.g. {2}, or WATER-{1}.")

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        levels = ["([^/]*)" if level == "+" else re.escape(level) for level in self._levels]
        if levels[-1] != re.escape("#"):
            return re.compile("/".join(levels))
        # `a/#` matches `a` as well (section 4.7.1.2).
        return re.compile("/".join(levels[:-1]) + "(?:/.*)?" if levels[:-1] else ".*", re.DOTALL)

    @property
    def _levels(self) -> list[str]:
        return self.filter.split("/")

    def named(self, topic: str) -> tuple[str, str] | None:
        """Product and device of a topic; None where the filter does not match it."""
        matched = self._pattern.fullmatch(topic)
        if matched is None:
            return None
        return self._filled(self.product, matched), self._filled(self.device, matched)

    @staticmethod
    def _filled(template: str, matched: re.Match[str]) -> str:
        return PLACE.sub(lambda place: matched[int(place[1])], template)

    @model_validator(mode="after")
    def _sound(self) -> "TopicMapping":
        levels = self._levels
        for position, level in enumerate(levels):
            if ("+" in level and level != "+") or ("#" in level and level != "#"):
                raise ValueError(f"a wildcard is a whole level of the filter: {level}")
            if level == "#" and position < len(levels) - 1:
                raise ValueError("# is the last level of a filter")
        places = {int(place) for text in (self.product, self.device) for place in PLACE.findall(text)}
        wrong = sorted(places - set(range(1, levels.count("+") + 1)))
        if wrong:
            raise ValueError(f"the filter has no such place: {wrong}")
        return self
