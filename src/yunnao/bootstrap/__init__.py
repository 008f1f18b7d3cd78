"""The composition root: the only place where parts are chosen and joined."""

from yunnao.bootstrap.background import consumers, gate, timers
from yunnao.bootstrap.install import InstallReport, install_packs, prepare
from yunnao.bootstrap.wiring import (
    Platform,
    Servers,
    assemble,
    ensure_servers,
    open_database,
    open_platform,
    stop_servers,
)

__all__ = [
    "InstallReport",
    "Platform",
    "Servers",
    "assemble",
    "consumers",
    "ensure_servers",
    "gate",
    "install_packs",
    "open_database",
    "open_platform",
    "prepare",
    "stop_servers",
    "timers",
]
