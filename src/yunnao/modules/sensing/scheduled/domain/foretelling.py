"""The forecaster as a rule's judge, and as a chart's continuation."""

import numpy as np

from yunnao.kernel.packs.scheduled_rules import ForecastRule
from yunnao.modules.sensing.scheduled.domain.columns import Floats, Readings, Scores, Sites, steps
from yunnao.modules.sensing.scheduled.domain.forecasting import DAY_US, LAGS, Grid, Model, fit, forecast

chart_history_us = 28 * DAY_US
chart_steps_us = (300_000_000, 900_000_000, 3_600_000_000)
"""A chart's forecast is in the first of these steps in which most steps of the last day have a reading."""
chart_points_max = 288
filled_share_min = 0.5


def day_start(at_us: int, offset_us: int) -> int:
    """The last midnight of the city at or before `at_us`."""
    return (at_us + offset_us) // DAY_US * DAY_US - offset_us


def recent_steps(rule: ForecastRule) -> int:
    return LAGS + 1 + rule.ahead


def recent_start(rule: ForecastRule, at_us: int) -> int:
    """Where the steps begin of which the last ends at or before `at_us`."""
    step_us = rule.step_s * 1_000_000
    return at_us // step_us * step_us - recent_steps(rule) * step_us


def outside(rule: ForecastRule, sites: Sites, model: Model, recent: Floats, at_us: int) -> Scores:
    """How far each site's newest step (last column of `recent`) is outside its interval, in half widths."""
    step_us = rule.step_s * 1_000_000
    last_us = at_us // step_us * step_us - (rule.ahead + 1) * step_us
    made = forecast(model, recent[:, : -rule.ahead], last_us)
    low, high, value = made.low[:, -1], made.high[:, -1], recent[:, -1]
    half = np.maximum((high - low) / 2, 1e-9)
    score = np.maximum(np.maximum(value - high, low - value) / half, 0.0)
    return Scores(sites.device, score, np.zeros(len(sites), np.bool_))


def one_site(series: int) -> Sites:
    """A series by itself."""
    nowhere = np.full(1, np.nan)
    return Sites(np.array([series], np.int32), np.zeros(1, np.int32), [""], nowhere, nowhere)


def chart(
    sites: Sites, readings: Readings, now_us: int, offset_us: int, hours: float, share: float
) -> list[tuple[int, float, float, float]]:
    """Time, value, low and high of the steps ahead of one series; nothing where too little is known."""
    for step_us in chart_steps_us:
        end_us = now_us // step_us * step_us
        whole = DAY_US // step_us
        count = int((end_us - (now_us - chart_history_us)) // step_us)
        values = steps(sites, readings, end_us - count * step_us, step_us, count)
        if np.isfinite(values[0, -whole:]).mean() >= filled_share_min:
            break
    else:
        return []
    first = int(np.flatnonzero(np.isfinite(values[0]))[0])
    values = values[:, first:]
    horizon = min(max(round(hours * 3_600_000_000 / step_us), 1), chart_points_max)
    if values.shape[1] < 2 * whole or values.shape[1] <= LAGS + horizon:
        return []
    grid = Grid(end_us - values.shape[1] * step_us, step_us, offset_us)
    made = forecast(fit(values, grid, horizon, share), values[:, -LAGS - 1 :], end_us - step_us)
    if not np.isfinite(made.value).all():
        return []
    times = [end_us + h * step_us for h in range(horizon)]
    columns = (made.value[0].tolist(), made.low[0].tolist(), made.high[0].tolist())
    return list(zip(times, *columns, strict=True))
