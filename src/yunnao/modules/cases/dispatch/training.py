"""Teaching a model: features chosen, members fitted, votes weighed, confidence measured on held-out texts."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.cases.dispatch import features
from yunnao.modules.cases.dispatch.calibration import fit_calibration
from yunnao.modules.cases.dispatch.members import enough_for_all, fit_members, fit_stack, outputs
from yunnao.modules.cases.dispatch.model import FORMAT, Model, log_shares
from yunnao.modules.cases.dispatch.words import Splitter, is_segmented, learn_vocabulary, normalise

FOLDS = 8
"""More would cost time; with fewer, members taught by less look worse than the final ones are."""
STACK_FOLDS = 5
EXAMPLES_MIN = 2
"""Examples that each category needs, so that it can be learned and tried on another."""
CLASSES_MIN = 2
RARE_TEXTS_MAX = 30
"""Words of at most so many texts tell whether a raw and a segmented text are one message."""
RARE_WORDS_MIN = 2
SAME_SHARE_MIN = 0.6
"""Of the rare words of the one that has fewer, the share that the other has too."""

Array = np.ndarray[Any, Any]


def train(
    texts: Sequence[str],
    labels: Sequence[str],
    hints: Mapping[str, Sequence[str]] | None = None,
    seed: int = 7,
) -> Model:
    """A model of `texts` and their `labels`.

    `hints`: for a label its name and keywords, each taught as a text, never used to judge. Labels
    with fewer than `EXAMPLES_MIN` texts are left out. Raises InvalidInput `dispatch_examples_too_few`.
    """
    counts = Counter(labels)
    kept = [i for i, label in enumerate(labels) if counts[label] >= EXAMPLES_MIN]
    classes = sorted({labels[i] for i in kept})
    if len(classes) < CLASSES_MIN:
        raise InvalidInput("dispatch_examples_too_few", minimum=EXAMPLES_MIN)
    position = {label: i for i, label in enumerate(classes)}
    documents = [normalise(texts[i]) for i in kept]
    known_hints = [
        (normalise(text), position[label])
        for label, of_label in (hints or {}).items()
        for text in of_label
        if label in position
    ]
    vocabulary = learn_vocabulary(documents)
    targets = np.array([position[labels[i]] for i in kept] + [target for _, target in known_hints])
    judged = len(documents)
    full = enough_for_all(documents, targets[:judged], len(classes))
    chars_max = features.NGRAM_CHARS_MAX if full else features.NGRAM_FEW_CHARS_MAX
    taught = [*documents, *(text for text, _ in known_hints)]
    counted = features.count(taught, Splitter(vocabulary), chars_max)
    groups = same_messages(documents, counted)

    held_out, familiar = _held_out(counted, targets, groups, judged, len(classes), full, seed)
    scores, stack = _stacked(held_out, targets[:judged], groups, len(classes), full, seed)
    calibration, measured = fit_calibration(scores, familiar, targets[:judged], groups, seed)
    rows = np.arange(len(targets))
    chosen, idf = features.choose(counted, rows, targets, len(classes), _size_max(len(classes), full))
    space = features.FeatureSpace(
        tuple(vocabulary), chars_max, counted.hashes[chosen], idf[chosen], counted.of_words[chosen],
        features.known_pairs(counted),
    )  # fmt: skip
    weighed = features.weigh(counted.matrix[:, chosen].tocsr(), space.idf, space.of_words)
    report = {
        "rows": judged,
        "messages": len(np.unique(groups)),
        "classes": len(classes),
        "features": len(chosen),
        "left_out": sorted(label for label, n in counts.items() if n < EXAMPLES_MIN),
        **measured,
    }
    return Model(
        tuple(classes), space, fit_members(weighed, targets, len(classes), full=full), stack,
        calibration, report,
    )  # fmt: skip


def examples_hash(texts: Sequence[str], labels: Sequence[str], hints: Mapping[str, Sequence[str]]) -> str:
    """What a model was taught, as a hash: equal examples need no new training."""
    taught = json.dumps([FORMAT, list(zip(labels, texts, strict=True)), sorted(hints.items())])
    return hashlib.sha256(taught.encode()).hexdigest()


def same_messages(documents: Sequence[str], counted: features.Counts) -> Array:
    """A group number for each of the normalised `documents`; copies of one message share theirs.

    A message kept twice (as written and segmented) that stood on both sides of a split would make the
    held-out texts look easier than new ones are. Similar messages of different people are not copies:
    such come again among new ones too.
    """
    count = len(documents)
    first: dict[str, int] = {}
    equal = [first.setdefault(text.replace(" ", ""), i) for i, text in enumerate(documents)]
    segmented = np.array([is_segmented(text) for text in documents], dtype=bool)
    df = np.bincount(counted.matrix.indices, minlength=counted.matrix.shape[1])
    rare = np.flatnonzero((df >= 2) & (df <= RARE_TEXTS_MAX) & counted.of_words)
    has = counted.matrix[:count, rare].sign()
    sizes = np.asarray(has.sum(axis=1)).ravel()
    of_segmented = np.flatnonzero(segmented)
    others = np.flatnonzero(~segmented)
    shared = (has[of_segmented] @ has[others].T).tocoo()
    left, right = of_segmented[shared.row], others[shared.col]
    same = shared.data >= np.maximum(RARE_WORDS_MIN, SAME_SHARE_MIN * np.minimum(sizes[left], sizes[right]))
    joined = sparse.coo_matrix(
        (
            np.ones(count + int(same.sum())),
            (np.concatenate([np.arange(count), left[same]]), np.concatenate([equal, right[same]])),
        ),
        shape=(count, count),
    )
    found, groups = sparse.csgraph.connected_components(joined, directed=False)
    # Where all is one message there is nothing to hold out but its copies.
    return np.asarray(groups) if found >= FOLDS else np.arange(count)


def _held_out(
    counted: features.Counts, targets: Array, groups: Array, judged: int, classes: int, full: bool, seed: int
) -> tuple[Array, Array]:
    """Votes and familiarity of each judged text, from members that have not seen its message."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(FOLDS, int(np.bincount(targets[:judged]).min()))
    taught_always = np.arange(judged, len(targets))
    votes: Array | None = None
    familiar = np.zeros(judged)
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for learn, judge in split.split(np.zeros(judged), targets[:judged], groups):
        if not len(learn) or not len(judge):
            continue
        rows = np.concatenate([learn, taught_always])
        chosen, idf = features.choose(counted, rows, targets[rows], classes, _size_max(classes, full))
        view = counted.of_words[chosen]
        members = fit_members(
            features.weigh(counted.matrix[rows][:, chosen], idf[chosen], view),
            targets[rows], classes, full=full,
        )  # fmt: skip
        found = members.values(features.weigh(counted.matrix[judge][:, chosen], idf[chosen], view))
        if votes is None:
            votes = np.zeros((judged, found.shape[1]))
        votes[judge] = found
        familiar[judge] = _familiarity(counted, rows, judge)
    assert votes is not None
    return votes, familiar


def _familiarity(counted: features.Counts, taught: Array, judge: Array) -> Array:
    """As `FeatureSpace.familiarity`, by the counted pairs."""
    known = np.bincount(counted.matrix[taught].indices, minlength=counted.matrix.shape[1]) > 0
    pairs = np.isin(counted.hashes, counted.pairs)
    part = counted.matrix[judge]
    total = np.asarray(part[:, pairs].sum(axis=1)).ravel()
    return np.asarray(np.asarray(part[:, pairs & known].sum(axis=1)).ravel() / np.maximum(1, total))


def _stacked(
    votes: Array, targets: Array, groups: Array, classes: int, full: bool, seed: int
) -> tuple[Array, Any]:
    """Scores by stacks that have not seen the text's message, and the stack of all."""
    whole = fit_stack(votes, targets, classes, full=full)
    if not full:
        return log_shares(whole.scores(votes)), whole
    from sklearn.model_selection import StratifiedGroupKFold

    scores = np.zeros((len(targets), classes))
    split = StratifiedGroupKFold(STACK_FOLDS, shuffle=True, random_state=seed + 1)
    for learn, judge in split.split(votes, targets, groups):
        stack = fit_stack(votes[learn], targets[learn], classes, full=True)
        scores[judge] = log_shares(stack.scores(votes[judge]))
    return scores, whole


def _size_max(classes: int, full: bool) -> int:
    return features.size_max_for(outputs(classes, full=full))
