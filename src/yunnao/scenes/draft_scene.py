"""A draft of a scene pack that passes its own check."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from yunnao.kernel.errors import Conflict, InvalidInput

_slug = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
name_chars_max = 50


def draft_scene(scenes: Path, name: str) -> Path:
    """Writes the draft to `scenes/<name>/`; the new folder.

    Raises InvalidInput `scene_name_invalid`, Conflict where the folder exists.
    """
    if not _slug.match(name) or len(name) > name_chars_max:
        raise InvalidInput("scene_name_invalid", given=name)
    folder = scenes / name
    if folder.exists():
        raise Conflict("pack_exists", folder=str(folder))
    entity_type = "".join(part.capitalize() for part in name.split("-"))
    values = {"scene": name, "type": entity_type}
    _copy(files("yunnao").joinpath("data", "scene"), folder, values)
    return folder


def _copy(source: Traversable, target: Path, values: dict[str, str]) -> None:
    target.mkdir(parents=True)
    for item in source.iterdir():
        if item.is_dir():
            _copy(item, target / item.name, values)
        else:
            text = Template(item.read_text(encoding="utf-8")).substitute(values)
            (target / item.name).write_text(text, encoding="utf-8")
