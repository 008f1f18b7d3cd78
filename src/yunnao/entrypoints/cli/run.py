"""`yunnao up`, and its roles apart: `yunnao api|ingest|worker|bridge|simulate`."""

import asyncio
import os
import sys
import time
from functools import partial

import typer

from yunnao.bootstrap import prepare, stop_servers
from yunnao.entrypoints import role
from yunnao.entrypoints.supervisor import Child, Supervisor
from yunnao.infra import telemetry
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.text import say


def settings() -> Settings:
    return Settings.from_environment(os.environ, project_root())


def register(app: typer.Typer) -> None:
    app.command("up", help="Run the whole city on this machine.")(up)
    app.command("api", help="Serve the HTTP API and the console.")(api)
    app.command("ingest", help="Store readings and evaluate rules; run several to share the work.")(ingest)
    app.command("worker", help="Relay events, open cases, run jobs; run several to share the work.")(worker)
    app.command("bridge", help="Listen to other MQTT brokers (YUNNAO_BRIDGES).")(bridge)
    app.command("simulate", help="Publish synthetic readings: the demo city's, or those of --devices N.")(
        simulate
    )
    app.command("stop", help="Stop the embedded servers.")(stop)


def up(workers: int = typer.Option(1, min=1, max=64, help="Ingest workers.")) -> None:
    own = settings()
    telemetry.configure("up", own.log_format, own.otlp_url)
    began = time.monotonic()
    prepared = asyncio.run(prepare(own, tell=partial(tell, own)))
    tell(own, "up_roles")
    children = [Child("api"), Child("worker")]
    children += [Child("ingest") for _ in range(workers)]
    if own.bridges is not None:
        children.append(Child("bridge"))
    if own.simulate:
        children.append(Child("simulate"))

    def serving() -> None:
        for account in prepared.demo_accounts:
            tell(
                own,
                "up_demo_account",
                account=account.account,
                password=account.password,
                name=account.name.to(own.language),
            )
        url = f"http://{own.host}:{own.port}"
        tell(own, "up_serving", url=url, seconds=f"{time.monotonic() - began:.1f}")

    try:
        asyncio.run(Supervisor(children, own, serving).run())
    finally:
        stop_servers(own)
        tell(own, "up_stopped")


def tell(own: Settings, code: str, /, **params: object) -> None:
    """Says one step of the start to the person at the terminal."""
    print(say(code, own.language, **params), file=sys.stderr, flush=True)


def api() -> None:
    role.run("api")


def ingest() -> None:
    role.run("ingest")


def worker() -> None:
    role.run("worker")


def bridge() -> None:
    role.run("bridge")


def simulate(
    devices: int | None = typer.Option(
        None, min=1, max=10_000_000, help="So many synthetic devices; none: the demo city."
    ),
    profile: str = typer.Option("city", help="How they behave: city (with faults), calm."),
    seed: int = typer.Option(1, help="The same seed, the same city."),
) -> None:
    if devices is None:
        role.run("simulate")
        return
    from yunnao.entrypoints.simulate.city import simulate as simulate_city

    own = settings()
    telemetry.configure("simulate", own.log_format, own.otlp_url)
    asyncio.run(simulate_city(own, devices, profile, seed, partial(tell, own)))


def stop() -> None:
    stop_servers(settings())
