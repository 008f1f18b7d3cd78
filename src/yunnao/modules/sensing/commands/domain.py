"""What a command may say, and when it is sent again: pure rules."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.commands import Command, Parameter

resend_s_max = 300.0
text_chars_max = 1_000


def checked(name: str, command: Command, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, if they fit. Raises InvalidInput `command_parameter_*`."""
    for parameter in given:
        if parameter not in command.parameters:
            raise InvalidInput("command_parameter_unknown", command=name, parameter=parameter)
    found: dict[str, Any] = {}
    for parameter, spec in command.parameters.items():
        if parameter in given:
            if not _fits(spec, given[parameter]):
                raise InvalidInput("command_parameter_invalid", parameter=parameter, expected=_expected(spec))
            found[parameter] = given[parameter]
        elif spec.required:
            raise InvalidInput("command_parameter_missing", command=name, parameter=parameter)
    return found


def _fits(spec: Parameter, value: Any) -> bool:
    if spec.value_type == "boolean":
        return isinstance(value, bool)
    if spec.value_type == "string":
        return (
            isinstance(value, str)
            and len(value) <= text_chars_max
            and (spec.choices is None or value in spec.choices)
        )
    kinds = (int,) if spec.value_type == "integer" else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value):
        return False
    return (spec.minimum is None or value >= spec.minimum) and (spec.maximum is None or value <= spec.maximum)


def _expected(spec: Parameter) -> str:
    if spec.choices is not None:
        return ", ".join(spec.choices)
    least = [] if spec.minimum is None else [f"≥ {spec.minimum:g}"]
    most = [] if spec.maximum is None else [f"≤ {spec.maximum:g}"]
    return " ".join([spec.value_type, *least, *most])


def effects(command: Command, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The desired state that the command brings about."""
    literal = {"=true": True, "=false": False}
    return {
        name: literal.get(source, source[1:]) if source.startswith("=") else parameters[source]
        for name, source in command.sets.items()
        if source.startswith("=") or source in parameters
    }


def difference(desired: Mapping[str, Any], reported: Mapping[str, Any]) -> dict[str, Any]:
    """What is desired and not reported so."""
    return {name: value for name, value in desired.items() if reported.get(name) != value}


def next_send(now: datetime, timeout_s: int, sends: int) -> datetime:
    """When a command that has been sent `sends` times is due again: later each time, since every copy
    waits in the broker for a device that is away."""
    return now + timedelta(seconds=max(timeout_s, min(timeout_s * 2.0 ** min(sends - 1, 16), resend_s_max)))
