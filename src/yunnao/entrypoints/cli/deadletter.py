"""`yunnao dead-letter list|replay`."""

import asyncio
from uuid import UUID

import typer

from yunnao.bootstrap import open_platform
from yunnao.entrypoints.cli.run import settings, tell
from yunnao.infra import deadletters
from yunnao.kernel.text import say

group = typer.Typer(help="Messages that could not be handled.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="dead-letter")


@group.command("list")
def list_(limit: int = typer.Option(50, min=1, max=deadletters.PAGE_ROWS_MAX)) -> None:
    """Those that wait, newest first."""
    asyncio.run(_list(limit))


async def _list(limit: int) -> None:
    own = settings()
    async with open_platform(own, "cli") as platform, platform.database.transaction() as tx:
        for row in await deadletters.page(tx, limit=limit):
            reason = say(row["code"], own.language, **row["params"])
            print(
                f"{row['id']}  {row['created_at'].isoformat(timespec='seconds')}  {row['source']}  {reason}"
            )


@group.command("replay")
def replay(letters: list[UUID] = typer.Argument(None), every: bool = typer.Option(False, "--all")) -> None:
    """Send letters again through their own door."""
    asyncio.run(_replay(letters or [], every))


async def _replay(letters: list[UUID], every: bool) -> None:
    own = settings()
    async with open_platform(own, "cli") as platform:
        if every:
            async with platform.database.transaction() as tx:
                letters = [r["id"] for r in await deadletters.page(tx, limit=deadletters.PAGE_ROWS_MAX)]
        for letter in letters:
            async with platform.database.transaction() as tx:
                await platform.sensing.replay_dead_letter(tx, letter)
        tell(own, "dead_letters_replayed", count=len(letters))
