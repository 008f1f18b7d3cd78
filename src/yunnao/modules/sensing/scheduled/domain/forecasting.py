"""A seasonal forecaster with intervals, for many series at once.

A series has a profile: its mean at each time of the day, of workdays and weekends apart, and of each
day of the week as far as the history tells them apart. What is forecast is the change from now on: a
ridge regression for each horizon weighs how far the series is from its profile, how the profile goes
on and how the series has moved of late. Its coefficients are fitted over all series together, and each
series departs from them as far as its own history supports. The interval is the empirical quantiles of
each series' own errors at each horizon, made with profiles that leave the day in question out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]

DAY_US = 86_400_000_000
EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""
WEEKEND_FROM = 5
LAGS = 12
"""Steps of the past that a forecast looks at."""
SMOOTHING_STEPS = 2
"""A profile's value at a time is the mean of so many steps to either side of it."""
SHRINK_DAYS = 1.0
"""A finer profile weighs against the coarser one as if that were so many days of history."""
RIDGE_STEPS = 2_000.0
"""The coefficients of all series weigh against a series' own as if they were so many steps."""
FEATURES = 5


@dataclass(frozen=True)
class Grid:
    """Equal steps of time: column j of a matrix is the step that begins at `start_us + j * step_us`.

    `offset_us` leads from UTC to the city's time, whose days and weeks are the seasons. A day must be
    a whole number of steps.
    """

    start_us: int
    step_us: int
    offset_us: int = 0

    @property
    def day_steps(self) -> int:
        return DAY_US // self.step_us

    def step(self, time_us: int) -> int:
        """The number of the step in which a time lies, counted from the epoch in the city's time."""
        return (time_us + self.offset_us) // self.step_us


@dataclass(frozen=True)
class Model:
    """Fitted to n series: profiles (n, 7, steps of a day), coefficients (horizons, n, FEATURES) and the
    quantiles of errors below and above (n, horizons)."""

    grid: Grid
    profile: Floats
    coefficients: Floats
    low: Floats
    high: Floats

    @property
    def horizon(self) -> int:
        return len(self.coefficients)


@dataclass(frozen=True)
class Forecast:
    """For n series and each horizon: the value, and the interval around it; NaN where nothing is known."""

    value: Floats
    low: Floats
    high: Floats


def fit(values: Floats, grid: Grid, horizon: int, share: float = 0.95) -> Model:
    """Fits n series to their history `values` (n, steps), NaN where nothing was measured.

    `share` is what the interval is to cover. The history must be longer than LAGS + horizon.
    """
    first = grid.step(grid.start_us)
    sums, counts = _day_sums(values, first, grid.day_steps)
    weekdays = (first // grid.day_steps + np.arange(sums.shape[1]) + EPOCH_WEEKDAY) % 7
    profile = _profile(sums, counts, weekdays)
    left_out = _left_out(sums, counts, weekdays, first, values.shape[1])
    coefficients = np.empty((horizon, len(values), FEATURES))
    low, high = np.empty((len(values), horizon)), np.empty((len(values), horizon))
    for h in range(1, horizon + 1):
        features, target = _training(values, left_out, h)
        coefficients[h - 1] = _ridge(features, target)
        errors = target - np.einsum("ntf,nf->nt", features, coefficients[h - 1])
        low[:, h - 1], high[:, h - 1] = _quantiles(errors, share)
    return Model(grid, profile, coefficients, low, high)


def forecast(model: Model, recent: Floats, last_us: int) -> Forecast:
    """Forecasts from `recent` (n, at least LAGS + 1 steps), the last of which begins at `last_us`."""
    last = model.grid.step(last_us)
    now = _filled(recent[:, -LAGS - 1 :])
    steps = last + np.arange(model.horizon + 1)
    ahead = _at(model.profile, steps, model.grid.day_steps)
    value = np.empty((len(recent), model.horizon))
    for h in range(1, model.horizon + 1):
        features = _features(now, LAGS, ahead[:, 0], ahead[:, h])
        value[:, h - 1] = now[:, LAGS] + np.einsum("nf,nf->n", features, model.coefficients[h - 1])
    return Forecast(value, value + model.low, value + model.high)


def _at(profile: Floats, steps: Int64, day_steps: int) -> Floats:
    weekday = (steps // day_steps + EPOCH_WEEKDAY) % 7
    return profile[:, weekday, steps % day_steps]


def _day_sums(values: Floats, first: int, day_steps: int) -> tuple[Floats, Floats]:
    """Sums and counts (n, days, steps of a day) of what was measured around each step."""
    lead = first % day_steps
    days = -(-(lead + values.shape[1]) // day_steps)
    padded = np.full((len(values), days * day_steps), np.nan)
    padded[:, lead : lead + values.shape[1]] = values
    there = np.isfinite(padded)
    return (
        _smoothed(np.where(there, padded, 0.0)).reshape(len(values), days, day_steps),
        _smoothed(there.astype(np.float64)).reshape(len(values), days, day_steps),
    )


def _smoothed(rows: Floats) -> Floats:
    """Sums over SMOOTHING_STEPS to either side."""
    width = 2 * SMOOTHING_STEPS + 1
    total = np.cumsum(np.pad(rows, ((0, 0), (SMOOTHING_STEPS + 1, SMOOTHING_STEPS))), axis=1)
    return np.asarray(total[:, width:] - total[:, :-width])


def _profile(sums: Floats, counts: Floats, weekdays: Int64) -> Floats:
    """Profiles (n, 7, steps of a day), each level shrunk towards the coarser one."""
    every = _shrunk(sums.sum(axis=1), counts.sum(axis=1), _level(sums, counts)[:, None])
    found = np.empty((len(sums), 7, sums.shape[2]))
    for weekday in range(7):
        alike = (weekdays >= WEEKEND_FROM) == (weekday >= WEEKEND_FROM)
        kind = _shrunk(sums[:, alike].sum(axis=1), counts[:, alike].sum(axis=1), every)
        same = weekdays == weekday
        found[:, weekday] = _shrunk(sums[:, same].sum(axis=1), counts[:, same].sum(axis=1), kind)
    return found


def _left_out(sums: Floats, counts: Floats, weekdays: Int64, first: int, steps: int) -> Floats:
    """The profile (n, steps) along the history, at each day without what that day measured."""
    level = _level(sums, counts)[:, None]
    all_sum, all_count = sums.sum(axis=1), counts.sum(axis=1)
    found = np.empty_like(sums)
    for day in range(sums.shape[1]):
        every = _shrunk(all_sum - sums[:, day], all_count - counts[:, day], level)
        alike = (weekdays >= WEEKEND_FROM) == (weekdays[day] >= WEEKEND_FROM)
        same = weekdays == weekdays[day]
        alike[day] = same[day] = False
        kind = _shrunk(sums[:, alike].sum(axis=1), counts[:, alike].sum(axis=1), every)
        found[:, day] = _shrunk(sums[:, same].sum(axis=1), counts[:, same].sum(axis=1), kind)
    lead = first % sums.shape[2]
    return found.reshape(len(sums), -1)[:, lead : lead + steps]


def _shrunk(sums: Floats, counts: Floats, towards: Floats) -> Floats:
    weight = SHRINK_DAYS * (2 * SMOOTHING_STEPS + 1)
    return np.asarray((sums + weight * towards) / (counts + weight))


def _level(sums: Floats, counts: Floats) -> Floats:
    """Each series' mean (n); NaN where it has no value at all."""
    total = counts.sum(axis=(1, 2))
    return np.where(total > 0, sums.sum(axis=(1, 2)) / np.maximum(total, 1), np.nan)


def _features(values: Floats, at: int, profile_now: Floats, profile_then: Floats) -> Floats:
    """Features (n, FEATURES) at column `at` of `values`."""
    now = values[:, at]
    return np.stack(
        [
            profile_then - now,
            profile_then - profile_now,
            now - values[:, at - 1],
            now - values[:, at - 3],
            now - values[:, at - LAGS : at].mean(axis=1),
        ],
        axis=-1,
    )


def _training(values: Floats, profile: Floats, h: int) -> tuple[Floats, Floats]:
    """Features (n, t, FEATURES) and the change that followed (n, t); NaN where either is not known."""
    steps = values.shape[1]
    at = slice(LAGS, steps - h)
    now = values[:, at]
    total = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    mean = (total[:, LAGS : steps - h] - total[:, : steps - h - LAGS]) / LAGS
    if not np.isfinite(values).all():
        windows = np.lib.stride_tricks.sliding_window_view(values, LAGS, axis=1)
        mean = windows[:, : steps - h - LAGS].mean(axis=2)
    then = profile[:, LAGS + h :]
    features = np.stack(
        [
            then - now,
            then - profile[:, at],
            now - values[:, LAGS - 1 : steps - h - 1],
            now - values[:, LAGS - 3 : steps - h - 3],
            now - mean,
        ],
        axis=-1,
    )
    return features, values[:, LAGS + h :] - now


def _ridge(features: Floats, target: Floats) -> Floats:
    """Coefficients (n, FEATURES): each series' own, drawn towards those of all."""
    whole = np.isfinite(target) & np.isfinite(features).all(axis=-1)
    x = np.where(whole[..., None], features, 0.0)
    y = np.where(whole, target, 0.0)
    gram = np.einsum("ntf,ntg->nfg", x, x)
    moment = np.einsum("ntf,nt->nf", x, y)
    count = max(float(whole.sum()), 1.0)
    mean_gram = gram.sum(axis=0) / count + 1e-9 * np.eye(FEATURES)
    shared = np.linalg.solve(mean_gram, moment.sum(axis=0) / count)
    prior = RIDGE_STEPS * mean_gram
    return np.asarray(np.linalg.solve(gram + prior, (moment + prior @ shared)[..., None])[..., 0])


def _quantiles(errors: Floats, share: float) -> tuple[Floats, Floats]:
    """The quantiles between which `share` of each series' errors lie; NaN of a series without errors."""
    known = np.isfinite(errors).any(axis=1)
    found = np.full((2, len(errors)), np.nan)
    if known.any():
        found[:, known] = np.nanquantile(errors[known], [(1 - share) / 2, (1 + share) / 2], axis=1)
    return found[0], found[1]


def _filled(values: Floats) -> Floats:
    """Gaps take the value before them; what has none before stays NaN."""
    rows = np.arange(values.shape[1])
    last = np.maximum.accumulate(np.where(np.isfinite(values), rows, 0), axis=1)
    return np.take_along_axis(values, last, axis=1)
