"""Installing the cases' part of packs, and teaching the dispatcher from their examples."""

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.packs.scene import ScenePack
from yunnao.modules.cases.domain import number_prefix
from yunnao.modules.cases.flows.flow import Flow
from yunnao.modules.cases.linking.rules import install_rules
from yunnao.modules.cases.store import QUERIES


async def install_city(tx: Transaction, pack: CityPack) -> None:
    """Duties, calendar, threshold of the city; replaces what was there."""
    await tx.execute(
        QUERIES["city_upsert"],
        {
            "city": pack.manifest.city,
            "code": pack.manifest.code,
            "number_prefix": number_prefix(pack.manifest.city),
            "time_zone": pack.manifest.time_zone,
            "confidence_min": pack.manifest.dispatch_confidence_min,
            "precision": pack.manifest.dispatch_precision,
            "fallback": pack.fallback,
            "calendar": Jsonb(pack.calendar.model_dump(mode="json")),
            "escalation": Jsonb([rung.model_dump() for rung in pack.manifest.escalation]),
            "doors": Jsonb(pack.manifest.doors.model_dump(mode="json")),
        },
    )
    await install_rules(tx, pack.manifest.linking)
    await tx.execute(QUERIES["duties_delete"])
    await tx.execute(
        QUERIES["duties_insert"],
        {
            "positions": list(range(len(pack.duties))),
            "categories": [duty.category for duty in pack.duties],
            "areas": [duty.area for duty in pack.duties],
            "departments": [duty.department for duty in pack.duties],
        },
    )
    await tx.execute(QUERIES["revision_next"])


async def install_scene(tx: Transaction, pack: ScenePack) -> None:
    """Categories, case types with flows and forms, examples. Raises InvalidInput for what is unsound."""
    scene = pack.manifest.scene
    await _install_categories(tx, pack)
    types = list(pack.case_types.items())
    await tx.execute(QUERIES["case_types_retire"], {"scene": scene, "types": [name for name, _ in types]})
    for position, (name, case_type) in enumerate(types):
        bpmn = pack.flows.get(case_type.flow)
        if bpmn is None:
            raise InvalidInput("flow_missing", flow=case_type.flow, case_type=name)
        try:
            Draft202012Validator.check_schema(case_type.form)
        except SchemaError as error:
            raise InvalidInput("form_schema_invalid", case_type=name, detail=error.message[:300]) from error
        flow = Flow(bpmn)
        await tx.execute(QUERIES["flow_insert"], {"hash": flow.hash, "bpmn": bpmn})
        await tx.execute(
            QUERIES["case_type_upsert"],
            {
                "type": name,
                "scene": scene,
                "label": Jsonb(case_type.label.model_dump()),
                "flow_hash": flow.hash,
                "deadline": Jsonb(case_type.deadline.model_dump()),
                "form": Jsonb(case_type.form),
                "reported_by": list(case_type.reported_by),
                "position": position,
                "archive_after_days": case_type.archive_after_days,
            },
        )
        await tx.execute(QUERIES["flow_version_insert"], {"type": name, "hash": flow.hash})
    taught = [(code, n, text) for code, texts in pack.examples.items() for n, text in enumerate(texts)]
    await tx.execute(QUERIES["examples_delete"], {"scene": scene})
    await tx.execute(
        QUERIES["examples_insert"],
        {
            "scene": scene,
            "categories": [code for code, _, _ in taught],
            "positions": [n for _, n, _ in taught],
            "texts": [text for _, _, text in taught],
        },
    )
    await tx.execute(QUERIES["revision_next"])


async def _install_categories(tx: Transaction, pack: ScenePack) -> None:
    scene = pack.manifest.scene
    await tx.execute(QUERIES["categories_retire"], {"scene": scene, "codes": list(pack.categories)})
    await tx.execute(
        QUERIES["categories_upsert"],
        {
            "scene": scene,
            "categories": Jsonb(
                [
                    {
                        "code": code,
                        "name": category.name.model_dump(),
                        "parent": category.parent,
                        "deadline": category.deadline.model_dump() if category.deadline else None,
                        "keywords": category.keywords,
                        "position": position,
                    }
                    for position, (code, category) in enumerate(pack.categories.items())
                ]
            ),
        },
    )
