"""Boston's service requests of 2015: which department, and will the deadline be missed?

Trained on requests opened from January to June, judged on those of July to September. The department
is told from type, title, place and time (not from subject or queue, which name it); the threshold that
promises 0.99 is chosen on June by a model of the five months before. Missed deadlines are forecast by
what is known at the opening, taught by the outcomes known on the first of July.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from yunnao.infra.paths import project_root
from yunnao.modules.cases.deadlines.forecasting import History, features, fit
from yunnao.modules.cases.dispatch.calibration import choose_thresholds

DATA = "../shared/data/boston311/requests_2015.csv.gz"
PROMISE = 0.99
YEAR = 2015
TIMES = ("OPEN_DT", "TARGET_DT", "CLOSED_DT")
TIME = "%m/%d/%Y %I:%M:%S %p"

Array = np.ndarray[Any, Any]


def run(quiet: bool = False, data: Path | None = None) -> dict[str, Any]:
    """value: share dispatched to the right department; baseline: each type's most frequent department."""
    requests = _requests(data or project_root() / DATA)
    result: dict[str, Any] = {
        **_departments(requests),
        "unit": "accuracy of the department, July to September",
    }
    result["ratio"] = round(result["value"] / result["baseline"], 4)
    result["details"]["overdue"] = _overdue(requests)
    if not quiet:
        print(json.dumps(result))
    return result


def _requests(file: Path) -> pl.DataFrame:
    times = [
        pl.col(name).str.to_datetime(TIME, strict=False) for name in ("OPEN_DT", "TARGET_DT", "CLOSED_DT")
    ]
    read = pl.read_csv(file, infer_schema_length=0).with_columns(times)
    return read.filter(pl.col("OPEN_DT").dt.year() == YEAR).sort("OPEN_DT")


def _departments(requests: pl.DataFrame) -> dict[str, Any]:
    department = requests["Department"].fill_null("").to_numpy()
    month = requests["OPEN_DT"].dt.month().to_numpy()
    matrix = _described(requests)
    began = time.perf_counter()
    told, confidence = _tell(matrix, department, month <= 5, month == 6)
    june = department[month == 6]
    classes, codes = np.unique(told, return_inverse=True)
    thresholds = choose_thresholds(confidence, told == june, codes, PROMISE)
    told, confidence = _tell(matrix, department, month <= 6, month >= 7)
    known = {name: n for n, name in enumerate(classes)}
    automatic = confidence >= thresholds.of(np.array([known.get(name, -1) for name in told]))
    truth = department[month >= 7]
    right = told == truth
    types = requests["TYPE"].fill_null("").to_numpy()
    frequent = _most_frequent(types[month <= 6], department[month <= 6])
    fallback = max(set(frequent.values()), key=list(frequent.values()).count)
    usual = np.array([frequent.get(each, fallback) for each in types[month >= 7]])
    return {
        "value": round(float(right.mean()), 4),
        "baseline": round(float((usual == truth).mean()), 4),
        "baseline_what": "the department that each type most often went to from January to June",
        "details": {
            "trained_on": int((month <= 6).sum()),
            "judged_on": int((month >= 7).sum()),
            "departments": len(np.unique(department)),
            "coverage_at_0.99": round(float(automatic.mean()), 4),
            "precision_at_0.99": round(float(right[automatic].mean()), 4),
            "seconds": round(time.perf_counter() - began, 1),
        },
    }


def _described(requests: pl.DataFrame) -> Any:
    """One column a fact: type, words of the title, place, street, source, hour, and pairs with the type."""
    from sklearn.feature_extraction import FeatureHasher

    rows = []
    names = ("TYPE", "CASE_TITLE", "REASON", "neighborhood", "ward", "Location", "Source")
    for row in requests.select(*names, "OPEN_DT").iter_rows(named=True):
        kind, street = row["TYPE"] or "", _street(row["Location"] or "")
        facts = [f"type={kind}", f"reason={row['REASON']}", f"street={street}"]
        for name in ("neighborhood", "ward", "Source"):
            facts += [f"{name}={row[name]}", f"{name}={row[name]}&{kind}"]
        opened = row["OPEN_DT"]
        facts += [f"hour={opened.hour}&{kind}", f"weekday={opened.weekday()}&{kind}"]
        words = (row["CASE_TITLE"] or "").lower().split()
        facts += [f"title={row['CASE_TITLE']}", *(f"word={word}" for word in words)]
        facts += [f"word={word}&{row['Source']}" for word in words]
        facts.append(
            f"place={'intersection' if 'INTERSECTION' in (row['Location'] or '') else 'address'}&{kind}"
        )
        rows.append(facts)
    hasher = FeatureHasher(1 << 18, input_type="string", alternate_sign=False, dtype=np.float32)
    return hasher.transform(rows)


def _street(location: str) -> str:
    return " ".join(part for part in location.split("  ", maxsplit=1)[0].split() if not part[:1].isdigit())


def _tell(matrix: Any, department: Array, learn: Array, judge: Array) -> tuple[Array, Array]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0, solver="lbfgs", max_iter=60, tol=1e-3)
    model.fit(matrix[np.flatnonzero(learn)], department[learn])
    shares = model.predict_proba(matrix[np.flatnonzero(judge)])
    return model.classes_[shares.argmax(axis=1)], shares.max(axis=1)


def _most_frequent(types: Array, department: Array) -> dict[str, str]:
    frame = pl.DataFrame({"type": types, "department": department})
    counted = frame.group_by("type", "department").len().sort("len", "department")
    return dict(counted.select("type", "department").iter_rows())


def _overdue(requests: pl.DataFrame) -> dict[str, Any]:
    """Of requests that have a target time."""
    from sklearn.metrics import roc_auc_score

    due = requests.filter(pl.col("TARGET_DT").is_not_null())
    seconds = {name: due[name].dt.epoch("ms").to_numpy() / 1_000.0 for name in TIMES}
    keys = {
        name: due[name].fill_null("").rank("dense").to_numpy().astype(np.int64)
        for name in ("TYPE", "Department", "neighborhood", "Source")
    }
    history = History(seconds["OPEN_DT"], seconds["TARGET_DT"], seconds["CLOSED_DT"], keys)
    began = time.perf_counter()
    matrix = features(history)
    july = float(np.datetime64(f"{YEAR}-07-01", "s").astype(float))
    # A case of June whose outcome came in July teaches nothing on the first of July.
    learn = (history.opened < july) & (history.known_at() < july)
    judge = (history.opened >= july) & due["OnTime_Status"].is_not_null().to_numpy()
    missed = history.overdue()
    model = fit(matrix[learn], missed[learn])
    chance = model.chance(matrix[judge])
    late = (due["OnTime_Status"] == "OVERDUE").fill_null(False).to_numpy()[judge]
    shares = matrix[judge][:, 5]
    return {
        "trained_on": int(learn.sum()),
        "judged_on": int(judge.sum()),
        "overdue_share": round(float(late.mean()), 4),
        "auc": round(float(roc_auc_score(late, chance)), 4),
        "auc_of_the_types_past_share": round(float(roc_auc_score(late, shares)), 4),
        "seconds": round(time.perf_counter() - began, 1),
    }


if __name__ == "__main__":
    sys.exit(run() is None)
