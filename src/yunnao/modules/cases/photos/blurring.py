"""The copy of a photo that may be published: faces and number plates cannot be recovered from it."""

import io
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pictures

from yunnao.modules.cases.photos.contracts import Box, Prepared
from yunnao.modules.cases.photos.decoding import THUMB_PIXELS_MAX, jpeg
from yunnao.modules.cases.photos.faces import faces
from yunnao.modules.cases.photos.plates import plate_like, plates
from yunnao.modules.cases.photos.texts import joined, texts

MARGIN = 0.15
"""Of a region's sides: a detector's frame often cuts the chin or a plate's first character."""
CELLS = 5
"""A region becomes so many cells across its shorter side: far fewer than a face or a character needs."""

Image = np.ndarray[Any, np.dtype[np.uint8]]


def prepare(content: bytes) -> Prepared:
    """Reads, finds, blurs. Raises Unavailable where no detector is installed; takes seconds."""
    with Pictures.open(io.BytesIO(content)) as opened:
        image = np.asarray(opened.convert("RGB"), dtype=np.uint8)
    written = texts(image)
    regions = [*faces(image), *plates(image, written)]
    picture = Pictures.fromarray(blurred(image, regions))
    thumb = picture.copy()
    thumb.thumbnail((THUMB_PIXELS_MAX, THUMB_PIXELS_MAX))
    # A plate's number is personal data: it helps nobody to find the case by it.
    kept = [each for each in written if not plate_like(each.text)]
    return Prepared(jpeg(picture), jpeg(thumb), len(regions), joined(kept))


def blurred(image: Image, regions: Sequence[Box]) -> Image:
    """A copy in which each region is a few cells, smoothed. Averages of cells are all that remains."""
    shown = image.copy()
    height, width = image.shape[:2]
    for region in regions:
        box = region.grown(MARGIN, width, height)
        if box.width < 1 or box.height < 1:
            continue
        across = max(1, round(CELLS * box.width / min(box.width, box.height)))
        down = max(1, round(CELLS * box.height / min(box.width, box.height)))
        part = shown[box.top : box.bottom, box.left : box.right]
        cells = cv2.resize(part, (across, down), interpolation=cv2.INTER_AREA)
        shown[box.top : box.bottom, box.left : box.right] = cv2.resize(
            cells, (box.width, box.height), interpolation=cv2.INTER_NEAREST
        )
    return shown
