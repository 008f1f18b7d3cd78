"""Texts of strangers in tables that a spreadsheet will open."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: str) -> str:
    """`cell`, with an apostrophe before what a spreadsheet would take for a formula (CSV injection)."""
    return "'" + cell if cell.startswith(FORMULA_STARTS) else cell
