"""What is written in a photo, read offline by RapidOCR (PP-OCR models, in its package)."""

from functools import cache
from typing import Any

import numpy as np

from yunnao.modules.cases.photos.contracts import Box, FoundText

SCORE_MIN = 0.5
LINES_MAX = 200
LINE_CHARS_MAX = 200
TEXT_CHARS_MAX = 4_000
THREADS = 1
"""Reading is work in the background: it leaves the other processors to who waits for an answer."""

Image = np.ndarray[Any, np.dtype[np.uint8]]


def texts(image: Image) -> list[FoundText]:
    """Lines of text in an RGB image, in reading order; those that are hardly read too, for their boxes."""
    read = _engine()(image[:, :, ::-1])
    if read.boxes is None:
        return []
    found = []
    for corners, text, score in list(zip(read.boxes, read.txts, read.scores, strict=True))[:LINES_MAX]:
        xs, ys = [float(x) for x, _ in corners], [float(y) for _, y in corners]
        box = Box(max(0, int(min(xs))), max(0, int(min(ys))), int(max(xs)) + 1, int(max(ys)) + 1)
        found.append(FoundText(str(text)[:LINE_CHARS_MAX].replace("\x00", ""), float(score), box))
    return found


def joined(found: list[FoundText]) -> str:
    """The lines that were read well, one below the other."""
    return "\n".join(each.text for each in found if each.score >= SCORE_MIN)[:TEXT_CHARS_MAX]


@cache
def _engine() -> Any:
    """Takes a second and 100 MB, so it is made for the first photo and kept."""
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.text_score": 0.1,
            "Global.max_side_len": 2_560,
            "EngineConfig.onnxruntime.intra_op_num_threads": THREADS,
            "EngineConfig.onnxruntime.inter_op_num_threads": THREADS,
        }
    )
