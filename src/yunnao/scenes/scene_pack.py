"""Loading scene packs: every file, every reference, or nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from yunnao.kernel.packs.indicators import IndicatorsFile
from yunnao.kernel.packs.rules import RulesFile
from yunnao.kernel.packs.scene import (
    CasesFile,
    DevicesFile,
    EntitiesFile,
    ExamplesFile,
    PackCase,
    ProductsFile,
    QualityFile,
    ReadingsExpected,
    ReportExpected,
    ReportsFile,
    SceneManifest,
    ScenePack,
    ViewsFile,
)
from yunnao.scenes.flows import check_flow
from yunnao.scenes.problems import PackRefused, Problem
from yunnao.scenes.scene_checks import Known, check_scene
from yunnao.scenes.source import PackSource

manifest_file = "scene.yaml"
scene_files = (
    manifest_file,
    "entities.yaml",
    "products.yaml",
    "rules.yaml",
    "cases.yaml",
    "indicators.yaml",
    "flows/*.bpmn",
    "views.yaml",
    "examples.yaml",
    "devices.yaml",
    "reports.yaml",
    "cases/*.input.json",
    "cases/*.expected.json",
    "quality.yaml",
)


def load_scene(folder: Path, required: Mapping[str, ScenePack] | None = None) -> ScenePack:
    """The scene pack in `folder`.

    Scenes that it requires come from `required`, else from the folders beside it. Raises
    PackRefused with every problem found.
    """
    return _load(folder, dict(required or {}), ())


def load_scenes(folders: Sequence[Path]) -> list[ScenePack]:
    """Several packs and those that they require, each after its requirements.

    Raises PackRefused at the first broken pack, or where two packs define the same name.
    """
    loaded: dict[str, ScenePack] = {}
    for folder in folders:
        pack = _load(folder, loaded, ())
        loaded[pack.manifest.scene] = pack
    order: list[ScenePack] = []

    def place(pack: ScenePack) -> None:
        for name in pack.manifest.requires:
            if name in loaded:
                place(loaded[name])
        if pack not in order:
            order.append(pack)

    for name in sorted(loaded):
        place(loaded[name])
    _refuse_clashes(order)
    return order


def with_requirements(folders: Sequence[Path]) -> list[Path]:
    """The folders and those of the scenes that they require, which lie beside them, each after its
    requirements. Raises as `load_scenes` does."""
    packs = load_scenes(folders)
    known = {folder.name: folder for folder in folders}
    for pack in reversed(packs):
        beside = known[pack.manifest.scene].resolve().parent
        for name in pack.manifest.requires:
            known.setdefault(name, beside / name)
    return [known[pack.manifest.scene] for pack in packs]


def _load(folder: Path, loaded: dict[str, ScenePack], above: tuple[str, ...]) -> ScenePack:
    source = PackSource(folder)
    source.check_files(scene_files)
    manifest = source.read(manifest_file, SceneManifest, required=True)
    entities = source.read("entities.yaml", EntitiesFile)
    products = source.read("products.yaml", ProductsFile)
    rules = source.read("rules.yaml", RulesFile)
    cases = source.read("cases.yaml", CasesFile)
    indicators = source.read("indicators.yaml", IndicatorsFile)
    views = source.read("views.yaml", ViewsFile)
    examples = source.read("examples.yaml", ExamplesFile)
    devices = source.read("devices.yaml", DevicesFile)
    reports = source.read("reports.yaml", ReportsFile)
    quality = source.read("quality.yaml", QualityFile)
    flows = _flows(source)
    tests = _cases(source)
    if manifest is None:
        source.refuse_if_broken()
        raise AssertionError("a pack without a manifest has a problem")
    if manifest.scene != folder.name:
        source.add(manifest_file, ("scene",), "pack_name_differs", name=manifest.scene, folder=folder.name)
    needed = _requirements(source, manifest, loaded, above)
    pack = ScenePack(
        manifest=manifest,
        entity_types=entities.entity_types if entities else {},
        products=products.products if products else {},
        rules=rules.rules if rules else {},
        categories=cases.categories if cases else {},
        case_types=cases.case_types if cases else {},
        indicators=indicators.indicators if indicators else {},
        flows=flows,
        layers=views.layers if views else {},
        examples=examples.examples if examples else {},
        devices=devices.owned() if devices else [],
        reports=reports.reports if reports else [],
        quality=quality,
        cases=tests,
    )
    broken = frozenset(problem.file for problem in source.problems)
    check_scene(source, pack, Known.of(pack, needed, broken))
    source.refuse_if_broken()
    return pack


def _requirements(
    source: PackSource, manifest: SceneManifest, loaded: dict[str, ScenePack], above: tuple[str, ...]
) -> list[ScenePack]:
    """The packs that this one requires, and those that they require."""
    needed: list[ScenePack] = []
    chain = (*above, manifest.scene)
    for index, name in enumerate(manifest.requires):
        path = ("requires", index)
        if name in chain:
            cycle = " → ".join((*chain, name))
            source.add(manifest_file, path, "pack_requires_cycle", cycle=cycle)
            continue
        if name not in loaded:
            beside = source.folder.resolve().parent / name
            if not beside.is_dir():
                source.add(manifest_file, path, "pack_scene_unknown", name=name)
                continue
            try:
                loaded[name] = _load(beside, loaded, chain)
            except PackRefused as refused:
                detail = refused.problems[0].to()
                source.add(manifest_file, path, "pack_required_broken", name=name, detail=detail)
                continue
        needed.append(loaded[name])
        needed.extend(loaded[other] for other in loaded[name].manifest.requires if other in loaded)
    return needed


def _flows(source: PackSource) -> dict[str, str]:
    flows: dict[str, str] = {}
    for file in _files(source, "flows/", ".bpmn"):
        xml = source.text(file)
        if xml is None:
            continue
        for line, code, params in check_flow(xml):
            source.problems.append(Problem(file, line, "", code, params))
        flows[file] = xml
    return flows


def _cases(source: PackSource) -> list[PackCase]:
    cases: list[PackCase] = []
    inputs = {file.removesuffix(".input.json") for file in _files(source, "cases/", ".input.json")}
    outputs = {file.removesuffix(".expected.json") for file in _files(source, "cases/", ".expected.json")}
    for stem in sorted(inputs ^ outputs):
        pair = (".input.json", ".expected.json")
        there, lacking = pair if stem in inputs else reversed(pair)
        source.add(stem + there, (), "pack_case_alone", missing=stem + lacking)
    for stem in sorted(inputs & outputs):
        given = source.json(stem + ".input.json")
        expected = source.json(stem + ".expected.json")
        if given is None or expected is None:
            continue
        case = _case(source, stem, given, expected)
        if case is not None:
            cases.append(case)
    return cases


def _case(source: PackSource, stem: str, given: Any, expected: Any) -> PackCase | None:
    name = stem.removeprefix("cases/")
    report = isinstance(given, dict) and given.get("kind") == "report"
    outcome = source.validate(
        stem + ".expected.json", expected, ReportExpected if report else ReadingsExpected
    )
    if outcome is None:
        return None
    # The input is a tagged union; a whole case is validated, and its path cut to the input's.
    try:
        return PackCase.model_validate({"name": name, "input": given, "expected": outcome})
    except ValidationError as error:
        source.add_errors(stem + ".input.json", given, error, skip=1)
        return None


def _files(source: PackSource, prefix: str, suffix: str) -> list[str]:
    if not source.folder.is_dir():
        return []
    return [file for file in source.files if file.startswith(prefix) and file.endswith(suffix)]


def _refuse_clashes(packs: Sequence[ScenePack]) -> None:
    """Names that cases, devices and rules are known by must be unique over all scenes."""
    owners: dict[tuple[str, str], str] = {}
    for pack in packs:
        problems: list[Problem] = []
        for kind, file, names in (
            ("products", "products.yaml", pack.products),
            ("entity_types", "entities.yaml", pack.entity_types),
            ("rules", "rules.yaml", pack.rules),
            ("categories", "cases.yaml", pack.categories),
            ("case_types", "cases.yaml", pack.case_types),
            ("indicators", "indicators.yaml", pack.indicators),
        ):
            for name in names:
                owner = owners.setdefault((kind, name), pack.manifest.scene)
                if owner != pack.manifest.scene:
                    params = {"name": name, "scene": owner}
                    problems.append(Problem(file, None, f"{kind}.{name}", "pack_name_taken", params))
        if problems:
            raise PackRefused(pack.manifest.scene, problems)
