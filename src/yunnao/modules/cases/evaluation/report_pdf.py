"""The monthly report as PDF: tables and charts by ReportLab, Chinese in the font that PDF readers bring."""

from io import BytesIO
from typing import Any

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import (
    KeepTogether,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from yunnao.kernel.text import Language, say
from yunnao.modules.cases.evaluation.contracts import Figure, Group
from yunnao.modules.cases.evaluation.domain import Sums, met
from yunnao.modules.cases.evaluation.facade import NamedRanking
from yunnao.modules.cases.evaluation.report_charts import (
    INK,
    LATIN,
    LINE,
    MUTED,
    points_of,
    ranking_bars,
    trend_chart,
)
from yunnao.modules.cases.evaluation.report_content import Content
from yunnao.modules.cases.evaluation.wording import NOTHING, shown

FONT = "STSong-Light"
GOOD, BAD = colors.HexColor("#1d7d4f"), colors.HexColor("#b3372f")
PAPER = colors.HexColor("#f3f6f9")
WIDTH = A4[0] - 36 * mm
RANKED_SHOWN_MAX = 20
GROUPS_SHOWN_MAX = 25


class _Styles:
    """Paragraphs of one language: Chinese is set in the reader's own song typeface, English in Helvetica."""

    def __init__(self, language: Language) -> None:
        self.font = FONT if language == "zh" else LATIN
        wrap = "CJK" if language == "zh" else "LTR"

        def style(size: float, **more: Any) -> ParagraphStyle:
            given: dict[str, Any] = {
                "fontName": self.font,
                "fontSize": size,
                "leading": size * 1.5,
                "textColor": INK,
            }
            return ParagraphStyle("s", wordWrap=wrap, **{**given, **more})

        self.title = style(20, leading=28, spaceAfter=2)
        self.subtitle = style(10, textColor=MUTED, spaceAfter=10)
        self.heading = style(13, spaceBefore=10, spaceAfter=6)
        self.body = style(9.5, spaceAfter=4)
        self.note = style(8, textColor=MUTED, spaceAfter=6)
        self.cell = style(8.5, leading=11)
        self.number = style(8.5, leading=11, alignment=TA_RIGHT)
        self.head = style(8, leading=10, textColor=MUTED)
        self.head_number = style(8, leading=10, textColor=MUTED, alignment=TA_RIGHT)


class Pdf:
    """Draws a report. One use."""

    def __init__(self, content: Content, language: Language) -> None:
        self._content, self._language = content, language
        # A CID font is named in the file and not embedded: every PDF reader has Adobe-GB1.
        pdfmetrics.registerFont(UnicodeCIDFont(FONT))
        self._styles = _Styles(language)

    def render(self) -> bytes:
        out = BytesIO()
        title = self._say(
            "monthly_report_title", month=f"{self._content.month:%Y-%m}", city=self._content.city
        )
        document = SimpleDocTemplate(
            out, pagesize=A4, leftMargin=18 * mm, rightMargin=18 * mm, topMargin=16 * mm,
            bottomMargin=16 * mm, title=title, author=self._content.city.to(self._language),
            lang=self._language,
        )  # fmt: skip
        parts: list[Any] = [
            Paragraph(title, self._styles.title),
            Paragraph(
                self._say("monthly_report_made", time=f"{self._content.made_at:%Y-%m-%d %H:%M (UTC%z)}"),
                self._styles.subtitle,
            ),
            *self._summary(),
            *self._trends(),
            PageBreak(),
            *(part for ranking in self._content.rankings for part in self._ranking(ranking)),
            *self._groups("monthly_report_departments", self._content.departments),
            *self._groups("monthly_report_districts", self._content.districts),
            *self._groups("monthly_report_categories", self._content.categories),
            *self._survey(),
            *self._overdue(),
        ]
        document.build(parts, onFirstPage=self._foot, onLaterPages=self._foot)
        return out.getvalue()

    def _say(self, code: str, **params: Any) -> str:
        return say(code, self._language, **params)

    def _foot(self, canvas: Any, document: Any) -> None:
        canvas.saveState()
        canvas.setFont(self._styles.font, 8)
        canvas.setFillColor(MUTED)
        canvas.drawRightString(A4[0] - 18 * mm, 9 * mm, str(document.page))
        canvas.drawString(18 * mm, 9 * mm, self._content.city.to(self._language))
        canvas.restoreState()

    # --- parts ---------------------------------------------------------------------------------

    def _summary(self) -> list[Any]:
        rows = [
            [
                each.declared.spec.label.to(self._language),
                shown(each.declared.spec.unit, each.value, self._language),
                self._target(each),
                self._change(each),
                f"{each.sums.denominator:,}",
            ]
            for each in self._content.figures
        ]
        heads = ("indicator", "value", "target", "change", "cases")
        tones = {
            (1, n + 1): GOOD if held else BAD
            for n, each in enumerate(self._content.figures)
            if (held := met(each.value, each.declared.target, each.declared.spec.direction)) is not None
        }
        table = self._table(
            [self._say(f"monthly_report_{head}") for head in heads], rows, (70, 32, 26, 26, 20), tones
        )
        return [self._heading("monthly_report_summary"), table, Spacer(1, 6)]

    def _target(self, each: Figure) -> str:
        if each.declared.target is None:
            return NOTHING
        sign = "≥" if each.declared.spec.direction == "higher" else "≤"
        return f"{sign} {shown(each.declared.spec.unit, each.declared.target, self._language)}"

    def _change(self, each: Figure) -> str:
        past = each.before.value(each.declared.spec.operator) if each.before else None
        if each.value is None or past is None:
            return NOTHING
        change = each.value - past
        unit = each.declared.spec.unit
        if unit == "percent":
            return f"{change * 100:+.1f} pp"
        return (
            f"{change:+,.2f}"
            if unit == "score"
            else f"{change:+,.1f}"
            if unit == "hours"
            else f"{change:+,.0f}"
        )

    def _trends(self) -> list[Any]:
        drawings = [
            trend_chart(trend, WIDTH / 2 - 8, self._styles.font, self._language)
            for trend in self._content.trends
            if points_of(trend)
        ]
        pairs = [[*drawings[n : n + 2], ""][:2] for n in range(0, len(drawings), 2)]
        if not pairs:
            return []
        grid = Table(pairs, colWidths=[WIDTH / 2, WIDTH / 2])
        grid.setStyle(
            TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 2)])
        )
        return [self._heading("monthly_report_trends"), grid]

    def _ranking(self, ranking: NamedRanking) -> list[Any]:
        spec = ranking.declared.spec
        places = ranking.ranking.places[:RANKED_SHOWN_MAX]
        if not places:
            return []

        def number(value: float) -> str:
            return shown(spec.unit, value, self._language)

        rows = [
            [
                str(place.rank) if place.rank else NOTHING,
                ranking.names[place.key].to(self._language),
                f"{place.sums.denominator:,}",
                number(place.value),
                number(place.expected),
                number(place.fair),
            ]
            for place in places
        ]
        heads = ("rank", "department", "cases", "value", "expected", "fair")
        table = self._table(
            [self._say(f"monthly_report_{head}") for head in heads],
            rows,
            (14, 76, 18, 22, 22, 22),
            {},
            text=2,
        )
        title = self._say("monthly_report_ranking", indicator=spec.label)
        note = self._say(
            "monthly_report_ranking_note",
            minimum=ranking.cases_min,
            value=number(ranking.ranking.value or 0.0),
        )
        parts = [
            Paragraph(title, self._styles.heading),
            ranking_bars(ranking, WIDTH, self._styles.font, self._language),
            Paragraph(note, self._styles.note),
        ]
        return [KeepTogether(parts), table, Spacer(1, 6)]

    def _groups(self, title: str, groups: list[Group]) -> list[Any]:
        if not groups:
            return []
        wanted = [d for d in self._content.declared if d.spec.operator != "count" and d.spec.ranked][:5]
        counted = next((d for d in self._content.declared if d.spec.operator == "count"), None)
        heads = [
            self._say("monthly_report_name"),
            *([counted.spec.label.to(self._language)] if counted else []),
        ]
        heads += [each.spec.label.to(self._language) for each in wanted]
        columns = [*([counted] if counted else []), *wanted]
        rows = [
            [
                group.name.to(self._language),
                *(
                    shown(d.spec.unit, group.sums.get(d.name, Sums()).value(d.spec.operator), self._language)
                    for d in columns
                ),
            ]
            for group in groups[:GROUPS_SHOWN_MAX]
        ]
        widths = (54, *([120 / len(columns)] * len(columns)))
        return [self._heading(title), self._table(heads, rows, widths, {}), Spacer(1, 6)]

    def _survey(self) -> list[Any]:
        told = self._content.survey
        words = self._say(
            "monthly_report_survey_words",
            closed=f"{told.closed:,}",
            sampled=f"{told.sampled:,}",
            reached=f"{told.reached:,}",
            response=shown("percent", told.response_rate, self._language),
            scored=f"{told.scored:,}",
            satisfied=shown("percent", told.satisfied_share, self._language),
            weighted=shown("percent", told.weighted_satisfied_share, self._language),
            part=shown("percent", told.weighted_part, self._language),
        )
        return [KeepTogether([self._heading("monthly_report_survey"), Paragraph(words, self._styles.body)])]

    def _overdue(self) -> list[Any]:
        if not self._content.overdue:
            return [
                self._heading("monthly_report_overdue"),
                Paragraph(self._say("monthly_report_no_overdue"), self._styles.body),
            ]
        rows = [
            [
                each["number"],
                each["category"]["name"].to(self._language) if each["category"] else NOTHING,
                each["department"]["name"].to(self._language) if each["department"] else NOTHING,
                f"{each['due_at']:%Y-%m-%d}",
            ]
            for each in self._content.overdue
        ]
        heads = ("number", "category", "department", "due")
        table = self._table(
            [self._say(f"monthly_report_{head}") for head in heads], rows, (44, 46, 58, 26), {}, text=3
        )
        return [self._heading("monthly_report_overdue"), table]

    # --- pieces --------------------------------------------------------------------------------

    def _heading(self, code: str) -> Paragraph:
        return Paragraph(self._say(code), self._styles.heading)

    def _table(
        self, heads: list[str], rows: list[list[str]], widths: tuple[float, ...],
        tones: dict[tuple[int, int], Any], *, text: int = 1,
    ) -> Table:  # fmt: skip
        """The first `text` columns are words, the others numbers; `widths` are parts of the page's width."""
        styles = self._styles

        def cell(n: int, value: str) -> Paragraph:
            escaped = value.replace("&", "&amp;").replace("<", "&lt;")
            return Paragraph(escaped, styles.cell if n < text else styles.number)

        body = [[cell(n, value) for n, value in enumerate(row)] for row in rows]
        top = [
            Paragraph(head, styles.head if n < text else styles.head_number) for n, head in enumerate(heads)
        ]
        for (column, row), tone in tones.items():
            colored = ParagraphStyle("t", parent=styles.number, textColor=tone)
            body[row - 1][column] = Paragraph(rows[row - 1][column], colored)
        total = sum(widths)
        table = Table([top, *body], colWidths=[WIDTH * width / total for width in widths], repeatRows=1)
        table.setStyle(
            TableStyle(
                [
                    ("LINEBELOW", (0, 0), (-1, 0), 0.8, MUTED),
                    ("LINEBELOW", (0, 1), (-1, -1), 0.3, LINE),
                    ("ROWBACKGROUNDS", (0, 1), (-1, -1), [colors.white, PAPER]),
                    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
                ]
            )
        )
        return table
