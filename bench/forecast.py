"""The forecaster's error on the speeds of Los-loop (207 sensors, every five minutes for a week).

The first 80 % of the week is history, the rest is forecast from every one of its steps, with nothing
fitted anew. The baseline is persistence: the newest value stays. The published figures are those of
T-GCN (Zhao et al. 2020, IEEE T-ITS 21(9), table for Los-loop). Its published code (T-GCN/main.py) takes
the error over all steps up to the horizon, and of the epoch that did best on the test; `up_to` is ours
and persistence's over all steps up to the horizon, `at` that of the horizon alone, which is harder.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yunnao.infra.paths import project_root
from yunnao.modules.sensing.scheduled.domain.forecasting import LAGS, Grid, fit, forecast

DATA = "../shared/data/telemetry/los_speed.csv"
START_US = 1_330_560_000_000_000
"""2012-03-01T00:00 of the sensors' own time."""
STEP_US = 300_000_000
HORIZONS = {"15": 3, "30": 6, "45": 9, "60": 12}
"""Minutes and steps."""
SHARE = 0.95
TRAIN_SHARE = 0.8
T_GCN = {
    "rmse": {"15": 5.13, "30": 6.06, "45": 6.71, "60": 7.26},
    "mae": {"15": 3.18, "30": 3.75, "45": 4.11, "60": 4.59},
}

Floats = NDArray[np.float64]


def run(quiet: bool = False, data: Path | None = None) -> dict[str, Any]:
    """value: RMSE at 60 minutes; baseline: persistence's. Lower is better."""
    values = np.loadtxt(data or project_root() / DATA, delimiter=",", skiprows=1).T
    split = int(values.shape[1] * TRAIN_SHARE)
    grid = Grid(START_US, STEP_US)
    longest = max(HORIZONS.values())
    began = time.perf_counter()
    model = fit(values[:, :split], grid, longest, SHARE)
    fit_s = time.perf_counter() - began
    origins = range(split - 1, values.shape[1] - longest)
    told = np.empty((3, len(origins), *(len(values), longest)))
    began = time.perf_counter()
    for i, at in enumerate(origins):
        made = forecast(model, values[:, at - LAGS : at + 1], START_US + at * STEP_US)
        told[:, i] = made.value, made.low, made.high
    forecast_s = time.perf_counter() - began
    truth = np.stack([values[:, at + 1 : at + 1 + longest] for at in origins])
    stays = np.stack([np.repeat(values[:, at, None], longest, axis=1) for at in origins])
    covered = (truth >= told[1]) & (truth <= told[2])
    details = {
        "at": {"ours": _errors(told[0], truth, at=True), "persistence": _errors(stays, truth, at=True)},
        "up_to": {"ours": _errors(told[0], truth), "persistence": _errors(stays, truth), "t_gcn": T_GCN},
        "coverage": {name: round(float(covered[..., h - 1].mean()), 4) for name, h in HORIZONS.items()},
        "coverage_wanted": SHARE,
        "series": len(values),
        "origins": len(origins),
        "fit_s": round(fit_s, 3),
        "forecasts_per_s": round(len(origins) * len(values) / forecast_s),
    }
    ours, baseline = details["at"]["ours"]["rmse"]["60"], details["at"]["persistence"]["rmse"]["60"]
    result = {
        "value": ours, "unit": "mph RMSE at 60 min", "baseline": baseline,
        "ratio": round(ours / baseline, 3), "details": details,
    }  # fmt: skip
    if not quiet:
        print(json.dumps(result))
    return result


def _errors(told: Floats, truth: Floats, *, at: bool = False) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {"rmse": {}, "mae": {}}
    for name, steps in HORIZONS.items():
        error = (told - truth)[..., steps - 1 : steps] if at else (told - truth)[..., :steps]
        found["rmse"][name] = round(float(np.sqrt((error**2).mean())), 4)
        found["mae"][name] = round(float(np.abs(error).mean()), 4)
    return found


if __name__ == "__main__":
    sys.exit(run() is None)
