"""Number plates found in photos before they are published: the share of plates that a blurred region covers.

Synthetic: a plate of each colour, 60 to 240 pixels wide, turned by up to 12 degrees, seen at a slant, under
different light, with grain and JPEG. A plate counts where regions cover 90 % of it. The baseline is the
same pictures by colour and shape alone, without reading. No picture of a person is in the repository, so
faces are not measured here. `YUNNAO_BENCH_PHOTOS` sets another number for trying.
"""

import io
import os
import time
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image
from tests.integration.photos_support import COLOURS, Street, jpeg_of, street

from yunnao.modules.cases.photos.contracts import Box
from yunnao.modules.cases.photos.plates import plates
from yunnao.modules.cases.photos.texts import texts

PHOTOS = 60
COVERED_MIN = 0.9
WIDTHS = (60, 90, 130, 180, 240)
ANGLES = (-12.0, -6.0, 0.0, 6.0, 12.0)


def run(quiet: bool = False) -> dict[str, Any]:
    count = int(os.environ.get("YUNNAO_BENCH_PHOTOS", PHOTOS))
    by_width: dict[int, list[bool]] = {}
    by_shape: list[bool] = []
    regions = 0
    began = time.perf_counter()
    for n in range(count):
        width, angle = WIDTHS[n % len(WIDTHS)], ANGLES[(n // len(WIDTHS)) % len(ANGLES)]
        made = street(n, width, colour=list(COLOURS)[n % len(COLOURS)], angle=angle)
        with Image.open(io.BytesIO(jpeg_of(made.image, 75))) as opened:
            image = np.asarray(opened.convert("RGB"), dtype=np.uint8)
        found = plates(image, texts(image))
        regions += len(found)
        by_width.setdefault(width, []).append(_covered(made, found))
        by_shape.append(_covered(made, plates(image, [])))
        if not quiet:
            print(f"{n + 1}/{count}: {width} px {angle:+.0f}°: {by_width[width][-1]}")
    every = [hit for hits in by_width.values() for hit in hits]
    value, baseline = sum(every) / len(every), sum(by_shape) / len(by_shape)
    return {
        "value": round(value, 4),
        "unit": "share of plates covered",
        "baseline": round(baseline, 4),
        "baseline_what": "colour and shape alone, the same pictures",
        "ratio": round(value / baseline, 3) if baseline else None,
        "details": {
            "photos": count,
            "by_width_px": {
                width: round(sum(hits) / len(hits), 3) for width, hits in sorted(by_width.items())
            },
            "regions_per_photo": round(regions / count, 2),
            "s_per_photo": round((time.perf_counter() - began) / count, 2),
        },
    }


def _covered(made: Street, found: Sequence[Box]) -> bool:
    """By the regions as they are blurred, with their margin."""
    height, width = made.image.shape[:2]
    plate = np.zeros((height, width), np.uint8)
    cv2.fillPoly(plate, [made.corners.astype(np.int32)], 1)
    hidden = np.zeros((height, width), bool)
    for region in found:
        box = region.grown(0.15, width, height)
        hidden[box.top : box.bottom, box.left : box.right] = True
    return bool(hidden[plate == 1].mean() >= COVERED_MIN)
