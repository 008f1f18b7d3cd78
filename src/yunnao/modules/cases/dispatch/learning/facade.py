"""Training, judging and promoting the dispatcher's models in a city."""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from yunnao.infra.files import FileStore
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.kernel.time import Clock
from yunnao.modules.cases.dispatch import training
from yunnao.modules.cases.dispatch.learning import store
from yunnao.modules.cases.dispatch.learning.domain import HELD_OUT_MIN, Comparison, compare, held_out
from yunnao.modules.cases.dispatch.model import Model

CASES_TAUGHT_MAX = 20_000
"""The newest ones; two minutes of training on two cores."""
CASES_NEW_MIN = 200
"""So many newly closed cases are worth a night's training."""
MODELS_TOLD_MAX = 50

log = structlog.get_logger()
View = dict[str, Any]


@dataclass(frozen=True)
class _Known:
    """What a model is taught and judged by."""

    texts: list[str]
    labels: list[str]
    hints: dict[str, list[str]]
    examples_hash: str
    cases: int
    corrected: int
    judged_texts: list[str]
    judged_labels: list[str]


class Learning:
    """The room's door. Every method works in the transaction it is given."""

    def __init__(self, clock: Clock, files: FileStore) -> None:
        self._clock = clock
        self._files = files

    async def ensure_trained(self, tx: Transaction) -> None:
        """Puts a model in place that knows the installed examples, where the current one does not.

        What the city's cases have taught is taught again. Too few examples leave the dispatcher
        without a model: every text then goes to the desk.
        """
        known = await self._known(tx)
        champion = await store.one(tx, "model_champion")
        if champion is not None and champion["examples_hash"] == known.examples_hash:
            return
        try:
            kept = await self._train(tx, known, None)
        except InvalidInput as error:
            log.warning("dispatch_untrained", reason=str(error))
            return
        # Categories may have come or gone: the old champion is no longer one of this city's.
        await self._promote(tx, kept["hash"])
        log.info("dispatch_trained", rows=kept["report"]["rows"], macro_f1=kept["report"]["macro_f1"])

    async def train(self, tx: Transaction) -> View:
        """A challenger of the examples and the city's cases, compared with the champion.

        Raises Conflict `dispatch_training_runs`, InvalidInput `dispatch_examples_too_few`.
        """
        taken = await store.one(tx, "training_lock")
        if not (taken and taken["taken"]):
            raise Conflict("dispatch_training_runs")
        known = await self._known(tx)
        champion = await store.one(tx, "model_champion")
        held = await self._load(champion) if champion else None
        return await self._train(tx, known, held)

    async def evaluate(self, tx: Transaction) -> View:
        """Champion and challenger on today's held-out cases. Raises NotFound `dispatch_challenger_none`."""
        champion, challenger = await self._rivals(tx)
        known = await self._known(tx)
        judged = await self._compared(known, await self._load(champion), await self._load(challenger))
        await store.run(tx, "model_judged", hash=challenger["hash"], comparison=Jsonb(judged.to_dict()))
        return {"champion": champion["hash"], "challenger": challenger["hash"], **_told(judged)}

    async def promote(self, tx: Transaction) -> View:
        """The challenger becomes champion, unless it is worse on the city's own held-out cases.

        Raises NotFound `dispatch_challenger_none`, Conflict `dispatch_held_out_few`,
        `dispatch_challenger_worse`.
        """
        champion, challenger = await self._rivals(tx)
        known = await self._known(tx)
        judged = await self._compared(known, await self._load(champion), await self._load(challenger))
        if not judged.enough:
            raise Conflict("dispatch_held_out_few", rows=judged.rows, minimum=HELD_OUT_MIN)
        if not judged.not_worse:
            raise Conflict(
                "dispatch_challenger_worse", champion=judged.champion_accuracy,
                challenger=judged.challenger_accuracy, rows=judged.rows,
            )  # fmt: skip
        await store.run(tx, "model_judged", hash=challenger["hash"], comparison=Jsonb(judged.to_dict()))
        await self._promote(tx, challenger["hash"])
        return {"champion": challenger["hash"], "replaced": champion["hash"], **_told(judged)}

    async def models(self, tx: Transaction) -> list[View]:
        """Newest first, each with its report and how it compared with the champion of then."""
        return [_view(row) for row in await store.rows(tx, "models_list", limit=MODELS_TOLD_MAX)]

    async def nightly(self, tx: Transaction) -> None:
        """For a timer: trains where enough cases were closed; promotes what is clearly better."""
        found = await store.one(tx, "cases_new", limit=CASES_NEW_MIN)
        if found is None or found["cases"] < CASES_NEW_MIN:
            return
        kept = await self.train(tx)
        judged = kept["comparison"]
        if judged is not None and judged["clearly_better"]:
            await self._promote(tx, kept["hash"])

    async def _known(self, tx: Transaction) -> _Known:
        examples = await store.rows(tx, "examples_list")
        categories = await store.rows(tx, "categories_list")
        cases = await store.rows(tx, "cases_taught", limit=CASES_TAUGHT_MAX)
        running = {row["code"] for row in categories}
        cases = [row for row in cases if row["category"] in running]
        taught = [row for row in cases if not held_out(row["id"])]
        judged = [row for row in cases if held_out(row["id"])]
        hints = {row["code"]: [row["name"]["zh"], *row["keywords"]] for row in categories}
        texts, labels = [row["text"] for row in examples], [row["category"] for row in examples]
        return _Known(
            texts + [row["text"] for row in taught],
            labels + [row["category"] for row in taught],
            hints,
            training.examples_hash(texts, labels, hints),
            len(taught),
            sum(row["corrected"] for row in taught),
            [row["text"] for row in judged],
            [row["category"] for row in judged],
        )

    async def _train(self, tx: Transaction, known: _Known, champion: Model | None) -> View:
        model = await asyncio.to_thread(training.train, known.texts, known.labels, known.hints)
        judged = await self._compared(known, champion, model) if champion else None
        report = {**model.report, "cases": known.cases, "corrected": known.corrected}
        content_hash = await self._files.put(await asyncio.to_thread(model.dump))
        await store.run(
            tx, "model_keep", hash=content_hash, examples_hash=known.examples_hash, report=Jsonb(report),
            taught_by="cases" if known.cases >= CASES_NEW_MIN else "examples",
            comparison=Jsonb(judged.to_dict()) if judged else None, now=self._clock.now(),
        )  # fmt: skip
        return {
            "hash": content_hash,
            "report": report,
            "comparison": _told(judged) if judged else None,
        }

    async def _promote(self, tx: Transaction, content_hash: str) -> None:
        await store.run(tx, "model_step_down")
        await store.run(tx, "model_promote", hash=content_hash, now=self._clock.now())
        await store.run(tx, "revision_next")

    async def _rivals(self, tx: Transaction) -> tuple[Row, Row]:
        champion = await store.one(tx, "model_champion")
        challenger = await store.one(tx, "model_challenger")
        if champion is None or challenger is None:
            raise NotFound("dispatch_challenger_none")
        return champion, challenger

    async def _load(self, row: Row) -> Model:
        content = await self._files.get(row["hash"])
        return await asyncio.to_thread(Model.load, content)

    async def _compared(self, known: _Known, champion: Model, challenger: Model) -> Comparison:
        first, _ = await asyncio.to_thread(champion.confidences, known.judged_texts)
        second, _ = await asyncio.to_thread(challenger.confidences, known.judged_texts)
        return compare(known.judged_labels, first, second)


def _told(judged: Comparison) -> View:
    return {**judged.to_dict(), "not_worse": judged.not_worse, "clearly_better": judged.clearly_better}


def _view(row: Row) -> View:
    return {
        "hash": row["hash"],
        "champion": row["current"],
        "taught_by": row["taught_by"],
        "trained_at": row["trained_at"],
        "promoted_at": row["promoted_at"],
        "report": row["report"],
        "comparison": row["comparison"],
    }
