"""Hot topics of 4,326 real messages: are known events found whole and pure, and how fast.

`known_topics.json` names 13 events of `../shared/data/hotline/messages_votes.csv` by the ids of their
messages, put together by hand (place and matter); no text is kept. For each event the topic that holds most
of it is looked at: recall is the share of the event in it, precision the share of it that is the event. The
threshold was chosen on the even events (`found`), the odd ones (`held_out`) tell how it travels. Baselines
over the same vectors, reduced to 100 dimensions (SVD): KMeans, with as many clusters as we find topics of
three messages or more, and HDBSCAN. `one_by_one` is the platform's way: day by day, never seeing what comes
later. `silhouette` (cosine, topics of three messages or more) is told beside KMeans's.
"""

import csv
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import normalize

from yunnao.infra.paths import project_root
from yunnao.modules.cases.topics.contracts import Message, cluster, hot_topics
from yunnao.modules.cases.topics.domain import Book
from yunnao.modules.cases.topics.features import Rarity, counts

FILE = project_root().parent / "shared" / "data" / "hotline" / "messages_votes.csv"
SMALL = 3
SVD_DIMENSIONS = 100
BATCH = 50


def read() -> tuple[list[Message], list[int]]:
    """Messages in time's order, and their ids."""
    with FILE.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    rows.sort(key=lambda row: _time(row[2]))
    messages = [
        Message(n, row[1], row[3].strip(), _time(row[2]), int(row[5]), int(row[4]))
        for n, row in enumerate(rows, start=1)
    ]
    return messages, [int(row[0]) for row in rows]


def _time(written: str) -> datetime:
    return datetime.strptime(written.replace("/", "-"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def judge(topics: Sequence[int], ids: list[int], known: dict[str, list[int]]) -> dict[str, float]:
    of = dict(zip(ids, topics, strict=True))
    sizes = Counter(topics)
    precision, recall, f1 = [], [], []
    for event in known.values():
        (best, n), *_ = Counter(of[i] for i in event if of[i] >= 0).most_common(1) or [(-1, 0)]
        p, r = n / sizes[best] if n else 0.0, n / len(event)
        precision.append(p)
        recall.append(r)
        f1.append(2 * p * r / (p + r) if n else 0.0)
    return {
        name: round(float(np.mean(values)), 3)
        for name, values in (("f1", f1), ("precision", precision), ("recall", recall))
    }


def one_by_one(messages: list[Message]) -> list[int]:
    rarity, book, joined = Rarity(), Book.empty(), list[int]()
    for start in range(0, len(messages), BATCH):
        found = counts([(m.title, m.text) for m in messages[start : start + BATCH]])
        rarity.learn(found)
        joined += book.add(rarity.weighted(found))
    into = book.consolidate()
    return [into.get(topic, topic) for topic in joined]


def silhouette(vectors: Any, topics: Sequence[int]) -> float:
    sizes = Counter(topics)
    kept = [n for n, topic in enumerate(topics) if topic >= 0 and sizes[topic] >= SMALL]
    return round(float(silhouette_score(vectors[kept], [topics[n] for n in kept], metric="cosine")), 3)


def run(quiet: bool = False) -> dict[str, Any]:
    if not FILE.exists():
        raise SystemExit(f"{FILE} is missing: see docs/how-to/replay-real-data.md")
    messages, ids = read()
    known: dict[str, list[int]] = json.loads((Path(__file__).parent / "known_topics.json").read_text())
    halves = [{name: known[name] for name in sorted(known)[half::2]} for half in (0, 1)]

    begun = perf_counter()
    ours = cluster(messages)
    seconds = perf_counter() - begun
    begun = perf_counter()
    _, in_all = hot_topics(messages, 10)
    whole_seconds = perf_counter() - begun

    begun = perf_counter()
    found = counts([(m.title, m.text) for m in messages])
    rarity = Rarity()
    rarity.learn(found)
    vectors = rarity.weighted(found)
    reduced = normalize(TruncatedSVD(SVD_DIMENSIONS, random_state=0).fit_transform(vectors))
    features_seconds = perf_counter() - begun
    clusters = sum(1 for n in Counter(ours).values() if n >= SMALL)
    begun = perf_counter()
    kmeans = KMeans(clusters, n_init=1, random_state=0).fit_predict(reduced).tolist()
    kmeans_seconds = perf_counter() - begun
    begun = perf_counter()
    hdbscan = HDBSCAN(min_cluster_size=5, min_samples=2, copy=True).fit_predict(reduced).tolist()
    hdbscan_seconds = perf_counter() - begun

    mine, plain = judge(ours, ids, known), judge(kmeans, ids, known)
    return {
        "value": mine["f1"],
        "unit": "mean F1 over 13 known events",
        "baseline": plain["f1"],
        "baseline_what": f"KMeans, {clusters} clusters, same features by SVD",
        "ratio": round(mine["f1"] / plain["f1"], 2),
        "details": {
            "messages": len(messages),
            "topics": in_all,
            "topics_of_three_or_more": clusters,
            "seconds": round(seconds, 2),
            "seconds_with_names": round(whole_seconds, 2),
            "ours": mine,
            "found": judge(ours, ids, halves[0]),
            "held_out": judge(ours, ids, halves[1]),
            "one_by_one": judge(one_by_one(messages), ids, known),
            "kmeans": {**plain, "seconds": round(features_seconds + kmeans_seconds, 2)},
            "hdbscan": {
                **judge(hdbscan, ids, known),
                "seconds": round(features_seconds + hdbscan_seconds, 2),
            },
            "silhouette": {"ours": silhouette(vectors, ours), "kmeans": silhouette(vectors, kmeans)},
        },
    }


if __name__ == "__main__":
    print(json.dumps({"name": "topics", **run()}, ensure_ascii=False))
