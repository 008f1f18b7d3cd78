"""The monthly report as XLSX: every number as a number, with charts that a spreadsheet can change."""

from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.chart import BarChart, LineChart, Reference
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from yunnao.kernel.text import Language, say
from yunnao.modules.cases.evaluation.contracts import Group
from yunnao.modules.cases.evaluation.domain import Sums, met
from yunnao.modules.cases.evaluation.report_content import Content

FORMATS = {"percent": "0.0%", "hours": "#,##0.0", "score": "0.00", "cases": "#,##0"}
HEAD = PatternFill("solid", fgColor="E8EEF5")
NAME_WIDTH = 32
NUMBER_WIDTH = 14
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def render(content: Content, language: Language) -> bytes:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    _summary(sheet, content, language)
    _trends(book, content, language)
    _rankings(book, content, language)
    for code, groups in (
        ("departments", content.departments),
        ("districts", content.districts),
        ("categories", content.categories),
    ):
        _groups(book, f"monthly_report_{code}", groups, content, language)
    _overdue(book, content, language)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _summary(sheet: Worksheet, content: Content, language: Language) -> None:
    sheet.title = say("monthly_report_summary", language)[:31]
    sheet.append([say("monthly_report_title", language, month=f"{content.month:%Y-%m}", city=content.city)])
    sheet["A1"].font = Font(bold=True, size=14)
    sheet.append([say("monthly_report_made", language, time=f"{content.made_at:%Y-%m-%d %H:%M (UTC%z)}")])
    sheet.append([])
    heads = ("indicator", "value", "target", "met", "before", "numerator", "denominator", "description")
    _heads(sheet, [say(f"monthly_report_{head}", language) for head in heads])
    for each in content.figures:
        spec = each.declared.spec
        held = met(each.value, each.declared.target, spec.direction)
        sheet.append(
            [
                _safe(spec.label.to(language)),
                each.value,
                each.declared.target,
                None
                if held is None
                else say("monthly_report_yes" if held else "monthly_report_no", language),
                each.before.value(spec.operator) if each.before else None,
                each.sums.numerator,
                each.sums.denominator,
                _safe(spec.description.to(language)),
            ]
        )
        for column in (2, 3, 5):
            sheet.cell(sheet.max_row, column).number_format = FORMATS[spec.unit]
    sheet.freeze_panes = "B5"
    sheet.column_dimensions["H"].width = 80


def _trends(book: Workbook, content: Content, language: Language) -> None:
    sheet = book.create_sheet(say("monthly_report_trends", language)[:31])
    months = [point.period for point in content.trends[0].points] if content.trends else []
    _heads(sheet, [say("monthly_report_indicator", language), *(f"{month:%Y-%m}" for month in months)])
    for row, trend in enumerate(content.trends, 2):
        spec = trend.declared.spec
        sheet.append([_safe(spec.label.to(language)), *(p.sums.value(spec.operator) for p in trend.points)])
        for column in range(2, len(months) + 2):
            sheet.cell(row, column).number_format = FORMATS[spec.unit]
        chart = LineChart()
        chart.title, chart.height, chart.width, chart.legend = spec.label.to(language), 6.5, 13, None
        chart.add_data(Reference(sheet, min_col=2, max_col=len(months) + 1, min_row=row), from_rows=True)
        chart.set_categories(Reference(sheet, min_col=2, max_col=len(months) + 1, min_row=1))
        chart.y_axis.number_format, chart.y_axis.delete, chart.x_axis.delete = (
            FORMATS[spec.unit],
            False,
            False,
        )
        below = len(content.trends) + 4 + (row - 2) // 2 * 14
        sheet.add_chart(chart, f"{'A' if row % 2 == 0 else 'G'}{below}")


def _rankings(book: Workbook, content: Content, language: Language) -> None:
    for ranking in content.rankings:
        spec = ranking.declared.spec
        title = say("monthly_report_ranking", language, indicator=spec.label)
        sheet = book.create_sheet(_title(book, title))
        heads = ("rank", "department", "cases", "value", "low", "high", "expected", "ratio", "fair", "why")
        _heads(sheet, [say(f"monthly_report_{head}", language) for head in heads])
        for place in ranking.ranking.places:
            sheet.append(
                [
                    place.rank,
                    _safe(ranking.names[place.key].to(language)),
                    place.sums.denominator,
                    place.value,
                    place.low,
                    place.high,
                    place.expected,
                    place.ratio,
                    place.fair,
                    _safe(ranking.words[place.key].to(language)),
                ]
            )
            for column in (4, 5, 6, 7, 9):
                sheet.cell(sheet.max_row, column).number_format = FORMATS[spec.unit]
            sheet.cell(sheet.max_row, 8).number_format = "0.00"
        sheet.column_dimensions["B"].width = NAME_WIDTH
        sheet.column_dimensions["J"].width = 90
        ranked = sum(1 for place in ranking.ranking.places if place.rank)
        if ranked:
            chart = BarChart()
            chart.type, chart.title, chart.legend = "bar", spec.label.to(language), None
            chart.height, chart.width = max(6, ranked * 0.7 + 3), 18
            chart.add_data(Reference(sheet, min_col=9, min_row=2, max_row=ranked + 1))
            chart.set_categories(Reference(sheet, min_col=2, min_row=2, max_row=ranked + 1))
            chart.x_axis.scaling.orientation = "maxMin"
            chart.y_axis.delete, chart.x_axis.delete = False, False
            sheet.add_chart(chart, f"B{len(ranking.ranking.places) + 4}")


def _groups(book: Workbook, code: str, groups: list[Group], content: Content, language: Language) -> None:
    sheet = book.create_sheet(_title(book, say(code, language)))
    heads = [say("monthly_report_name", language), *(d.spec.label.to(language) for d in content.declared)]
    _heads(sheet, heads)
    for group in groups:
        values = [group.sums.get(d.name, Sums()).value(d.spec.operator) for d in content.declared]
        sheet.append([_safe(group.name.to(language)), *values])
        for column, declared in enumerate(content.declared, 2):
            sheet.cell(sheet.max_row, column).number_format = FORMATS[declared.spec.unit]
    sheet.freeze_panes = "B2"


def _overdue(book: Workbook, content: Content, language: Language) -> None:
    sheet = book.create_sheet(_title(book, say("monthly_report_overdue", language)))
    heads = ("number", "category", "department", "due")
    _heads(sheet, [say(f"monthly_report_{head}", language) for head in heads])
    for each in content.overdue:
        sheet.append(
            [
                each["number"],
                _safe(each["category"]["name"].to(language)) if each["category"] else None,
                _safe(each["department"]["name"].to(language)) if each["department"] else None,
                # A spreadsheet has no time zones.
                each["due_at"].replace(tzinfo=None),
            ]
        )


def _heads(sheet: Worksheet, heads: list[str]) -> None:
    sheet.append(heads)
    for column in range(1, len(heads) + 1):
        cell: Any = sheet.cell(sheet.max_row, column)
        cell.font, cell.fill = Font(bold=True), HEAD
        cell.alignment = Alignment(wrap_text=True, vertical="center")
        width = NAME_WIDTH if column == 1 else NUMBER_WIDTH
        sheet.column_dimensions[get_column_letter(column)].width = width


def _title(book: Workbook, wanted: str) -> str:
    """A sheet's name: at most 31 characters, none of []:*?/\\, and not taken."""
    plain = "".join(c for c in wanted if c not in "[]:*?/\\")[:31]
    return plain if plain not in book.sheetnames else f"{plain[:28]} {len(book.sheetnames)}"


def _safe(text: str) -> str:
    """Text that a spreadsheet takes for text: what begins like a formula gets an apostrophe before it."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
