"""Monthly reports: the doors' own numbers, as PDF and XLSX, for those who may read them."""

import asyncio
import hashlib
import subprocess
from io import BytesIO
from shutil import which
from typing import Any

import pytest
from openpyxl import load_workbook
from tests.integration.evaluation_support import JudgedTown, judged, plain_town, synthetic

__all__ = ["judged", "plain_town"]

AUGUST = {"from": "2026-08-01", "to": "2026-08-31"}


def text_of(pdf: bytes) -> str:
    command = ["pdftotext", "-layout", "-", "-"]
    return subprocess.run(command, input=pdf, capture_output=True, check=True).stdout.decode()


async def made(judged: JudgedTown, language: str = "zh") -> dict[str, Any]:
    body = {"month": "2026-08-15", "language": language}
    answer = await judged.town.call("leader", "POST", "/api/v1/evaluation/reports", json=body)
    assert answer.status_code == 202, answer.text
    async with judged.town.database.transaction() as tx:
        assert await judged.town.cases.monthly_reports.make_next(tx)
    told: dict[str, Any] = await judged.town.get("leader", f"/evaluation/reports/{answer.json()['id']}")
    assert told["state"] == "made", told["reason"]
    return told


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_report_holds_the_numbers_of_the_doors(judged: JudgedTown, language: str) -> None:
    async with judged.town.database.transaction() as tx:
        await synthetic(tx, 250)
    await judged.keep()
    told = await made(judged, language)
    figures = await judged.figures(**AUGUST)
    assert {name: each["value"] for name, each in told["figures"].items()} == {
        name: each["value"] for name, each in figures.items()
    }
    path = f"/api/v1/evaluation/reports/{told['id']}"
    xlsx = (await judged.town.call("leader", "GET", f"{path}/xlsx")).content
    assert hashlib.sha256(xlsx).hexdigest() == told["xlsx_hash"]
    rows = list(load_workbook(BytesIO(xlsx)).worksheets[0].iter_rows(min_row=5, values_only=True))
    by_label = {row[0]: row for row in rows}
    declared = await judged.town.get("leader", "/evaluation/indicators")
    for each in declared["items"]:
        row = by_label[each["label"][language]]
        number = figures[each["name"]]
        assert row[1] == pytest.approx(number["value"]), each["name"]
        assert row[6] == number["denominator"], each["name"]
    pdf = (await judged.town.call("leader", "GET", f"{path}/pdf")).content
    assert hashlib.sha256(pdf).hexdigest() == told["pdf_hash"]
    assert pdf.startswith(b"%PDF")
    if which("pdftotext"):
        plain = await asyncio.to_thread(text_of, pdf)
        assert f"{figures['on-time-rate']['value'] * 100:.1f} %" in plain
        assert ("按期结案率" if language == "zh" else "On-time rate") in plain


async def test_the_clock_asks_once_for_the_month_just_ended(judged: JudgedTown) -> None:
    for _ in range(2):
        async with judged.town.database.transaction() as tx:
            await judged.town.cases.monthly_reports.ask_for_last_month(tx)
    listed = await judged.town.get("leader", "/evaluation/reports")
    assert [each["month"] for each in listed["items"]] == ["2026-10-01"]
    async with judged.town.database.transaction() as tx:
        assert await judged.town.cases.monthly_reports.make_next(tx)
        assert not await judged.town.cases.monthly_reports.make_next(tx)
    listed = await judged.town.get("leader", "/evaluation/reports")
    assert [each["state"] for each in listed["items"]] == ["made"], listed


async def test_reports_are_for_ended_months_and_for_who_may_read_them(judged: JudgedTown) -> None:
    answer = await judged.town.call(
        "leader", "POST", "/api/v1/evaluation/reports", json={"month": "2026-11-01"}
    )
    assert answer.status_code == 422
    body = {"month": "2026-10-01"}
    assert (
        await judged.town.call("lamps", "POST", "/api/v1/evaluation/reports", json=body)
    ).status_code == 403
    answer = await judged.town.call("leader", "POST", "/api/v1/evaluation/reports", json=body)
    path = f"/api/v1/evaluation/reports/{answer.json()['id']}"
    assert (await judged.town.call("leader", "GET", f"{path}/pdf")).status_code == 409
    for account in ("lamps", "wang", "admin"):
        assert (await judged.town.call(account, "GET", path)).status_code == 403
