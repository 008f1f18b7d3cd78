"""The pack engine: loads, checks, compares and documents packs of cities and scenes.

A pack is data (`yunnao.kernel.packs`). The engine reads a folder, collects every problem with its
file and line, and gives either the whole pack or `PackRefused` with all of them.
"""

from yunnao.scenes.city_pack import load_city
from yunnao.scenes.difference import Difference, diff
from yunnao.scenes.problems import PackRefused, Problem
from yunnao.scenes.scene_pack import load_scene, load_scenes, with_requirements
from yunnao.scenes.source import pack_digest

__all__ = [
    "Difference",
    "PackRefused",
    "Problem",
    "diff",
    "load_city",
    "load_scene",
    "load_scenes",
    "pack_digest",
    "with_requirements",
]
