"""Topics of other brokers as products and devices."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from yunnao.modules.sensing.bridge.spec import BrokerBridge, read_bridges
from yunnao.modules.sensing.bridge.topics import TopicMapping
from yunnao.scenes.problems import PackRefused


@pytest.mark.parametrize(
    ("topic_filter", "topic", "named"),
    [
        ("water/+/level", "water/W-7/level", ("level", "W-7")),
        ("water/+/level", "water/W-7/flow", None),
        ("water/+/level", "water/a/b/level", None),
        ("water/+/#", "water/W-7", ("level", "W-7")),
        ("water/+/#", "water/W-7/raw/1", ("level", "W-7")),
        ("a.b/+", "axb/1", None),
    ],
)
def test_a_mapping_names_what_its_filter_matches(
    topic_filter: str, topic: str, named: tuple[str, str] | None
) -> None:
    mapping = TopicMapping(filter=topic_filter, product="level", device="{1}")
    assert mapping.named(topic) == named


def test_product_and_device_may_come_from_the_topic() -> None:
    mapping = TopicMapping(filter="+/site/+/up", product="{1}", device="S{2}-x")
    assert mapping.named("pump/site/9/up") == ("pump", "S9-x")


@pytest.mark.parametrize(
    ("topic_filter", "device"), [("a/b+/c", "x"), ("a/#/c", "x"), ("a/+", "{2}"), ("a/b", "{1}")]
)
def test_an_unsound_mapping_is_refused(topic_filter: str, device: str) -> None:
    with pytest.raises(ValidationError):
        TopicMapping(filter=topic_filter, product="p", device=device)


def test_a_password_does_not_belong_into_the_url() -> None:
    with pytest.raises(ValidationError, match="password_variable"):
        BrokerBridge(
            name="b", url="mqtt://u:secret@h", topics=[TopicMapping(filter="+", product="p", device="{1}")]
        )


def test_only_mqtt_5_subscriptions_are_shared() -> None:
    topics = [TopicMapping(filter="a/+", product="p", device="{1}")]
    assert BrokerBridge(name="b", url="mqtt://h", topics=topics).subscriptions() == ["$share/yunnao/a/+"]
    assert BrokerBridge(name="b", url="mqtt://h", topics=topics, protocol="3.1.1").subscriptions() == ["a/+"]


def test_a_broken_file_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bridges.yaml"
    file.write_text(
        "bridges:\n  - name: water\n    url: mqtt://h\n    topics:\n      - filter: a/+\n        product: p\n"
    )
    with pytest.raises(PackRefused) as refused:
        read_bridges(file)
    assert refused.value.problems[0].line == 5
    assert refused.value.problems[0].path == "bridges.0.topics.0.device"
