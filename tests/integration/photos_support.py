"""Pictures made for tests: streets of noise with number plates on them. No picture of a person."""

from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

PLATES = ("鲁B·12K45", "京A·D8888", "沪C·8K6T2", "粤B·6F39Q", "浙A·77P01")
COLOURS = {"blue": ((10, 60, 160), (255, 255, 255)), "green": (
    (120, 200, 130), (10, 20, 10)), "yellow": ((240, 190, 20), (10, 10, 10))}  # fmt: skip


@dataclass(frozen=True)
class Street:
    """A picture (RGB) and the corners of the plate on it."""

    image: np.ndarray
    corners: np.ndarray


def plate(text: str, colour: str = "blue") -> np.ndarray:
    """440 by 140 pixels, as a plate has millimetres (GA 36-2018)."""
    ground, ink = COLOURS[colour]
    image = np.full((140, 440, 3), ground, np.uint8)
    cv2.putText(image, text, (18, 100), ink, cv2.FontFace("uni"), 78, 600)
    cv2.rectangle(image, (4, 4), (435, 135), ink, 3)
    return image


def street(
    seed: int, width: int, *, colour: str = "blue", angle: float = 0.0, size: tuple[int, int] = (1280, 960)
) -> Street:
    """A plate of `width` pixels, turned by `angle` degrees and seen at a slant, somewhere in a picture."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(70, 190, (size[1] // 8, size[0] // 8, 3)).astype(np.uint8)
    image = cv2.GaussianBlur(cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC), (0, 0), 4)
    height = width * 140 / 440
    centre = np.array([rng.uniform(width, size[0] - width), rng.uniform(width, size[1] - width)])
    slant = rng.uniform(-0.08, 0.08) * height
    square = (
        np.array([[-width, -height], [width, -height + slant], [width, height - slant], [-width, height]]) / 2
    )
    turn = np.deg2rad(angle)
    corners = square @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + centre
    source = np.array([[0, 0], [440, 0], [440, 140], [0, 140]], np.float32)
    warp = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    drawn = plate(str(rng.choice(PLATES)), colour)
    flags = cv2.INTER_AREA
    laid = cv2.warpPerspective(drawn, warp, size, flags=flags)
    mask = cv2.warpPerspective(np.full(drawn.shape[:2], 255, np.uint8), warp, size)
    image[mask > 127] = laid[mask > 127]
    light = rng.uniform(0.6, 1.15)
    grain = rng.normal(0, 5, image.shape)
    return Street(np.clip(image * light + grain, 0, 255).astype(np.uint8), corners)


def jpeg_of(image: np.ndarray, quality: int = 85) -> bytes:
    out = BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=quality)
    return out.getvalue()
