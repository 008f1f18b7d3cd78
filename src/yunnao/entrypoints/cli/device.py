"""`yunnao device register|address`."""

import asyncio
from pathlib import Path

import typer

from yunnao.bootstrap import ensure_servers, open_platform
from yunnao.entrypoints.cli.run import settings, tell
from yunnao.entrypoints.replay.registers import devices_in
from yunnao.infra.settings import Settings
from yunnao.kernel.principal import SYSTEM

group = typer.Typer(help="Devices: registering them, and how they connect.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="device")


@group.command("register")
def register_devices(
    file: Path = typer.Argument(..., exists=True, dir_okay=False, help="CSV: id, name, lon, lat, …"),
    product: str = typer.Option(..., "--as", help="The product that the devices are of."),
) -> None:
    """Register every device of a CSV, all or none; known ones are brought up to date."""
    own = settings()
    found, new = asyncio.run(_register(own, file, product))
    tell(own, "devices_registered", count=found, new=new)


async def _register(own: Settings, file: Path, product: str) -> tuple[int, int]:
    async with open_platform(own, "cli") as platform, platform.database.transaction() as tx:
        spec = (await platform.sensing.product(tx, product)).spec
        types = {name: kind for pack in platform.scenes for name, kind in pack.entity_types.items()}
        drafts = list(devices_in(file, product, types[spec.entity_type]))
        new = await platform.sensing.register_devices(tx, drafts)
        await platform.identity.audit(tx, SYSTEM, "device:register", "Device", registered=new)
        return len({draft.id for draft in drafts}), new


@group.command("address")
def address() -> None:
    """Where devices connect by MQTT, and as whom; the password alone goes to the standard output."""
    own = settings()
    mqtt = ensure_servers(own).mqtt_device
    tell(own, "device_address", host=mqtt.host, port=mqtt.port, user=mqtt.user)
    print(mqtt.password)
