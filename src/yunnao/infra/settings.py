"""What an operator can set, each by one variable of the environment.

The fields of `Settings` are the one source: `settings_table()` gives the documentation its rows.
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.text import DEFAULT_LANGUAGE, Language, Text, catalogue

Network = IPv4Network | IPv6Network
LogFormat = Literal["console", "json"]
LakeEngine = Literal["duckdb", "ray"]
T = TypeVar("T", bound=str)

API_WORKERS_MAX = 64
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


def _read(variable: str, default: str) -> dict[str, str]:
    """The metadata of a field read from `variable`; `default` is how the documentation states it."""
    return {"variable": variable, "default": default}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one process; built once at the edge and passed on."""

    root: Path
    """The folder of the project, which holds `cities/`, `scenes/` and `web/`."""
    home: Path = field(metadata=_read("YUNNAO_HOME", ".yunnao"))
    database_url: str | None = field(metadata=_read("YUNNAO_DATABASE_URL", ""))
    nats_url: str | None = field(metadata=_read("YUNNAO_NATS_URL", ""))
    files_url: str = field(metadata=_read("YUNNAO_FILES_URL", "file://<YUNNAO_HOME>/files"))
    lake_url: str = field(metadata=_read("YUNNAO_LAKE_URL", "file://<YUNNAO_HOME>/lake"))
    lake_engine: LakeEngine = field(metadata=_read("YUNNAO_LAKE_ENGINE", "duckdb"))
    host: str = field(metadata=_read("YUNNAO_HOST", "127.0.0.1"))
    port: int = field(metadata=_read("YUNNAO_PORT", "8088"))
    api_workers: int = field(metadata=_read("YUNNAO_API_WORKERS", "1"))
    mqtt_port: int = field(metadata=_read("YUNNAO_MQTT_PORT", "1883"))
    mqtt_tls_cert: Path | None = field(metadata=_read("YUNNAO_MQTT_TLS_CERT", ""))
    mqtt_tls_key: Path | None = field(metadata=_read("YUNNAO_MQTT_TLS_KEY", ""))
    mqtt_tls_ca: Path | None = field(metadata=_read("YUNNAO_MQTT_TLS_CA", ""))
    shared_device_account: bool = field(metadata=_read("YUNNAO_SHARED_DEVICE_ACCOUNT", "<YUNNAO_DEMO>"))
    nats_issuer_seed: str | None = field(metadata=_read("YUNNAO_NATS_ISSUER_SEED", ""))
    nats_system_url: str | None = field(metadata=_read("YUNNAO_NATS_SYSTEM_URL", ""))
    edge_port: int | None = field(metadata=_read("YUNNAO_EDGE_PORT", ""))
    city: str = field(metadata=_read("YUNNAO_CITY", "qingdao"))
    scenes: tuple[str, ...] = field(metadata=_read("YUNNAO_SCENES", "scenes/*"))
    bridges: Path | None = field(metadata=_read("YUNNAO_BRIDGES", ""))
    webhook_networks: tuple[Network, ...] = field(metadata=_read("YUNNAO_WEBHOOK_NETWORKS", ""))
    smtp_url: str | None = field(metadata=_read("YUNNAO_SMTP_URL", ""))
    smtp_from: str | None = field(metadata=_read("YUNNAO_SMTP_FROM", ""))
    sms_url: str | None = field(metadata=_read("YUNNAO_SMS_URL", ""))
    sms_token: str | None = field(metadata=_read("YUNNAO_SMS_TOKEN", ""))
    speech_url: str | None = field(metadata=_read("YUNNAO_SPEECH_URL", ""))
    speech_token: str | None = field(metadata=_read("YUNNAO_SPEECH_TOKEN", ""))
    public_url: str | None = field(metadata=_read("YUNNAO_PUBLIC_URL", ""))
    demo: bool = field(metadata=_read("YUNNAO_DEMO", "0"))
    simulate: bool = field(metadata=_read("YUNNAO_SIMULATE", "<YUNNAO_DEMO>"))
    otlp_url: str | None = field(metadata=_read("YUNNAO_OTLP_URL", ""))
    log_format: LogFormat = field(metadata=_read("YUNNAO_LOG_FORMAT", "console"))
    language: Language = field(metadata=_read("YUNNAO_LANGUAGE", DEFAULT_LANGUAGE))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], root: Path) -> "Settings":
        """Settings from `environ`; a value that cannot be read raises InvalidInput `setting_invalid`."""
        home = _path(environ.get("YUNNAO_HOME"), root, root / ".yunnao")
        scenes = environ.get("YUNNAO_SCENES", "")
        return cls(
            root=root,
            home=home,
            database_url=environ.get("YUNNAO_DATABASE_URL") or None,
            nats_url=environ.get("YUNNAO_NATS_URL") or None,
            files_url=environ.get("YUNNAO_FILES_URL") or f"file://{home}/files",
            lake_url=environ.get("YUNNAO_LAKE_URL") or f"file://{home}/lake",
            lake_engine=_choice(environ, "YUNNAO_LAKE_ENGINE", {"duckdb": "duckdb", "ray": "ray"}, "duckdb"),
            host=environ.get("YUNNAO_HOST") or "127.0.0.1",
            port=_port(environ, "YUNNAO_PORT", 8088),
            api_workers=_count(environ, "YUNNAO_API_WORKERS", 1, API_WORKERS_MAX),
            mqtt_port=_port(environ, "YUNNAO_MQTT_PORT", 1883),
            mqtt_tls_cert=_file(environ, "YUNNAO_MQTT_TLS_CERT", root),
            mqtt_tls_key=_file(environ, "YUNNAO_MQTT_TLS_KEY", root),
            mqtt_tls_ca=_file(environ, "YUNNAO_MQTT_TLS_CA", root),
            shared_device_account=_switch(
                environ,
                "YUNNAO_SHARED_DEVICE_ACCOUNT",
                default=_switch(environ, "YUNNAO_DEMO", default=False),
            ),
            nats_issuer_seed=environ.get("YUNNAO_NATS_ISSUER_SEED") or None,
            nats_system_url=environ.get("YUNNAO_NATS_SYSTEM_URL") or None,
            edge_port=_port(environ, "YUNNAO_EDGE_PORT", 0) if environ.get("YUNNAO_EDGE_PORT") else None,
            city=environ.get("YUNNAO_CITY") or "qingdao",
            scenes=tuple(scenes.replace(",", " ").split()) or _folders(root / "scenes"),
            bridges=_file(environ, "YUNNAO_BRIDGES", root),
            webhook_networks=_networks(environ, "YUNNAO_WEBHOOK_NETWORKS"),
            smtp_url=environ.get("YUNNAO_SMTP_URL") or None,
            smtp_from=environ.get("YUNNAO_SMTP_FROM") or None,
            sms_url=environ.get("YUNNAO_SMS_URL") or None,
            sms_token=environ.get("YUNNAO_SMS_TOKEN") or None,
            speech_url=environ.get("YUNNAO_SPEECH_URL") or None,
            speech_token=environ.get("YUNNAO_SPEECH_TOKEN") or None,
            public_url=environ.get("YUNNAO_PUBLIC_URL") or None,
            demo=_switch(environ, "YUNNAO_DEMO", default=False),
            simulate=_switch(
                environ, "YUNNAO_SIMULATE", default=_switch(environ, "YUNNAO_DEMO", default=False)
            ),
            otlp_url=environ.get("YUNNAO_OTLP_URL") or None,
            log_format=_choice(
                environ, "YUNNAO_LOG_FORMAT", {"console": "console", "json": "json"}, "console"
            ),
            language=_choice(environ, "YUNNAO_LANGUAGE", {"zh": "zh", "en": "en"}, DEFAULT_LANGUAGE),
        )


class SettingRow(NamedTuple):
    """One row of the documentation's table of settings."""

    variable: str
    default: str
    description: Text


def settings_table() -> list[SettingRow]:
    """Every setting, in the order of the dataclass; its description is the message `setting_<field>`."""
    return [_row(each) for each in fields(Settings) if "variable" in each.metadata]


def _row(each: "Field[Any]") -> SettingRow:
    return SettingRow(
        each.metadata["variable"], each.metadata["default"], catalogue()[f"setting_{each.name}"]
    )


def _path(value: str | None, root: Path, default: Path) -> Path:
    """`value` as an absolute path; a relative one starts at the project's folder."""
    return (root / Path(value).expanduser()).resolve() if value else default.resolve()


def _file(environ: Mapping[str, str], variable: str, root: Path) -> Path | None:
    """A file that may be named, or none."""
    value = environ.get(variable)
    return _path(value, root, root) if value else None


def _folders(parent: Path) -> tuple[str, ...]:
    """The names of the packs in `parent`, sorted."""
    if not parent.is_dir():
        return ()
    return tuple(sorted(each.parent.name for each in parent.glob("*/scene.yaml")))


def _port(environ: Mapping[str, str], variable: str, default: int) -> int:
    value = environ.get(variable) or str(default)
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise InvalidInput("setting_invalid", variable=variable, value=value, expected="1-65535")
    return int(value)


def _count(environ: Mapping[str, str], variable: str, default: int, most: int) -> int:
    value = environ.get(variable) or str(default)
    if not value.isdecimal() or not 0 < int(value) <= most:
        raise InvalidInput("setting_invalid", variable=variable, value=value, expected=f"1-{most}")
    return int(value)


def _networks(environ: Mapping[str, str], variable: str) -> tuple[Network, ...]:
    value = environ.get(variable, "")
    try:
        return tuple(ip_network(part) for part in value.replace(",", " ").split())
    except ValueError as error:
        raise InvalidInput(
            "setting_invalid", variable=variable, value=value, expected="10.0.0.0/8, fd00::/8"
        ) from error


def _switch(environ: Mapping[str, str], variable: str, *, default: bool) -> bool:
    value = environ.get(variable, "").strip().lower()
    if not value:
        return default
    if value not in TRUE_WORDS | FALSE_WORDS:
        raise InvalidInput("setting_invalid", variable=variable, value=value, expected="0, 1")
    return value in TRUE_WORDS


def _choice(environ: Mapping[str, str], variable: str, choices: Mapping[str, T], default: T) -> T:
    value = environ.get(variable) or default
    if value not in choices:
        raise InvalidInput("setting_invalid", variable=variable, value=value, expected=", ".join(choices))
    return choices[value]
