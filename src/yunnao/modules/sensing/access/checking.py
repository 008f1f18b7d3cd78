"""What is wrong with rows of a table of devices, found in columns."""

import polars as pl

from yunnao.infra.nats_subjects import topic_level_chars_max, usable_character
from yunnao.modules.sensing.access.tables import DEVICE_TABLE, Known

name_chars_max = 200
REJECTED = pl.Schema({"line": pl.Int64, "device": pl.String, "code": pl.String, "value": pl.String})
"""Rows that are not taken: where they stand, and why. `value` is what is wrong."""


def checked(table: pl.DataFrame, known: Known) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Rows of a `DEVICE_TABLE` that may be registered, rows that may not, and rows that a later one
    of the same device replaces; the latter two as `REJECTED`."""
    codes = table.with_columns(_problem(table, known)).with_columns(
        # The first problem of a row is told.
        problem=pl.coalesce("problem", pl.col("found").struct.field("code")),
        value=pl.when(pl.col("problem").is_null())
        .then(pl.col("found").struct.field("value"))
        .otherwise("value"),
    )
    good = codes.filter(pl.col("problem").is_null()).select(DEVICE_TABLE.names())
    bad = codes.filter(pl.col("problem").is_not_null())
    last = good["device"].is_last_distinct()
    repeated = good.filter(~last).with_columns(problem=pl.lit("device_repeated"))
    return good.filter(last), _rejected(bad), _rejected(repeated)


def _rejected(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("line", "device", pl.col("problem").alias("code"), "value").cast(dict(REJECTED))  # type: ignore[arg-type]


def _problem(table: pl.DataFrame, known: Known) -> pl.Expr:
    """The column `found`: code and value of the first rule that each row breaks."""
    lon, lat = pl.col("lon"), pl.col("lat")
    place = pl.format("{},{}", lon.fill_null(float("nan")), lat.fill_null(float("nan")))
    halved = lon.is_null() != lat.is_null()
    infinite = ~(lon.is_finite() & lat.is_finite())
    swapped = (lat.abs() > 90) & (lat.abs() <= 180) & (lon.abs() <= 90)
    outside = (lon.abs() > 180) | (lat.abs() > 90)
    product = pl.col("product")
    owner, gateway = pl.col("owner"), pl.col("gateway")
    gateways = table["gateway"].drop_nulls().unique()
    unknown_owner = pl.lit(False) if known.departments is None else ~owner.is_in(list(known.departments))
    rules: list[tuple[pl.Expr, str, pl.Expr]] = [
        (pl.col("device").is_null(), "device_missing", pl.lit("")),
        (_unusable(table, "device"), "topic_level_invalid", pl.col("device")),
        (product.is_null(), "product_missing", pl.lit("")),
        (~product.is_in(list(known.products)), "product_unknown", product),
        (_unusable(table, "entity"), "topic_level_invalid", pl.col("entity")),
        (_unprintable(table, "name"), "device_name_invalid", pl.col("name").str.head(60)),
        (halved, "coordinates_half", place),
        (infinite, "coordinates_not_finite", place),
        (swapped, "coordinates_swapped", place),
        (outside, "coordinates_out_of_range", place),
        (unknown_owner, "department_unknown", owner),
        (gateway == pl.col("device"), "gateway_is_itself", gateway),
        (gateway.is_not_null() & pl.col("device").is_in(gateways.to_list()), "gateway_nested", gateway),
    ]
    branches = [
        pl.when(broken.fill_null(False)).then(pl.struct(pl.lit(code).alias("code"), value.alias("value")))
        for broken, code, value in rules
    ]
    return pl.coalesce(branches).alias("found")


def _unusable(table: pl.DataFrame, column: str) -> pl.Expr:
    """Which texts cannot stand in a topic: the rule of `nats_subjects`, asked once a character."""
    text = pl.col(column)
    characters = set("".join(table[column].drop_nulls()))
    bad = sorted(char for char in characters if not usable_character(char))
    broken = text.str.len_chars() > topic_level_chars_max
    broken |= text.str.starts_with("$") | (text == "")
    return broken | text.str.contains_any(bad) if bad else broken


def _unprintable(table: pl.DataFrame, column: str) -> pl.Expr:
    """Which names (JSON of two) are too long or hold control characters, which JSON writes as escapes."""
    text = pl.col(column)
    return (text.str.len_chars() > 2 * name_chars_max) | text.str.contains(r"\\u00|\\[bfnrt]")
