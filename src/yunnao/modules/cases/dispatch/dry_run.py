"""What the dispatcher would make of texts if it knew one pack only; for the pack's own test cases."""

from collections.abc import Sequence

from yunnao.kernel.packs.scene import ScenePack
from yunnao.modules.cases.dispatch.training import train


def dry_run(pack: ScenePack, texts: Sequence[str]) -> list[str]:
    """The category of each text, from a model taught with the examples of `pack`.

    Raises InvalidInput `dispatch_examples_too_few`.
    """
    taught = [(text, code) for code, examples in pack.examples.items() for text in examples]
    hints = {code: [c.name.zh, *c.keywords] for code, c in pack.categories.items()}
    trained = train([text for text, _ in taught], [code for _, code in taught], hints)
    categories, _ = trained.confidences(texts)
    return categories
