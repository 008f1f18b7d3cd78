"""What is found in photos: frozen values. Pixels count from the upper left corner of the upright photo."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels: left and upper edge within, right and lower beyond."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def grown(self, share: float, width: int, height: int) -> "Box":
        """Larger by `share` of its sides on each, within a picture of `width` by `height`."""
        dx, dy = round(self.width * share) + 2, round(self.height * share) + 2
        return Box(
            max(0, self.left - dx),
            max(0, self.top - dy),
            min(width, self.right + dx),
            min(height, self.bottom + dy),
        )


@dataclass(frozen=True)
class FoundText:
    """A line of text in a photo; `score` from 0 to 1."""

    text: str
    score: float
    box: Box


@dataclass(frozen=True)
class Prepared:
    """A photo as it may be published, and what is written in it. `blurred` counts regions."""

    photo: bytes
    thumb: bytes
    blurred: int
    text: str
