"""The speed of a replay."""

from yunnao.kernel.errors import InvalidInput


def factor_of(speed: str) -> float | None:
    """How many times as fast as it happened; None for `max`. Raises InvalidInput `number_unreadable`."""
    if speed == "max":
        return None
    try:
        factor = float(speed)
    except ValueError as error:
        raise InvalidInput("number_unreadable", value=speed) from error
    if factor <= 0:
        raise InvalidInput("number_unreadable", value=speed)
    return factor
