"""`yunnao mine`: a process seen from a log file, without a running platform."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import YunnaoError
from yunnao.kernel.text import Language, say
from yunnao.modules.cases.mining.analysis import Process, analyse
from yunnao.modules.cases.mining.exports import ocel_of_log, xes_of_log
from yunnao.modules.cases.mining.files import LogSource

SHOWN_MAX = 10
LOG = typer.Argument(..., help="FILE::CASE::ACTIVITY::TIME[::RESOURCE], names of the file's columns.")


def register(app: typer.Typer) -> None:
    app.command("mine", help="Variants, waiting times and bottlenecks of a log file.")(mine)


def mine(
    log: str = LOG,
    zone: str = typer.Option("Asia/Shanghai", help="The time zone of times without an offset."),
    xes: Path | None = typer.Option(None, help="Write the log as XES (IEEE 1849-2016) here."),
    ocel: Path | None = typer.Option(None, help="Write the log as OCEL 2.0 (JSON) here."),
    as_json: bool = typer.Option(False, "--json", help="The JSON only."),
) -> None:
    language = Settings.from_environment(os.environ, project_root()).language
    try:
        frame = LogSource.parse(log).read(zone)
        found = analyse(frame)
        if xes is not None:
            with xes.open("wb") as out:
                out.writelines(xes_of_log(frame))
        if ocel is not None:
            ocel.write_bytes(ocel_of_log(frame))
    except YunnaoError as error:
        print(say(error.code, language, **error.params), file=sys.stderr)
        raise typer.Exit(1) from error
    print(json.dumps(told(found), ensure_ascii=False) if as_json else page(found, language))


def told(found: Process) -> dict[str, Any]:
    """The view as JSON; times in ISO 8601, spans in hours."""
    return {**asdict(found), "first": found.first.isoformat(), "last": found.last.isoformat()}


def page(found: Process, language: Language) -> str:
    """The view as a person reads it at a terminal."""
    lines = [
        say(
            "process_summary",
            language,
            cases=f"{found.cases:,}",
            events=f"{found.events:,}",
            activities=len(found.activities),
            variants=f"{found.variants_total:,}",
            first=f"{found.first:%Y-%m-%d}",
            last=f"{found.last:%Y-%m-%d}",
            median=f"{found.median_h:,.1f}",
            p90=f"{found.p90_h:,.1f}",
        ),
        "",
        say("process_variants", language),
    ]
    for variant in found.variants[:SHOWN_MAX]:
        path = " → ".join(variant.activities)
        lines.append(f"{variant.cases:8,} {variant.share:6.1%} {variant.median_h:10,.1f} h  {path}")
    lines += ["", say("process_bottlenecks", language)]
    for each in found.bottlenecks:
        lines.append(
            say(
                "process_bottleneck",
                language,
                source=each.source,
                target=each.target,
                share=f"{each.share:.1%}",
                events=f"{each.events:,}",
                median=f"{each.median_h:,.1f}",
                p90=f"{each.p90_h:,.1f}",
            )
        )
    return "\n".join(lines)
