"""Names in NATS of what devices send, and how an MQTT topic reads there.

A device publishes at QoS 1 to the topic `yunnao/v1/{product}/{device}`. The NATS server keeps it
in the stream `$MQTT_msgs` before it acknowledges, under `$MQTT.msgs.` plus the topic with dots for
slashes. A subject transform of that stream moves it to `$MQTT.msgs.yunnao.p.{n}.{product}.{device}`,
where n is a hash of product and device: all of one device is in one partition, in order.

The transform belongs to the stream and not to the account's mappings: those are skipped for a
message that arrives in one packet with CONNECT, which would be acknowledged and lost.
"""

from collections.abc import Sequence
from typing import NamedTuple

from yunnao.kernel.errors import InvalidInput

PARTITIONS = 4
MQTT_STREAM = "$MQTT_msgs"
DEVICE_PUBLISHES = ("yunnao.v1.>", "yunnao.acks.>")
"""What the user `device` may publish: readings, and answers to commands."""
DEVICE_SUBSCRIBES = ("yunnao.commands.>", "yunnao.alarms.>")
"""What the user `device` may subscribe to: commands, and at an edge site its alarms; both are published
by the platform only."""
DELIVERY_SUBJECTS = "$MQTT.sub.>"
"""Where the server's MQTT gateway gives a client its own QoS 1 messages; whoever may subscribe at
QoS 1 needs it. No MQTT client can name it: topics that begin with a dollar sign are the server's."""

STORED_PREFIX = "$MQTT.msgs."
TRANSFORM_FROM = "$MQTT.msgs.yunnao.v1.*.*"
TRANSFORM_TO = (
    f"$MQTT.msgs.yunnao.p.{{{{partition({PARTITIONS},1,2)}}}}.{{{{wildcard(1)}}}}.{{{{wildcard(2)}}}}"
)
STRAY_FILTER = "$MQTT.msgs.yunnao.v1.>"
"""Topics under yunnao/v1 that do not name exactly a product and a device: for the dead letters."""

MQTT_QOS1 = {"Nmqtt-Pub": "1"}
"""Header of what goes into the stream by JetStream and out to MQTT clients at QoS 1."""
ACKS_FILTER = "$MQTT.msgs.yunnao.acks.>"
"""Every device's answers to commands."""

COLUMNS_SUBJECTS = tuple(f"{STORED_PREFIX}yunnao.p.{partition}.columns" for partition in range(PARTITIONS))
"""By partition: readings of its devices in columns, that the platform itself has read and checked."""
FNV_OFFSET, FNV_PRIME = 0x811C9DC5, 0x01000193
EDGE_PREFIX = "yunnao.edge."
EDGE_UP_SUBJECTS = "yunnao.edge.*.up.>"
"""What edge sites hand up; the centre's stream `EDGE` keeps it until it is in the intake."""
EDGE_ASK_SUBJECTS = "yunnao.edge.*.ask"

topic_level_chars_max = 128


class IntakeSubject(NamedTuple):
    """Where a stored message belongs: its partition, product and device."""

    partition: int
    product: str
    device: str


def partition_filter(partition: int) -> str:
    """The filter of the consumer that owns `partition` (0 … PARTITIONS - 1)."""
    return f"{STORED_PREFIX}yunnao.p.{partition}.>"


def partition_of(product: str, device: str) -> int:
    """Where the stream's transform puts a device: 32-bit FNV-1a of both tokens, as the server computes it."""
    found = FNV_OFFSET
    for byte in (_token(product) + _token(device)).encode():
        found = (found ^ byte) * FNV_PRIME & 0xFFFFFFFF
    return found % PARTITIONS


def device_topic(product: str, device: str) -> str:
    """The MQTT topic of a device; raises InvalidInput `topic_level_invalid` for unusable names."""
    return f"yunnao/v1/{_checked(product)}/{_checked(device)}"


def intake_subject(product: str, device: str) -> str:
    """The subject to publish to JetStream for what came by HTTP; the stream partitions it."""
    return f"{STORED_PREFIX}yunnao.v1.{_token(product)}.{_token(device)}"


def lane_subject(partition: int, product: str, device: str) -> str:
    """As `intake_subject`, past the hash: for a device that is at home in another partition."""
    return f"{STORED_PREFIX}yunnao.p.{partition}.{_token(product)}.{_token(device)}"


def command_topic(product: str, device: str) -> str:
    """The MQTT topic on which a device receives commands."""
    return f"yunnao/commands/{_checked(product)}/{_checked(device)}"


def command_subject(product: str, device: str) -> str:
    """The subject to publish a command to in JetStream: a client's session, once it has subscribed
    at QoS 1 without a clean session, keeps what comes there while the client is away."""
    return f"{STORED_PREFIX}yunnao.commands.{_token(product)}.{_token(device)}"


def ack_topic(product: str, device: str) -> str:
    """The MQTT topic on which a device answers commands."""
    return f"yunnao/acks/{_checked(product)}/{_checked(device)}"


def read_ack_subject(subject: str) -> tuple[str, str]:
    """Product and device of an answer stored under `$MQTT.msgs.yunnao.acks.`.

    Raises InvalidInput `topic_level_invalid` for any other subject.
    """
    parts = subject.removeprefix(STORED_PREFIX).split(".")
    if len(parts) != 4 or parts[:2] != ["yunnao", "acks"]:
        raise InvalidInput("topic_level_invalid", name=subject[:topic_level_chars_max])
    return parts[2].replace("//", "."), parts[3].replace("//", ".")


def device_permissions(product: str, device: str) -> tuple[list[str], list[str]]:
    """What a device with credentials of its own may publish, and what it may subscribe to."""
    own = f"{_token(product)}.{_token(device)}"
    return [f"yunnao.v1.{own}", f"yunnao.acks.{own}"], [f"yunnao.commands.{own}", DELIVERY_SUBJECTS]


def subscriber_permissions(subscription: str) -> tuple[list[str], list[str]]:
    """What the reader of a subscription's topic may publish, and what it may subscribe to.

    It has nothing to publish; an empty list would allow everything, so a subject that nobody reads
    stands in it.
    """
    own = f"yunnao.shared.{_token(subscription)}"
    return ["yunnao.nothing"], [own, DELIVERY_SUBJECTS]


def mqtt_client_id(device: str) -> str:
    """The client id of a device's MQTT session: the server takes no dots there."""
    return device.replace(".", "//")


def is_client_of(client_id: str, device: str) -> bool:
    """Whether a session is the device's: its client id, alone or before a slash and a word.

    An MQTT session belongs to its client id, so nobody may take another's.
    """
    own = mqtt_client_id(device)
    rest = client_id.removeprefix(f"{own}/")
    return client_id == own or (rest != client_id and not rest.startswith("/"))


def observations_topic(series: int) -> str:
    """The MQTT topic of a Datastream's Observations (OGC 18-088, clause 14)."""
    return f"v1.1/Datastreams({series})/Observations"


def observations_subject(series: int) -> str:
    """The subject to publish a Datastream's Observations to in JetStream."""
    return f"{STORED_PREFIX}v1//1.Datastreams({series}).Observations"


def observer_permissions(series: Sequence[int]) -> tuple[list[str], list[str]]:
    """What the reader of these Datastreams may publish, which is nothing, and what it may subscribe to."""
    topics = [observations_subject(one).removeprefix(STORED_PREFIX) for one in series]
    return ["yunnao.nothing"], [*topics, DELIVERY_SUBJECTS]


def shared_topic(subscription: str) -> str:
    """The MQTT topic of a subscription to shared readings."""
    return f"yunnao/shared/{_checked(subscription)}"


def shared_subject(subscription: str) -> str:
    """The subject to publish a subscription's readings to in JetStream."""
    return f"{STORED_PREFIX}yunnao.shared.{_token(subscription)}"


def local_alarm_subject(product: str, device: str) -> str:
    """Where an edge site tells of a device's alarms; by MQTT `yunnao/alarms/{product}/{device}`."""
    return f"yunnao.alarms.{_token(product)}.{_token(device)}"


def edge_user(edge: str) -> str:
    """As whom an edge site connects to the centre."""
    return f"edge-{edge}"


def edge_publishes(edge: str) -> tuple[str, ...]:
    """All that an edge site may publish at the centre."""
    return (f"{EDGE_PREFIX}{edge}.up.>", edge_ask_subject(edge))


def edge_ask_subject(edge: str) -> str:
    """Where an edge site tells how it is and asks for what it should know."""
    return f"{EDGE_PREFIX}{edge}.ask"


def edge_up_subject(edge: str, product: str, device: str) -> str:
    """The subject under which an edge site hands a device's message to the centre."""
    return f"{EDGE_PREFIX}{edge}.up.{_token(product)}.{_token(device)}"


def read_edge_subject(subject: str) -> tuple[str, str, str]:
    """Edge site, product and device of a message handed up; raises InvalidInput `topic_level_invalid`."""
    parts = subject.removeprefix(EDGE_PREFIX).split(".")
    if len(parts) != 4 or parts[1] != "up":
        raise InvalidInput("topic_level_invalid", name=subject[:topic_level_chars_max])
    return parts[0], parts[2].replace("//", "."), parts[3].replace("//", ".")


def read_device_subject(subject: str) -> tuple[str, str]:
    """Product and device of a message in a stream that does not partition: an edge site's.

    Raises InvalidInput `topic_level_invalid` for any other subject.
    """
    parts = subject.removeprefix(STORED_PREFIX).split(".")
    if len(parts) != 4 or parts[:2] != ["yunnao", "v1"]:
        raise InvalidInput("topic_level_invalid", name=subject[:topic_level_chars_max])
    return parts[2].replace("//", "."), parts[3].replace("//", ".")


def read_subject(subject: str) -> IntakeSubject:
    """Partition, product and device of a message stored under `$MQTT.msgs.yunnao.p.`.

    Raises InvalidInput `topic_level_invalid` for any other subject.
    """
    parts = subject.removeprefix(STORED_PREFIX).split(".")
    if len(parts) != 5 or parts[:2] != ["yunnao", "p"] or not parts[2].isdecimal():
        raise InvalidInput("topic_level_invalid", name=subject[:topic_level_chars_max])
    return IntakeSubject(int(parts[2]), parts[3].replace("//", "."), parts[4].replace("//", "."))


def usable_character(char: str) -> bool:
    """Whether `char` can stand in a level of a topic."""
    return char not in "/#+*>" and not char.isspace() and char.isprintable()


def _token(name: str) -> str:
    """The NATS token of one topic level: the MQTT gateway writes a dot as two slashes."""
    return _checked(name).replace(".", "//")


def _checked(name: str) -> str:
    """`name`, if it can stand as one level of a topic and one token of a subject."""
    if (
        not 0 < len(name) <= topic_level_chars_max
        or not all(map(usable_character, name))
        or name.startswith("$")
    ):
        raise InvalidInput("topic_level_invalid", name=name[:topic_level_chars_max])
    return name
