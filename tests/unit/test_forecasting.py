"""The seasonal forecaster: what it must get right whatever the series."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from yunnao.modules.sensing.scheduled.domain.forecasting import LAGS, Floats, Grid, fit, forecast

HOUR_US = 3_600_000_000
MONDAY_US = 1_767_571_200_000_000
"""2026-01-05T00:00Z."""
GRID = Grid(MONDAY_US, HOUR_US)


def wave(days: int, noise: float = 0.0, series: int = 3, seed: int = 1) -> Floats:
    hours = np.arange(days * 24)
    clean = 50 + 20 * np.sin(2 * np.pi * hours / 24)
    return np.asarray(clean + noise * np.random.default_rng(seed).standard_normal((series, len(hours))))


def ahead(values: Floats, at: int, horizon: int = 6, share: float = 0.95) -> tuple[Floats, Floats, Floats]:
    model = fit(values[:, :at], GRID, horizon, share)
    made = forecast(model, values[:, at - LAGS - 1 : at], MONDAY_US + (at - 1) * HOUR_US)
    return made.value, made.low, made.high


def test_a_daily_rhythm_goes_on() -> None:
    values = wave(15)
    at = 14 * 24 + 10
    told, _, _ = ahead(values, at)
    assert np.abs(told - values[:, at : at + 6]).max() < 2.5
    assert np.abs(values[:, at - 1, None] - values[:, at : at + 6]).max() > 15


def test_weekends_have_a_rhythm_of_their_own() -> None:
    values = wave(28, noise=0.5)
    weekend = (np.arange(28 * 24) // 24 % 7) >= 5
    values[:, weekend] = 10
    told, _, _ = ahead(values, 26 * 24 + 6, horizon=3)
    assert np.abs(told - 10).max() < 8


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_the_interval_covers_about_what_it_says(share: float) -> None:
    values = wave(60, noise=3, series=20)
    model = fit(values[:, : 40 * 24], GRID, 6, share)
    covered = []
    for at in range(40 * 24, 60 * 24 - 6, 7):
        made = forecast(model, values[:, at - LAGS - 1 : at], MONDAY_US + (at - 1) * HOUR_US)
        truth = values[:, at : at + 6]
        covered.append((truth >= made.low) & (truth <= made.high))
    assert abs(np.mean(covered) - share) < 0.03


def test_gaps_do_no_harm_and_a_series_without_values_stays_unknown() -> None:
    values = wave(15, noise=1)
    values[0, ::5] = np.nan
    values[1] = np.nan
    told, low, high = ahead(values, 14 * 24)
    assert np.isfinite(told[[0, 2]]).all()
    assert np.isnan(told[1]).all()
    assert (low[2] <= told[2]).all()
    assert (told[2] <= high[2]).all()


SERIES = arrays(np.float64, (2, 200), elements=st.floats(-1e3, 1e3))


@settings(max_examples=25, deadline=None)
@given(arrays(np.float64, (2, 200), elements=st.floats(-1e3, 1e3)), st.floats(-1e3, 1e3), st.floats(0.1, 10))
def test_another_unit_gives_the_same_forecast_in_that_unit(
    values: Floats, shift: float, scale: float
) -> None:
    """Celsius or Fahrenheit: what is linear in the data stays so."""
    told, low, high = ahead(values, 190)
    scaled, scaled_low, scaled_high = ahead(values * scale + shift, 190)
    for one, other in ((told, scaled), (low, scaled_low), (high, scaled_high)):
        np.testing.assert_allclose(one * scale + shift, other, rtol=1e-3, atol=scale + 1e-3)
