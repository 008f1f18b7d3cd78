"""Which other brokers the city listens to: the file that `YUNNAO_BRIDGES` names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, model_validator

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.common import Model, Slug
from yunnao.modules.sensing.bridge.topics import TopicMapping
from yunnao.scenes.source import PackSource

plain_port, tls_port = 1883, 8883


class BrokerBridge(Model):
    """One broker, how to sign in there, and which of its topics are devices of ours."""

    name: Slug
    url: str = Field(description="mqtt://[user@]host[:port], or mqtts:// for TLS.")
    password_variable: str | None = Field(
        None, description="The environment variable that holds the password, so that no file does."
    )
    ca_file: str | None = Field(None, description="Whom to trust with mqtts; none: the system's list.")
    cert_file: str | None = Field(None, description="A client certificate, with `key_file`.")
    key_file: str | None = None
    protocol: Literal["5", "3.1.1"] = "5"
    share: Slug | None = Field(
        "yunnao",
        description="The name of the shared subscription (MQTT 5), by which processes share the work.",
    )
    session_expiry_s: int = Field(
        604_800, ge=60, le=4_294_967_294, description="How long the broker keeps messages for us (MQTT 5)."
    )
    receive_maximum: int = Field(
        2_000, ge=1, le=65_535, description="Messages under way without acknowledgement (MQTT 5)."
    )
    topics: list[TopicMapping] = Field(min_length=1)

    @property
    def address(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def port(self) -> int:
        return self.address.port or (tls_port if self.tls else plain_port)

    @property
    def tls(self) -> bool:
        return self.address.scheme == "mqtts"

    def subscriptions(self) -> list[str]:
        """The filters as the broker is asked for them."""
        shared = self.share is not None and self.protocol == "5"
        return [f"$share/{self.share}/{t.filter}" if shared else t.filter for t in self.topics]

    def password(self, environment: Mapping[str, str]) -> str | None:
        """Raises InvalidInput `bridge_password_missing`."""
        if self.password_variable is None:
            return None
        if self.password_variable not in environment:
            raise InvalidInput("bridge_password_missing", bridge=self.name, variable=self.password_variable)
        return environment[self.password_variable]

    @model_validator(mode="after")
    def _usable(self) -> "BrokerBridge":
        if self.address.scheme not in {"mqtt", "mqtts"} or not self.address.hostname:
            raise ValueError("`url` must be mqtt://host or mqtts://host")
        if self.address.password is not None:
            raise ValueError("`url` must not hold a password: name its variable in `password_variable`")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("`cert_file` and `key_file` come together")
        return self


class BridgesFile(Model):
    bridges: list[BrokerBridge] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> "BridgesFile":
        names = [bridge.name for bridge in self.bridges]
        if len(set(names)) < len(names):
            raise ValueError("two bridges have the same name")
        return self


def read_bridges(file: Path) -> list[BrokerBridge]:
    """The bridges of a file. Raises PackRefused with lines and reasons."""
    source = PackSource(file.parent)
    found = source.read(file.name, BridgesFile, required=True)
    source.refuse_if_broken()
    assert found is not None
    return found.bridges
