"""Number plates in a photo: by what is written (GA 36-2018) and by their colour and shape."""

import re
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from yunnao.modules.cases.photos.contracts import Box, FoundText

Image = np.ndarray[Any, np.dtype[np.uint8]]

PROVINCES = "".join(("京津沪渝冀豫云辽", "黑湘皖鲁新苏浙赣", "鄂桂甘晋蒙陕吉闽", "贵粤青藏川宁琼", "使领"))
"""Abbreviations of the provinces, and those of embassies and consulates."""
_PLATE = re.compile(rf"[{PROVINCES}][A-Z][·•.\-\s]?[A-HJ-NP-Z0-9]{{4,6}}[A-HJ-NP-Z0-9挂学警港澳]")
_LOOSE = re.compile(r"[A-Z0-9]{5,9}")

RATIO_MIN, RATIO_MAX = 1.6, 6.5
"""Width to height. A plate is 440 by 140 mm (480 by 140 for new energy), seen at a slant it is narrower."""
AREA_SHARE_MIN = 0.000_05
AREA_SHARE_MAX = 0.2
FILLED_MIN = 0.55
EDGES_MIN = 0.06
"""Characters make edges; a blue wall has few."""
HUES = {
    "blue": ((95, 90, 50), (130, 255, 255)),
    "green": ((38, 50, 70), (88, 255, 255)),
    "yellow": ((12, 110, 90), (34, 255, 255)),
}
"""HSV as OpenCV counts it (hue to 180): small cars, new energy, large cars and trailers."""


def plate_like(text: str) -> bool:
    """Whether a line could be a plate's. Loose, since a misread plate is a plate."""
    plain = re.sub(r"[\s·•.\-:]", "", text.upper())
    if _PLATE.search(text.upper()) or _PLATE.search(plain):
        return True
    bare = plain[1:] if plain[:1] and not plain[0].isascii() else plain
    digits = sum(character.isdigit() for character in bare)
    return bool(_LOOSE.fullmatch(bare)) and 2 <= digits < len(bare)


def plates(image: Image, texts: Sequence[FoundText]) -> list[Box]:
    """Plates in an RGB image: lines that could be one's, and regions of a plate's colour and shape."""
    return [found.box for found in texts if plate_like(found.text)] + _coloured(image)


def _coloured(image: Image) -> list[Box]:
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    edges = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 80, 200)
    area = image.shape[0] * image.shape[1]
    found: list[Box] = []
    for low, high in HUES.values():
        mask = cv2.inRange(hsv, np.array(low, np.uint8), np.array(high, np.uint8))
        # Characters are holes in the colour; closing makes one region of a plate.
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_RECT, (9, 5)))
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for contour in contours:
            x, y, width, height = cv2.boundingRect(contour)
            share = width * height / area
            if not (AREA_SHARE_MIN <= share <= AREA_SHARE_MAX and RATIO_MIN <= width / height <= RATIO_MAX):
                continue
            if cv2.contourArea(contour) < FILLED_MIN * width * height:
                continue
            if float(np.mean(edges[y : y + height, x : x + width] > 0)) >= EDGES_MIN:
                found.append(Box(x, y, x + width, y + height))
    return found
