"""Numbers as people read them, and the explanation of a place in a ranking."""

from yunnao.kernel.packs.indicators import Indicator
from yunnao.kernel.text import DEFAULT_LANGUAGE, Language, Text, say
from yunnao.modules.cases.evaluation.ranking import Ranked

NOTHING = "–"


def shown(unit: str, value: float | None, language: Language = DEFAULT_LANGUAGE) -> str:
    """A number in its unit: `93.4 %`, `12.5 h`, `4.37`, `1,204`; a dash where there is none."""
    if value is None:
        return NOTHING
    if unit == "percent":
        return f"{value * 100:.1f} %"
    if unit == "hours":
        return f"{value:,.1f} {say('evaluation_unit_hours', language)}"
    return f"{value:.2f}" if unit == "score" else f"{value:,.0f}"


def ranked_words(spec: Indicator, whole: float | None, place: Ranked, name: Text, cases_min: int) -> Text:
    """How a place came about, or why there is none."""

    def told(language: Language) -> str:
        def number(value: float | None) -> str:
            return shown(spec.unit, value, language)

        code = "ranking_words_few_cases" if place.excluded else "ranking_words_ranked"
        return say(
            code,
            language,
            name=name,
            rank=place.rank,
            cases=f"{place.sums.denominator:,}",
            value=number(place.value),
            low=number(place.low),
            high=number(place.high),
            expected=number(place.expected),
            adjusted=number(place.adjusted),
            whole=number(whole),
            fair=number(place.fair),
            weight=f"{place.weight * 100:.0f} %",
            minimum=cases_min,
        )

    return Text(zh=told("zh"), en=told("en"))
