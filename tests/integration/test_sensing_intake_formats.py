"""Readings in every format of messages, through the intake into the tables."""

from tests.integration.sensing_support import PACK, at, city_of

from yunnao.modules.sensing.domain.encoding import encode

DECODERS = {
    "json": {"format": "json", "metrics": {"level": "/level"}, "time": "/t"},
    "senml": {"format": "senml", "metrics": {"level": "depth"}, "units": {"level": "m"}},
    "bits": {
        "format": "bits",
        "frame": "/data",
        "length_bytes": 2,
        "metrics": {"level": {"offset_bits": 0, "length_bits": 16, "scale": 0.001}},
        "time": "/t",
    },
    "frame": {
        "format": "bits",
        "length_bytes": 2,
        "metrics": {"level": {"offset_bits": 0, "length_bits": 16, "scale": 0.001}},
    },
    "csv": {"format": "csv", "metrics": {"level": 2}, "time": 1},
    "sparkplug": {"format": "sparkplug", "metrics": {"level": "Inputs/Level"}},
}


async def test_readings_of_every_format_are_stored(database_url: str, nats_url: str) -> None:
    document = PACK.model_dump(mode="json")
    for name, decoder in DECODERS.items():
        document["products"][name] = document["products"]["level"] | {"decoder": decoder}
    pack = type(PACK).model_validate(document)
    async with city_of(database_url, nats_url) as city:
        async with city.database.transaction() as tx:
            await city.sensing.install(tx, pack, demo=False)
        for name in DECODERS:
            await city.register(name, f"{name}-1", f"{name}-2")
        now = city.clock.now()
        stored = await city.take(
            ("senml", "senml-2", [{"bn": "urn:dev:x:", "n": "depth", "u": "m", "v": 0.7, "t": -2}]),
            ("senml", "senml-1", [{"n": "depth", "v": 0.1, "t": -60}, {"n": "depth", "v": 0.2}]),
            ("senml", "senml-1", {"level": 0.3}),
            ("bits", "bits-1", {"data": "////", "t": at(0)}),
            ("bits", "bits-1", {"data": "?", "t": at(0)}),
            ("csv", "csv-1", b"\xff"),
            ("frame", "frame-1", b"\x01"),
            ("sparkplug", "sparkplug-1", b"\xff\xff"),
            *((name, f"{name}-2", encode(pack.products[name], {"level": 0.5}, now)) for name in DECODERS),
        )
        assert stored.readings == 9
        assert [code for code, _ in await city.letters()] == [
            "senml_not_a_pack",
            "frame_length",
            "frame_unreadable",
            "payload_not_text",
            "frame_cut",
            "payload_not_sparkplug",
        ]
        async with city.database.transaction() as tx:
            for name in DECODERS:
                assert (await city.sensing.device(tx, f"{name}-2")).latest["level"].value == 0.5
        assert [value for _, value in await city.points("senml-1", "level")] == [0.1, 0.2]
