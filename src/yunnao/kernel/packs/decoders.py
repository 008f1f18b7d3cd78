"""How a product's messages are read: part of `products.yaml`, one model for each `format`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from yunnao.kernel.packs.common import Model

TimeFormat = Literal["iso8601", "epoch_s", "epoch_ms"]


class JsonDecoder(Model):
    """A JSON payload: each metric, and the time, by JSON Pointer (RFC 6901)."""

    format: Literal["json"] = "json"
    metrics: dict[str, str] = Field(description="Metric to JSON Pointer, e.g. level_m: /level.")
    time: str | None = Field(None, description="Pointer to the time; none: the time of arrival.")
    time_format: TimeFormat = "iso8601"
    device: str | None = Field(
        None,
        description="Pointer to the device, where gateways speak for many: their messages are a list of such"
        " objects, or one object of lists. None: every device speaks for itself.",
    )


class SenmlDecoder(Model):
    """A SenML pack in JSON (RFC 8428). Each record is a reading at its own time."""

    format: Literal["senml"]
    metrics: dict[str, str] = Field(
        min_length=1,
        description="Metric to name: a record's whole name, or what follows one of its `:` and `/`.",
    )
    units: dict[str, str] = Field(
        {}, description="Metric to SenML unit, e.g. Cel: records in another unit are refused."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> "SenmlDecoder":
        if len(set(self.metrics.values())) < len(self.metrics) or not all(self.metrics.values()):
            raise ValueError("every metric needs a name of its own")
        if set(self.units) - set(self.metrics):
            raise ValueError(f"units of unknown metrics: {sorted(set(self.units) - set(self.metrics))}")
        return self


class BitField(Model):
    """A whole number within a frame. Bit 0 is the highest bit of the first byte."""

    offset_bits: int = Field(ge=0)
    length_bits: int = Field(ge=1, le=64)
    signed: bool = Field(False, description="Two's complement.")
    endianness: Literal["big", "little"] = Field("big", description="little: of whole bytes only.")

    @property
    def end_bits(self) -> int:
        return self.offset_bits + self.length_bits

    @property
    def lowest(self) -> int:
        return -(1 << (self.length_bits - 1)) if self.signed else 0

    @property
    def highest(self) -> int:
        return (1 << (self.length_bits - self.signed)) - 1

    def check(self, numbers: list[int]) -> None:
        """Raises ValueError for a number that the field cannot hold."""
        if not all(self.lowest <= number <= self.highest for number in numbers):
            raise ValueError(f"the field holds {self.lowest} to {self.highest} only")

    @model_validator(mode="after")
    def _little_has_bytes(self) -> "BitField":
        if self.endianness == "little" and (self.offset_bits % 8 or self.length_bits % 8):
            raise ValueError("a little-endian field begins and ends with a byte")
        return self


class BitCondition(BitField):
    """Holds where a field, such as the type of the message, has one of some numbers."""

    equals: list[int] = Field(min_length=1)

    @model_validator(mode="after")
    def _numbers_fit(self) -> "BitCondition":
        self.check(self.equals)
        return self


class BitMetric(BitField):
    """A metric within a frame: number x `scale` + `offset`."""

    scale: float = Field(1.0, allow_inf_nan=False)
    offset: float = Field(0.0, allow_inf_nan=False)
    invalid: list[int] = Field([], description="Numbers, before scaling, that say: no value.")
    when: BitCondition | None = Field(None, description="None: every frame has the metric.")

    @model_validator(mode="after")
    def _usable(self) -> "BitMetric":
        self.check(self.invalid)
        if self.scale == 0:
            raise ValueError("`scale` must not be zero")
        return self


class BitsDecoder(Model):
    """A binary frame (NB-IoT, LoRaWAN): the payload, or text within JSON as network servers forward it."""

    format: Literal["bits"]
    frame: str | None = Field(
        None, description="JSON Pointer to the frame, e.g. /data; none: the payload is the frame."
    )
    encoding: Literal["base64", "hex"] = Field("base64", description="Of a frame within JSON.")
    length_bytes: int = Field(
        ge=1, le=256, description="Of the longest frame; shorter ones may lack the metrics of others."
    )
    metrics: dict[str, BitMetric] = Field(min_length=1)
    time: str | None = Field(None, description="Pointer to the time; none: the time of arrival.")
    time_format: TimeFormat = "iso8601"

    @model_validator(mode="after")
    def _time_has_a_place(self) -> "BitsDecoder":
        if self.frame is None and self.time is not None:
            raise ValueError("a payload that is the frame has no JSON around it to hold a time")
        return self

    @model_validator(mode="after")
    def _fields_inside(self) -> "BitsDecoder":
        for name, field in self.metrics.items():
            ends = (field.end_bits, field.when.end_bits if field.when else 0)
            if max(ends) > self.length_bytes * 8:
                raise ValueError(f"{name} lies outside the frame of {self.length_bytes} bytes")
        return self


Column = Annotated[int, Field(ge=1, le=1_000)]
"""The number of a column, from 1."""


class CsvDecoder(Model):
    """Lines of text, each a reading. As RFC 4180, but quotes neither hide delimiters nor line breaks:
    so a stray quote of one device cannot swallow another's lines."""

    format: Literal["csv"]
    metrics: dict[str, Column] = Field(min_length=1, description="Metric to column, the first is 1.")
    time: Column | None = Field(None, description="Column of the time; none: the time of arrival.")
    time_format: TimeFormat = "iso8601"
    delimiter: str = Field(",", pattern=r"^[^\"\r\n]$")
    header_lines: int = Field(0, ge=0, le=10, description="Lines at the start of each message to pass over.")

    @model_validator(mode="after")
    def _columns_differ(self) -> "CsvDecoder":
        used = [*self.metrics.values(), *([] if self.time is None else [self.time])]
        if len(set(used)) < len(used):
            raise ValueError("every metric and the time need a column of their own")
        return self


class SparkplugDecoder(Model):
    """A Sparkplug B payload (Eclipse Sparkplug 3.0, chapter 6): each metric at its own time."""

    format: Literal["sparkplug"]
    metrics: dict[str, str] = Field(min_length=1, description="Metric to its name in the payload.")
    aliases: dict[str, int] = Field(
        {}, description="Metric to alias, for devices whose data messages carry no names."
    )
    datatypes: dict[str, Literal["Int8", "Int16", "Int32", "Int64"]] = Field(
        {}, description="Signed metrics of devices whose data messages carry no data type."
    )

    @model_validator(mode="after")
    def _told_apart(self) -> "SparkplugDecoder":
        for given in (list(self.metrics.values()), list(self.aliases.values())):
            if len(set(given)) < len(given):
                raise ValueError("every metric needs a name and an alias of its own")
        unknown = (set(self.aliases) | set(self.datatypes)) - set(self.metrics)
        if unknown:
            raise ValueError(f"aliases or data types of unknown metrics: {sorted(unknown)}")
        return self


Decoder = Annotated[
    JsonDecoder | SenmlDecoder | BitsDecoder | CsvDecoder | SparkplugDecoder, Field(discriminator="format")
]


def is_binary(decoder: Decoder) -> bool:
    """Whether the payload is bytes to be read as they are, and not JSON."""
    return isinstance(decoder, CsvDecoder | SparkplugDecoder) or (
        isinstance(decoder, BitsDecoder) and decoder.frame is None
    )
