"""Number plates in photos: how they are known by what is written, and that blurring cannot be undone."""

import cv2
import numpy as np
import pytest

from yunnao.modules.cases.photos.blurring import blurred
from yunnao.modules.cases.photos.contracts import Box
from yunnao.modules.cases.photos.plates import plate_like, plates


@pytest.mark.parametrize(
    "text",
    [
        "鲁B12345",
        "鲁B·12K45",
        "京AD12345",
        "粤B F1234警".replace(" ", ""),
        "鲁 B-1234学",
        "鲁B·12K4S",
        "B12K45",
        "鲁B1Z345",
    ],
)
def test_what_could_be_a_plate_is_taken_for_one(text: str) -> None:
    assert plate_like(text)


@pytest.mark.parametrize(
    "text", ["香港中路", "EXIT", "2026-11-21", "限速60", "12345", "", "停车场入口", "OPEN"]
)
def test_other_writing_is_left_alone(text: str) -> None:
    assert not plate_like(text)


def test_a_region_of_a_plates_colour_and_shape_is_found_without_being_read() -> None:
    image = np.full((480, 640, 3), 128, np.uint8)
    image[200:240, 300:426] = (10, 60, 160)
    for x in range(306, 420, 14):
        cv2.putText(image, "#", (x, 232), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    found = plates(image, [])
    assert any(box.left <= 304 and box.right >= 422 for box in found)
    wall = np.full((480, 640, 3), 128, np.uint8)
    wall[100:300, 100:600] = (10, 60, 160)
    assert plates(wall, []) == []


def test_of_a_blurred_region_only_averages_of_large_cells_remain() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (200, 400, 3)).astype(np.uint8)
    shown = blurred(image, [Box(100, 50, 200, 100)])
    inside = shown[50:100, 100:200]
    assert len(np.unique(inside.reshape(-1, 3), axis=0)) <= 120
    assert np.array_equal(shown[:, :60], image[:, :60])
    assert np.array_equal(image[50:100, 100:200], rng_image()[50:100, 100:200])


def rng_image() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (200, 400, 3)).astype(np.uint8)


def test_a_region_at_the_edge_stays_within_the_picture() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    for box in (Box(0, 0, 20, 20), Box(18, 18, 20, 20), Box(0, 19, 20, 20)):
        assert blurred(image, [box]).shape == image.shape
