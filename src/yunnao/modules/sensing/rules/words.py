"""Rules as people say them: one sentence of the catalogue a condition, joined."""

from yunnao.kernel.packs.rule_base import RuleBase
from yunnao.kernel.packs.scene import Product
from yunnao.kernel.packs.scheduled_rules import (
    ForecastRule,
    NeighboursRule,
    SameHourRule,
    ScheduledRule,
    WindowRule,
)
from yunnao.kernel.packs.streaming_rules import (
    RangeRule,
    RateRule,
    ReadingRule,
    SilenceRule,
    StuckRule,
    ThresholdRule,
)
from yunnao.kernel.text import Language, Text, say


def words_of(rule: RuleBase, product: Product | None) -> Text:
    """The rule's condition in both languages."""
    return Text(zh=_said(rule, product, "zh"), en=_said(rule, product, "en"))


def duration(seconds: float, language: Language) -> str:
    """Seconds in the largest unit that keeps them whole."""
    for code, unit in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= unit and seconds % unit == 0:
            return say(f"duration_{code}", language, n=f"{seconds / unit:g}")
    return say("duration_seconds", language, n=f"{seconds:g}")


def _said(rule: RuleBase, product: Product | None, language: Language) -> str:
    parts = [_condition(rule, product, language)]
    if isinstance(rule, ReadingRule):
        if rule.for_s and not isinstance(rule, StuckRule):
            parts.append(say("rule_words_for", language, time=duration(rule.for_s, language)))
        if rule.readings > 1:
            parts.append(say("rule_words_readings", language, n=rule.readings))
    if rule.active is not None:
        hours = ", ".join(f"{start}–{end}" for start, end in rule.active.hours)
        days = say(f"rule_days_{rule.active.days}", language)
        parts.append(say("rule_words_active", language, days=days, hours=hours))
    return say("rule_words_joint", language).join(parts)


def _condition(rule: RuleBase, product: Product | None, language: Language) -> str:
    if isinstance(rule, SilenceRule):
        return say("rule_words_silence", language, time=duration(rule.after_s, language))
    if isinstance(rule, ScheduledRule):
        return _scheduled(rule, _named(rule.metric, product, language), language)
    if not isinstance(rule, ReadingRule):
        return say(f"rule_operator_{_operator(rule)}", language)
    named = _named(rule.metric, product, language)
    match rule:
        case ThresholdRule():
            bound = rule.above if rule.above is not None else rule.below
            side = "above" if rule.above is not None else "below"
            if rule.relative_to is not None:
                of = {"bound": f"{100 * (bound or 0):g}%", "attribute": rule.relative_to}
                return say(f"rule_words_{side}_share", language, **named, **of).strip()
            return say(f"rule_words_{side}", language, **named, bound=f"{bound:g}").strip()
        case RangeRule():
            band = {"low": f"{rule.minimum:g}", "high": f"{rule.maximum:g}"}
            return say(f"rule_words_{rule.when}", language, **named, **band).strip()
        case RateRule():
            per = say("rule_per_minute" if rule.per_minute is not None else "rule_per_hour", language)
            return say(
                f"rule_words_rate_{rule.direction}", language, **named, bound=f"{rule.bound:g}", per=per
            )
        case StuckRule():
            return say("rule_words_stuck", language, **named, time=duration(rule.for_s, language))
    return say(f"rule_operator_{_operator(rule)}", language)


def _named(name: str, product: Product | None, language: Language) -> dict[str, str]:
    """The metric and its unit as people say them."""
    metric = product.metrics.get(name) if product is not None else None
    return {
        "metric": metric.label.to(language) if metric is not None else name,
        "unit": metric.unit_label.to(language) if metric is not None and metric.unit_label else "",
    }


def _scheduled(rule: ScheduledRule, named: dict[str, str], language: Language) -> str:
    bound = rule.above if rule.above is not None else rule.below
    side = "above" if rule.above is not None else "below"
    match rule:
        case WindowRule():
            statistic = say(f"rule_statistic_{rule.statistic}", language)
            time = duration(rule.window_s, language)
            named = {**named, "unit": "" if rule.statistic == "count" else named["unit"]}
            told = {"statistic": statistic, "time": time, "bound": f"{bound:g}"}
            return say(f"rule_words_window_{side}", language, **named, **told).strip()
        case SameHourRule() | NeighboursRule() if rule.above is not None:
            distance = say(f"rule_distance_{rule.measure}", language, n=f"{bound:g}", unit=named["unit"])
            code = f"rule_words_{_operator(rule)}"
            return say(code, language, metric=named["metric"], distance=distance.strip())
        case ForecastRule():
            return say("rule_words_forecast", language, metric=named["metric"])
    return say(f"rule_operator_{_operator(rule)}", language)


def _operator(rule: RuleBase) -> str:
    return str(getattr(rule, "operator", "")).replace("-", "_")
