"""Whether two cases speak of one event: precision, recall and calibration against what people decided.

Boston's service requests of 2015 (`../shared/data/boston311`): staff closed some as "duplicate of" a case
that they named, so place, time and category are judged by 1,267 decisions. They marked far from every
duplicate, so precision is a lower bound: what is found beyond their marks counts as wrong. Requests that
were geocoded to the city's default point, and those closed as duplicates of a case that is not named, are
left out. The hotline's messages (`../shared/data/hotline/messages_votes.csv`) have no place, but known
events (`known_topics.json`, by ids): pairs of one event within two weeks against pairs of others. The
weights are fitted on Boston's months 1 to 6 and half of the events, and judged on months 7 to 9 and the
other half. Baseline: same type within 100 m and 24 hours. `ms_per_intake` is the reasoning of one intake
over as many candidates as it may have, without the database.
"""

import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from yunnao.infra.paths import project_root
from yunnao.kernel.packs.linking import Linking
from yunnao.modules.cases.linking import domain

DATA = project_root().parent / "shared" / "data"
RADIUS_M = 200
DAYS = 14
LEARNED_MONTH_MAX = 6
TYPE_ROWS_MIN = 50
OPEN_DAYS = 90
CANDIDATES_MAX = 60
CANDIDATES_TEXT_MAX = 12
DEFAULT_POINT = (42.3594, -71.0587)
METRES_LON, METRES_LAT = 82_300, 111_320
OTHERS = 6_000
"""Cases of each period that are drawn from all, besides those that people decided on."""
HARD_PAIRS_MAX = 20
CLASSES = 7
MARKED_SHARE_MIN = 0.05
"""Types of which staff close at least this share as duplicates: elsewhere nobody looks for them."""
BASELINE_M, BASELINE_H = 100, 24
NAMED = re.compile(r"1010\d{8}|(?<!\d)\d{7}(?!\d)")
WHEN = "%m/%d/%Y %I:%M:%S %p"


@dataclass(frozen=True)
class Pair:
    evidence: domain.Evidence
    same: bool
    case: int
    """The later case."""
    weight: float
    """How many such pairs of the whole it stands for."""


@dataclass(frozen=True)
class Requests:
    """Boston's requests in the order of their opening."""

    x: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    opened: np.ndarray[Any, Any]
    closed: np.ndarray[Any, Any]
    kind: list[tuple[str, str]]
    event: list[int]
    """The first request of the event that people put it to; its own number where it stands alone."""
    marked: set[int]
    """Part of an event of which people named another case."""
    unnamed: set[int]
    """Closed as duplicates of a case that is not named."""
    looked_at: set[int]
    """Of a type among which people look for duplicates."""


def read_boston(path: Path) -> Requests:
    csv.field_size_limit(10_000_000)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = [r for r in csv.DictReader(lines) if r["CASE_ENQUIRY_ID"]]
    rows = [r for r in rows if (float(r["LATITUDE"]), float(r["LONGITUDE"])) != DEFAULT_POINT]
    rows.sort(key=lambda r: _time(r["OPEN_DT"]))
    number = {r["CASE_ENQUIRY_ID"].split(".")[0]: n for n, r in enumerate(rows)}
    above = list(range(len(rows)))

    def first(n: int) -> int:
        while above[n] != n:
            above[n] = above[above[n]]
            n = above[n]
        return n

    marked, unnamed = set(), set()
    for n, row in enumerate(rows):
        reason = row["CLOSURE_REASON"] or ""
        if "duplicat" not in reason.lower():
            continue
        keys = [m if len(m) == 12 else "10100" + m for m in NAMED.findall(reason)]
        named = [number[key] for key in keys if key in number and number[key] != n]
        if not named:
            unnamed.add(n)
        for other in named:
            marked |= {n, other}
            low, high = sorted((first(n), first(other)))
            above[high] = low
    return Requests(
        np.array([float(r["LONGITUDE"]) * METRES_LON for r in rows]),
        np.array([float(r["LATITUDE"]) * METRES_LAT for r in rows]),
        np.array([_time(r["OPEN_DT"]) for r in rows]),
        np.array([_time(r["CLOSED_DT"]) for r in rows]),
        [(r["TYPE"], r["REASON"]) for r in rows],
        [first(n) for n in range(len(rows))],
        marked,
        unnamed,
        _looked_at(rows, marked | unnamed),
    )


def _looked_at(rows: list[dict[str, str]], closed_so: set[int]) -> set[int]:
    """By what was done in the months that are learned from."""
    learned = [n for n, r in enumerate(rows) if _month(_time(r["OPEN_DT"])) <= LEARNED_MONTH_MAX]
    all_of = Counter(rows[n]["TYPE"] for n in learned)
    so = Counter(rows[n]["TYPE"] for n in learned if n in closed_so)
    types = {kind for kind, n in all_of.items() if so[kind] >= MARKED_SHARE_MIN * n and n >= TYPE_ROWS_MIN}
    return {n for n, row in enumerate(rows) if row["TYPE"] in types}


def _time(written: str) -> float:
    return datetime.strptime(written, WHEN).replace(tzinfo=UTC).timestamp() if written else float("inf")


def _month(moment: float) -> int:
    return datetime.fromtimestamp(moment, UTC).month


def _message_time(written: str) -> float:
    written = written.replace("/", "-")
    return datetime.strptime(written, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()


def boston_pairs(of: Requests, months: tuple[int, int], seed: int) -> tuple[list[Pair], int]:
    """Pairs of cases opened in `months` with their candidates, and how many events could be found."""
    month = np.array([_month(t) for t in of.opened])
    period = [
        int(n)
        for n in np.flatnonzero((month >= months[0]) & (month <= months[1]))
        if n not in of.unnamed and n in of.looked_at
    ]
    decided = [n for n in period if n in of.marked]
    others = [n for n in period if n not in of.marked]
    drawn = np.random.default_rng(seed).choice(others, min(OTHERS, len(others)), replace=False)
    tree = cKDTree(np.c_[of.x, of.y])
    pairs: list[Pair] = []
    for n in [*decided, *(int(m) for m in drawn)]:
        weight = 1.0 if n in of.marked else len(others) / len(drawn)
        pairs += _pairs_of(of, n, tree, weight)
    earlier = {n for n in decided if of.event[n] != n}
    return pairs, len(earlier)


def _pairs_of(of: Requests, n: int, tree: Any, weight: float) -> Iterator[Pair]:
    now = of.opened[n]
    near = [
        m
        for m in tree.query_ball_point((of.x[n], of.y[n]), RADIUS_M)
        if m < n
        and of.opened[m] >= now - OPEN_DAYS * 86_400
        and of.closed[m] >= now - DAYS * 86_400
        and m not in of.unnamed
    ]
    for m in sorted(near, reverse=True)[:CANDIDATES_MAX]:
        (kind_n, reason_n), (kind_m, reason_m) = of.kind[n], of.kind[m]
        evidence = domain.Evidence(
            metres=float(np.hypot(of.x[n] - of.x[m], of.y[n] - of.y[m])),
            minutes=float((now - of.opened[m]) / 60),
            steps=0 if kind_n == kind_m else 2 if reason_n == reason_m else None,
            similarity=None,
            earlier_open=bool(of.closed[m] > now),
        )
        yield Pair(evidence, of.event[n] == of.event[m], n, weight)


def hotline_pairs(path: Path, known: dict[str, list[int]], half: int) -> list[Pair]:
    """Messages of known events with those of their event, and with the most alike of other events,
    opened within DAYS of each other: what a desk would have to tell apart."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    ids, titles, times, bodies = (list(rows[0])[i] for i in (0, 1, 2, 3))
    event = {i: n for n, name in enumerate(sorted(known)) for i in known[name]}
    plain = [domain.pairs(domain.units(f"{r[titles]}\n{r[bodies].strip()}")) for r in rows]
    when = [_message_time(r[times]) for r in rows]
    of = [event.get(int(r[ids]), -1 - n) for n, r in enumerate(rows)]
    pairs = []
    for a in range(len(rows)):
        if of[a] < 0 or of[a] % 2 != half:
            continue
        earlier = [b for b in range(len(rows)) if 0 <= when[a] - when[b] <= DAYS * 86_400 and b != a]
        alike = {b: domain.similarity(plain[a], plain[b]) or 0.0 for b in earlier}
        others = sorted((b for b in earlier if of[b] != of[a]), key=lambda b: -alike[b])[:HARD_PAIRS_MAX]
        for b in [b for b in earlier if of[b] == of[a]] + others:
            evidence = domain.Evidence(
                None, (when[a] - when[b]) / 60, 0, alike[b], True, told=domain.telling(plain[a], plain[b])
            )
            pairs.append(Pair(evidence, of[a] == of[b], a, 1.0))
    return pairs


def same_by_chance(path: Path, known: dict[str, list[int]]) -> float:
    """Log-odds that two messages within DAYS of each other are of one known event."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    when = np.array([_message_time(r[2]) for r in rows])
    event = {i: name for name, ids in known.items() for i in ids}
    of = np.array([event.get(int(r[0]), r[0]) for r in rows])
    near = np.abs(when[:, None] - when[None, :]) <= DAYS * 86_400
    same = ((of[:, None] == of[None, :]) & near).sum() - len(rows)
    return float(np.log(same / (near.sum() - len(rows) - same)))


def fit(places: list[Pair], texts: list[Pair], by_chance: float) -> dict[str, float]:
    """The log-odds by place, time and category, from Boston; what the text adds to them, from the hotline.

    No data has both, so the two are taken for independent given the event: the text's part is its own
    log-odds less those before anything was read.
    """
    names = [n for n in domain.FEATURES if n not in domain.TEXT_FEATURES]
    by_place = _logistic(places, names)
    by_text = _logistic(texts, list(domain.TEXT_FEATURES))
    same = sum(p.weight for p in texts if p.same)
    before = float(np.log(same / (sum(p.weight for p in texts) - same)))
    by_text["text"] -= before
    # Where no place is known: the odds of any two messages, and of two in the same of the hotline's seven
    # classes at most seven times those; nearby, the same type says more than that.
    by_place["no_place"] = (
        by_chance + float(np.log(CLASSES)) - by_place["one"] - by_place["open"] - by_place["same_category"]
    )
    return {name: round(w, 3) for name, w in {**by_place, **by_text}.items()}


def _logistic(pairs: list[Pair], names: list[str]) -> dict[str, float]:
    at = [domain.FEATURES.index(name) for name in names]
    x = np.array([domain.features(p.evidence) for p in pairs])[:, at]
    model = LogisticRegression(C=100.0, fit_intercept=False, max_iter=3_000)
    model.fit(x, [p.same for p in pairs], sample_weight=[p.weight for p in pairs])
    return {name: float(w) for name, w in zip(names, model.coef_[0], strict=True)}


def judge(pairs: list[Pair], findable: int, flagged: list[bool]) -> dict[str, float]:
    """Of cases: is one of its flagged candidates of its event? Weighted to the whole period."""
    wanted, right, wrong = set(), set(), {}
    for pair, flag in zip(pairs, flagged, strict=True):
        if flag and pair.same:
            right.add(pair.case)
        elif flag:
            wrong[pair.case] = pair.weight
        if pair.same:
            wanted.add(pair.case)
    false = sum(weight for case, weight in wrong.items() if case not in right)
    return {
        "precision": round(len(right) / max(1e-9, len(right) + false), 3),
        "recall": round(len(right) / max(1, findable), 3),
        "found": len(right),
        "of": findable,
    }


def calibration(pairs: list[Pair], p: np.ndarray[Any, Any]) -> float:
    """Expected calibration error over ten bins of probability, pairs weighted to the whole."""
    weight = np.array([pair.weight for pair in pairs])
    same = np.array([pair.same for pair in pairs], float)
    bins = np.minimum((p * 10).astype(int), 9)
    gaps = [
        abs(
            np.average(p[bins == b], weights=weight[bins == b])
            - np.average(same[bins == b], weights=weight[bins == b])
        )
        * weight[bins == b].sum()
        for b in range(10)
        if (bins == b).any()
    ]
    return round(float(sum(gaps) / weight.sum()), 4)


def reasoning_ms(rounds: int = 200) -> float:
    """Median milliseconds to judge the candidates of one intake, with texts and reasons."""
    text = "路灯不亮已经三天了，晚上一片漆黑，老人出门容易摔倒，请尽快派人维修。" * 4
    plain = domain.units(text)
    times = []
    for _ in range(rounds):
        begun = perf_counter()
        mine = domain.pairs(plain)
        for n in range(CANDIDATES_TEXT_MAX):
            theirs = domain.pairs(domain.units(text[n:] + str(n)))
            alike = domain.similarity(mine, theirs)
            domain.probability(domain.Evidence(30.0, 60.0, 0, alike, True, told=domain.telling(mine, theirs)))
        domain.shared_words(plain, plain[3:])
        times.append((perf_counter() - begun) * 1000)
    return round(float(np.median(times)), 3)


def run(quiet: bool = False) -> dict[str, Any]:
    if not (DATA / "boston311").exists():
        raise SystemExit(f"{DATA} is missing: see docs/how-to/replay-real-data.md")
    requests = read_boston(DATA / "boston311" / "requests_2015.csv.gz")
    learned, _ = boston_pairs(requests, (1, LEARNED_MONTH_MAX), 1)
    tested, findable = boston_pairs(requests, (LEARNED_MONTH_MAX + 1, 9), 2)
    known = json.loads((Path(__file__).parent / "known_topics.json").read_text())
    messages = DATA / "hotline" / "messages_votes.csv"
    texts = [hotline_pairs(messages, known, half) for half in (0, 1)]
    fitted = fit(learned, texts[0], same_by_chance(messages, known))
    p = np.array([domain.probability(pair.evidence) for pair in tested])
    suggest_min = Linking().suggest_min
    ours = judge(tested, findable, list(p >= suggest_min))
    rule = judge(tested, findable, [_by_rule(pair.evidence) for pair in tested])
    p_text = np.array([domain.probability(pair.evidence) for pair in texts[1]])
    same = np.array([pair.same for pair in texts[1]])
    flagged = p_text >= suggest_min
    return {
        "value": round(2 / (1 / max(1e-9, ours["precision"]) + 1 / max(1e-9, ours["recall"])), 3),
        "unit": "F1 against decisions of Boston's staff, months 7-9",
        "baseline": round(2 / (1 / max(1e-9, rule["precision"]) + 1 / max(1e-9, rule["recall"])), 3),
        "baseline_what": f"same type within {BASELINE_M} m and {BASELINE_H} h",
        "ratio": round(ours["precision"] / max(1e-9, rule["precision"]), 2),
        "details": {
            "boston": ours,
            "boston_rule": rule,
            "average_precision": round(
                float(
                    average_precision_score(
                        [pair.same for pair in tested], p, sample_weight=[pair.weight for pair in tested]
                    )
                ),
                3,
            ),
            "calibration_error": calibration(tested, p),
            "hotline_text_only": {
                "precision": round(float(same[flagged].mean()), 3),
                "recall": round(float((flagged & same).sum() / same.sum()), 3),
                "pairs": len(texts[1]),
            },
            "suggest_min": suggest_min,
            "ms_per_intake": reasoning_ms(),
            "weights": dict(domain.WEIGHTS),
            "weights_fitted": fitted,
        },
    }


def _by_rule(evidence: domain.Evidence) -> bool:
    assert evidence.metres is not None
    return evidence.steps == 0 and evidence.metres <= BASELINE_M and evidence.minutes <= BASELINE_H * 60


if __name__ == "__main__":
    print(json.dumps({"name": "duplicates", **run()}, ensure_ascii=False))
