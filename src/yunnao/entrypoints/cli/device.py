"""`yunnao device register|address`."""

import asyncio
import csv
import os
import time
from pathlib import Path

import polars as pl
import typer

from yunnao.bootstrap import ensure_servers, open_platform
from yunnao.entrypoints.cli.run import settings, tell
from yunnao.infra.nats_auth import new_issuer, public_key
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.sensing.access.credentials import bulk_rows_max, csv_of
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


@group.command("credentials")
def credentials(
    file: Path = typer.Argument(..., help="The CSV to write: device, product, token."),
    product: str | None = typer.Option(None, help="Devices of this product only."),
    owner: str | None = typer.Option(None, help="Devices of this department only."),
) -> None:
    """Issue a token to each device that has none. The tokens are in the file and nowhere else."""
    own = settings()
    if file.exists():
        raise InvalidInput("credentials_file_exists", file=file)
    tell(own, "credentials_issued", count=asyncio.run(_issue(own, file, product, owner)), file=file)


async def _issue(own: Settings, file: Path, product: str | None, owner: str | None) -> int:
    count = 0
    async with open_platform(own, "cli") as platform:
        while True:
            async with platform.database.transaction() as tx:
                issued = await platform.access.credentials.issue_missing(
                    tx, SYSTEM, product=product, owner=owner, limit=bulk_rows_max
                )
                # Before the commit: a token that is lost is of no use to anybody.
                _append(file, csv_of(issued, header=count == 0))
            count += len(issued)
            if len(issued) < bulk_rows_max:
                return count


def _append(file: Path, text: str) -> None:
    with open(file, "a", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())


@group.command("certificate")
def certificate(
    device: str = typer.Argument(..., help="The device's id."),
    file: Path = typer.Argument(..., exists=True, dir_okay=False, help="Its certificate, PEM."),
    *,
    revoke: bool = typer.Option(False, help="Refuse it from now on."),
) -> None:
    """Let a certificate stand for a device in the place of a token, or refuse it."""
    own = settings()
    asyncio.run(_certify(own, device, file.read_text(encoding="utf-8", errors="replace"), revoke=revoke))
    tell(own, "certificate_revoked" if revoke else "certificate_registered", device=device)


async def _certify(own: Settings, device: str, pem: str, *, revoke: bool) -> None:
    async with open_platform(own, "cli") as platform, platform.database.transaction() as tx:
        credentials = platform.access.credentials
        if revoke:
            await credentials.revoke_certificate(tx, device, pem, SYSTEM)
        else:
            await credentials.register_certificate(tx, device, pem, SYSTEM)


@group.command("address")
def address() -> None:
    """Where devices connect by MQTT, and as whom; a shared password alone goes to the standard output."""
    own = settings()
    servers = ensure_servers(own)
    door, shared = servers.entrance, servers.mqtt_device
    if door.tls:
        tell(own, "device_address_certificate" if door.certificates else "device_address_tls")
    if not servers.device_shared:
        tell(own, "device_address_own", host=door.host, port=door.port)
        return
    tell(own, "device_address", host=door.host, port=door.port, user=shared.user)
    print(shared.password)


@group.command("issuer")
def issuer() -> None:
    """Make a key for a NATS server of your own: its public half is told, its seed printed."""
    seed = new_issuer()
    tell(settings(), "device_issuer", public=public_key(seed))
    print(seed)
