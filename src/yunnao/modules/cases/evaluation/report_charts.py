"""Charts of the monthly report, drawn by ReportLab."""

from reportlab.graphics.charts.barcharts import HorizontalBarChart
from reportlab.graphics.charts.lineplots import LinePlot
from reportlab.graphics.shapes import Drawing, Line, String
from reportlab.lib import colors
from reportlab.lib.units import mm

from yunnao.kernel.text import Language
from yunnao.modules.cases.evaluation.facade import NamedRanking
from yunnao.modules.cases.evaluation.report_content import Trend
from yunnao.modules.cases.evaluation.wording import shown

LATIN = "Helvetica"
INK, MUTED, LINE = colors.HexColor("#1c2733"), colors.HexColor("#66727f"), colors.HexColor("#d5dbe1")
ACCENT = colors.HexColor("#2267b5")
RANKED_DRAWN_MAX = 10


def trend_chart(trend: Trend, width: float, font: str, language: Language) -> Drawing:
    """A line over twelve months with the target dashed."""
    height = 34 * mm
    drawing = Drawing(width, height)
    spec, points = trend.declared.spec, points_of(trend)
    scale = 100.0 if spec.unit == "percent" else 1.0
    values = [value * scale for _, value in points]
    target = None if trend.declared.target is None else trend.declared.target * scale
    label = String(0, height - 9, spec.label.to(language), fontName=font, fontSize=8.5)
    label.fillColor = INK
    drawing.add(label)
    newest = String(width - 4, height - 9, shown(spec.unit, points[-1][1], language), textAnchor="end")
    newest.fontName, newest.fontSize, newest.fillColor = font, 8.5, ACCENT
    drawing.add(newest)
    plot = LinePlot()
    plot.x, plot.y, plot.width, plot.height = 26, 14, width - 36, height - 30
    plot.data = [[(n, value * scale) for n, value in points]]
    plot.lines[0].strokeColor, plot.lines[0].strokeWidth = ACCENT, 1.4
    low, high = _bounds([*values, *([target] if target is not None else [])], spec.unit)
    axis = plot.yValueAxis
    axis.valueMin, axis.valueMax, axis.valueSteps = low, high, [low, (low + high) / 2, high]
    axis.labels.fontName, axis.labels.fontSize, axis.labels.fillColor = LATIN, 6.5, MUTED
    axis.labelTextFormat = "%.0f" if high - low >= 4 else "%.1f"
    axis.strokeColor, axis.visibleTicks, axis.visibleGrid, axis.gridStrokeColor = None, 0, 1, LINE
    months = [point.period for point in trend.points]
    across = plot.xValueAxis
    across.valueMin, across.valueMax = 0, len(months) - 1
    across.valueSteps = [0, len(months) // 2, len(months) - 1]
    across.labelTextFormat = lambda n: f"{months[int(n)]:%Y-%m}"
    across.labels.fontName, across.labels.fontSize, across.labels.fillColor = LATIN, 6.5, MUTED
    across.strokeColor, across.visibleTicks = LINE, 0
    drawing.add(plot)
    if target is not None and high > low:
        y = plot.y + (target - low) / (high - low) * plot.height
        drawing.add(
            Line(
                plot.x,
                y,
                plot.x + plot.width,
                y,
                strokeColor=MUTED,
                strokeDashArray=[2, 2],
                strokeWidth=0.6,
            )
        )
    return drawing


def ranking_bars(ranking: NamedRanking, width: float, font: str, language: Language) -> Drawing:
    """The first ten by their fair value, best on top."""
    places = [place for place in ranking.ranking.places if place.rank][:RANKED_DRAWN_MAX]
    spec = ranking.declared.spec
    scale = 100.0 if spec.unit == "percent" else 1.0
    height = max(18, len(places) * 12 + 16)
    drawing = Drawing(width, height)
    if not places:
        return drawing
    chart = HorizontalBarChart()
    chart.x, chart.y, chart.width, chart.height = 150, 14, width - 190, height - 16
    worst_first = places[::-1]
    chart.data = [[place.fair * scale for place in worst_first]]
    chart.categoryAxis.categoryNames = [ranking.names[p.key].to(language)[:24] for p in worst_first]
    chart.categoryAxis.labels.fontName, chart.categoryAxis.labels.fontSize = font, 7
    chart.categoryAxis.strokeColor, chart.categoryAxis.visibleTicks = LINE, 0
    chart.valueAxis.valueMin = 0
    chart.valueAxis.labels.fontName, chart.valueAxis.labels.fontSize = LATIN, 6.5
    chart.valueAxis.strokeColor, chart.valueAxis.visibleGrid, chart.valueAxis.gridStrokeColor = (
        None,
        1,
        LINE,
    )
    chart.bars[0].fillColor, chart.bars[0].strokeColor = ACCENT, None
    chart.barLabelFormat = lambda value: shown(spec.unit, value / scale, language)
    chart.barLabels.fontName, chart.barLabels.fontSize, chart.barLabels.boxAnchor = (
        font,
        6.5,
        "w",
    )
    chart.barLabels.nudge = 3
    chart.barWidth = 6
    drawing.add(chart)
    return drawing


def points_of(trend: Trend) -> list[tuple[int, float]]:
    """Places and values of the months that have one."""
    operator = trend.declared.spec.operator
    told = [(n, point.sums.value(operator)) for n, point in enumerate(trend.points)]
    return [(n, value) for n, value in told if value is not None]


def _bounds(values: list[float], unit: str) -> tuple[float, float]:
    """Bounds of an axis around the values; a share's stay within 0 to 100."""
    low, high = min(values), max(values)
    pad = (high - low) * 0.15 or max(abs(high) * 0.1, 1.0)
    low, high = max(0.0, low - pad), high + pad
    return (low, min(high, 100.0)) if unit == "percent" else (low, high)
