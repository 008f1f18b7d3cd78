"""One dispatch: category, department, confidence, automatic or not, and why, in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from yunnao.kernel.text import Text, say
from yunnao.modules.cases.dispatch.duty import DutyRow, Offices, responsible
from yunnao.modules.cases.dispatch.model import Guess, Prediction

CHOSEN_CONFIDENCE = 0.9
"""A citizen's own choice of a service where the text does not contradict it; an assumption until
re-assignments tell the share of right choices."""
CERTAIN_SOURCES = frozenset({"alarm", "officer"})
"""Doors where who names a category knows it: a rule of a pack, an officer on the spot."""


@dataclass(frozen=True)
class Matrix:
    """What the decision is made by: names are for the reasons."""

    rows: Sequence[DutyRow]
    offices: Offices
    fallback: str
    threshold: float
    path: Callable[[str], Sequence[str]]
    category_name: Callable[[str], Text]
    department_name: Callable[[str], Text]
    area_name: Callable[[str], Text]
    threshold_of: Callable[[str], float] | None = None
    """The threshold of a category that the text tells, where the city promises a precision."""

    def bound(self, category: str | None) -> float:
        if category is None or self.threshold_of is None:
            return self.threshold
        # Above 1 stands for out of reach, and no told confidence reaches 1.
        return min(1.0, self.threshold_of(category))


@dataclass(frozen=True)
class Place:
    """The areas of a case, as codes; `named`: by the text, where there is no position."""

    district: str | None = None
    street: str | None = None
    named: bool = False


@dataclass(frozen=True)
class Dispatch:
    """The outcome; `category` is None where nothing could be said."""

    category: str | None
    department: str
    confidence: float
    threshold: float
    automatic: bool
    reasons: tuple[Text, ...]
    alternatives: tuple[Guess, ...]


def decide(
    matrix: Matrix, source: str, given: str | None, prediction: Prediction | None, place: Place
) -> Dispatch:
    """Dispatches by a category that was `given`, else by the likeliest of `prediction`."""
    reasons: list[Text] = []
    category, confidence, doubt = _category(matrix, source, given, prediction, reasons)
    found = responsible(
        matrix.rows, matrix.path(category) if category else (), place.district, place.street,
        matrix.offices, matrix.fallback,
    )  # fmt: skip
    reasons.append(_where(matrix, place))
    reasons.append(_duty(matrix, found.row, found.department))
    if found.place_missing:
        reasons.append(_say("dispatch_reason_place_missing"))
    threshold = matrix.threshold if given is not None else matrix.bound(category)
    if confidence < threshold:
        reasons.append(
            _say(
                "dispatch_reason_unsure",
                confidence=_percent(confidence),
                threshold=_percent(threshold),
            )
        )
    automatic = not doubt and confidence >= threshold and not found.place_missing
    guesses = prediction.guesses if prediction else ()
    return Dispatch(
        category,
        found.department,
        confidence,
        threshold,
        automatic and category is not None,
        tuple(reasons),
        tuple(guess for guess in guesses if guess.category != category),
    )


def _category(
    matrix: Matrix, source: str, given: str | None, prediction: Prediction | None, reasons: list[Text]
) -> tuple[str | None, float, bool]:
    """Category, confidence, and whether something speaks against it."""
    if given is not None and source in CERTAIN_SOURCES:
        code = "dispatch_reason_rule" if source == "alarm" else "dispatch_reason_officer"
        reasons.append(_say_names(code, category=matrix.category_name(given)))
        return given, 1.0, False
    best = prediction.guesses[0] if prediction and prediction.guesses else None
    if given is not None:
        reasons.append(_say_names("dispatch_reason_chosen", category=matrix.category_name(given)))
        related = best is not None and (
            given in matrix.path(best.category) or best.category in matrix.path(given)
        )
        if best is None or related or best.confidence < matrix.bound(best.category):
            return given, max(CHOSEN_CONFIDENCE, best.confidence if best and related else 0.0), False
        reasons.append(
            _say_names(
                "dispatch_reason_conflict",
                category=matrix.category_name(best.category),
                words=_words(prediction.words if prediction else ()),
            )
        )
        return given, 1.0 - best.confidence, True
    if best is None:
        reasons.append(_say("dispatch_reason_untaught"))
        return None, 0.0, True
    reasons.append(
        _say_names(
            "dispatch_reason_words" if prediction and prediction.words else "dispatch_reason_text",
            category=matrix.category_name(best.category),
            words=_words(prediction.words if prediction else ()),
            confidence=Text(zh=_percent(best.confidence), en=_percent(best.confidence)),
        )
    )
    return best.category, best.confidence, False


def _where(matrix: Matrix, place: Place) -> Text:
    if place.district is None:
        return _say("dispatch_reason_no_place")
    names = [matrix.area_name(code) for code in (place.district, place.street) if code]
    area = Text(zh="".join(name.zh for name in names), en=", ".join(name.en for name in reversed(names)))
    return _say_names("dispatch_reason_area_named" if place.named else "dispatch_reason_area", area=area)


def _duty(matrix: Matrix, row: DutyRow | None, department: str) -> Text:
    name = matrix.department_name(department)
    if row is None:
        return _say_names("dispatch_reason_fallback", department=name)
    return _say_names(
        "dispatch_reason_duty",
        department=name,
        category=matrix.category_name(row.category) if row.category else _say("every_category"),
        area=matrix.area_name(row.area) if row.area else _say("whole_city"),
    )


def _words(words: Sequence[str]) -> Text:
    return Text(zh="、".join(f"“{word}”" for word in words), en=", ".join(f'"{word}"' for word in words))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _say(code: str, **params: str) -> Text:
    return Text(zh=say(code, "zh", **params), en=say(code, "en", **params))


def _say_names(code: str, **params: Text) -> Text:
    names: Mapping[str, Text] = params
    return Text(
        zh=say(code, "zh", **{key: value.zh for key, value in names.items()}),
        en=say(code, "en", **{key: value.en for key, value in names.items()}),
    )
