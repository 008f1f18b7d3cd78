"""What a rule, or the city for all of its rules, declares of its alarms' life."""

from typing import Literal

from pydantic import Field

from yunnao.kernel.packs.common import Model, Severity, Slug


class EscalationLevel(Model):
    """A step that an alarm takes while nobody has acknowledged it."""

    after_s: float = Field(gt=0, description="Since the alarm opened, or came back, or took the step before.")
    severity: Severity | None = Field(None, description="From then on, where it is higher; none: the same.")


class FloodLimit(Model):
    """Where many alarms of a rule become one: more than `openings_max` within `window_s`."""

    openings_max: int = Field(50, ge=1)
    window_s: float = Field(300, gt=0)
    by: Literal["rule", "district"] = Field(
        "rule", description="district: counted, and summarised, for each district on its own."
    )


class CauseLink(Model):
    """A relation of the twin along which trouble travels."""

    relation: str = Field(min_length=1, max_length=128, description="The relation's name in the twin.")
    points_to: Literal["cause", "effect"] = Field(
        "cause",
        description="cause: the thing in trouble points to what it depends on (`poweredBy`); "
        "effect: the cause points to what depends on it (`feeds`).",
    )


class Grouping(Model):
    """When an alarm of the rule lies beneath another one, its probable cause."""

    within_s: float = Field(300, gt=0, description="Between the openings of the two.")
    links: list[CauseLink] = Field([], description="Things related by any of these, one after another.")
    hops_max: int = Field(3, ge=1, le=8, description="The longest way along `links`.")
    gateway: bool = Field(
        False, description="Alarms of devices lie beneath one of the gateway that speaks for them."
    )
    same_place_m: float | None = Field(
        None,
        gt=0,
        description="Beneath the first alarm within this distance, metres; none: never.",
    )
    under: list[Slug] = Field([], description="Rules whose alarms may be the cause; none: every rule.")
    case: Literal["root", "each"] = Field("root", description="Who raises a case: the cause alone, or each.")


class AlarmDefaults(Model):
    """Of a city: what holds where a rule says nothing."""

    escalation: dict[Severity, list[EscalationLevel]] = Field(
        {
            "severe": [EscalationLevel(after_s=1800, severity="extreme")],
            "extreme": [EscalationLevel(after_s=900), EscalationLevel(after_s=900)],
        },
        description="By the severity that an alarm opens with.",
    )
    flood: FloodLimit = FloodLimit()
