"""`yunnao device register|address`."""

import asyncio
import csv
import time
from pathlib import Path

import polars as pl
import typer

from yunnao.bootstrap import ensure_servers, open_platform
from yunnao.entrypoints.cli.run import settings, tell
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.sensing.access.provisioning import NOTHING, Provisioned, reasons
from yunnao.modules.sensing.access.tables import Format

FORMATS: dict[str, Format] = {".csv": "csv", ".parquet": "parquet", ".arrow": "arrow", ".arrows": "arrow"}
REJECTS_SHOWN_MAX = 20

group = typer.Typer(help="Devices: registering them, and how they connect.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="device")


@group.command("register")
def register_devices(
    file: Path = typer.Argument(..., exists=True, dir_okay=False, help="CSV, Parquet or Arrow stream."),
    product: str | None = typer.Option(None, "--as", help="The product of rows that name none."),
) -> None:
    """Register the devices of a table; known ones are brought up to date.

    Rows that break a rule are told and written beside the file, as FILE.rejects.csv. The same table a
    second time changes nothing, so what was interrupted is begun anew.
    """
    own = settings()
    form = FORMATS.get(file.suffix.lower())
    if form is None:
        raise InvalidInput("table_form_unknown", file=file.name, known=", ".join(FORMATS))
    found = asyncio.run(_register(own, file, form, product))
    tell(
        own,
        "devices_registered",
        new=found.new,
        updated=found.updated,
        unchanged=found.unchanged,
        repeated=found.repeated.height,
        rejected=found.rejected.height,
    )
    rejects = file.with_name(f"{file.name}.rejects.csv")
    rows = pl.concat([found.rejected, found.repeated])
    if not rows.height:
        rejects.unlink(missing_ok=True)
        return
    with rejects.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("line", "device", "code", "reason"))
        writer.writerows(reasons(rows, own.language))
    for line, device, _, reason in reasons(rows.head(REJECTS_SHOWN_MAX), own.language):
        tell(own, "device_rejected", line=line, device=device, reason=reason)
    tell(own, "devices_rejects_file", file=rejects)
    if found.rejected.height:
        raise typer.Exit(1)


async def _register(own: Settings, file: Path, form: Format, product: str | None) -> Provisioned:
    began, whole = time.monotonic(), NOTHING
    async with open_platform(own, "cli") as platform:
        async for found in platform.access.register_file(platform.database, file, form, product, SYSTEM):
            whole += found
            rows = whole.new + whole.updated + whole.unchanged + whole.rejected.height + whole.repeated.height
            rate = round(rows / max(time.monotonic() - began, 1e-9))
            tell(own, "devices_progress", rows=f"{rows:,}", per_s=f"{rate:,}")
    return whole


@group.command("address")
def address() -> None:
    """Where devices connect by MQTT, and as whom; the password alone goes to the standard output."""
    own = settings()
    mqtt = ensure_servers(own).mqtt_device
    tell(own, "device_address", host=mqtt.host, port=mqtt.port, user=mqtt.user)
    print(mqtt.password)
