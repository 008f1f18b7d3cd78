"""`yunnao up`, and its roles apart: `yunnao api|ingest|worker|simulate`."""

import asyncio
import os
import signal
import sys
import threading
import time

import typer

from yunnao.bootstrap import prepare, stop_servers
from yunnao.entrypoints.roles import run_role
from yunnao.entrypoints.supervisor import PARENT_VARIABLE, Child, Supervisor
from yunnao.infra import telemetry
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.text import say

PARENT_CHECK_S = 0.5


def settings() -> Settings:
    return Settings.from_environment(os.environ, project_root())


def register(app: typer.Typer) -> None:
    app.command("up", help="Run the whole city on this machine.")(up)
    app.command("api", help="Serve the HTTP API and the console.")(api)
    app.command("ingest", help="Store readings and evaluate rules; run several to share the work.")(ingest)
    app.command("worker", help="Relay events, open cases, run jobs; run several to share the work.")(worker)
    app.command("simulate", help="Publish the synthetic city's readings and reports (demo mode).")(simulate)
    app.command("stop", help="Stop the embedded servers.")(stop)


def up(workers: int = typer.Option(1, min=1, max=64, help="Ingest workers.")) -> None:
    own = settings()
    telemetry.configure("up", own.log_format, own.otlp_url)
    began = time.monotonic()
    prepared = asyncio.run(prepare(own, tell=lambda code, **params: tell(own, code, **params)))
    tell(own, "up_roles")
    children = [Child("api", ["api"]), Child("worker", ["worker"])]
    children += [Child(f"ingest-{n}", ["ingest"]) for n in range(workers)]
    if own.simulate:
        children.append(Child("simulate", ["simulate"]))

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


def end_with_parent() -> None:
    """Ends this role when the process that started it is gone, killed or not.

    Otherwise roles of a killed city would go on beside those of the next one.
    """
    if PARENT_VARIABLE not in os.environ:
        return
    parent = int(os.environ[PARENT_VARIABLE])

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def tell(own: Settings, code: str, /, **params: object) -> None:
    """Says one step of the start to the person at the terminal."""
    print(say(code, own.language, **params), file=sys.stderr, flush=True)


def api() -> None:
    from granian import Granian
    from granian.constants import Interfaces

    own = settings()
    end_with_parent()
    Granian(
        "yunnao.entrypoints.api.app:create_app",
        address=own.host,
        port=own.port,
        interface=Interfaces.ASGI,
        factory=True,
        log_enabled=False,
        workers_kill_timeout=10,
        respawn_failed_workers=True,
        backpressure=512,
    ).serve()


def ingest() -> None:
    from yunnao.entrypoints import ingest as role

    end_with_parent()
    run_role("ingest", role.run, settings())


def worker() -> None:
    from yunnao.entrypoints import worker as role

    end_with_parent()
    run_role("worker", role.run, settings())


def simulate() -> None:
    from yunnao.entrypoints import simulate as role

    end_with_parent()
    run_role("simulate", role.run, settings())


def stop() -> None:
    stop_servers(settings())
