"""Rules told in words, as lists and editors show them."""

from pathlib import Path

import pytest

from yunnao.modules.sensing.rules.words import words_of
from yunnao.scenes.scene_pack import load_scene


@pytest.mark.parametrize(
    ("scene", "rule", "zh", "en"),
    [
        (
            "environment",
            "pm25-day",
            "细颗粒物 PM2.5在 1 天内的均值高于 75 微克/立方米",
            "Mean of Fine particles PM2.5 over 1 d above 75 µg/m³",
        ),
        (
            "waterlogging",
            "road-flooded",
            "积水深度高于 0.15 米，持续 1 分钟",
            "Water level above 0.15 m, for 1 min",
        ),
    ],
)
def test_a_rule_says_what_it_finds(scene: str, rule: str, zh: str, en: str) -> None:
    pack = load_scene(Path("scenes") / scene)
    found = pack.rules[rule]
    told = words_of(found, pack.products[found.product])
    assert (told.zh, told.en) == (zh, en)
