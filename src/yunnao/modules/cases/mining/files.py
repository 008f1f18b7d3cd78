"""Logs of other systems: a CSV file whose columns are named on the command line."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from yunnao.kernel.errors import InvalidInput

TIME_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f%:z",
    "%Y-%m-%d %H:%M:%S%.f%:z",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
)
NAIVE_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M",
)


@dataclass(frozen=True)
class LogSource:
    """`FILE::CASE::ACTIVITY::TIME[::RESOURCE]`: a file and the columns to read."""

    file: Path
    case: str
    activity: str
    time: str
    resource: str | None

    @classmethod
    def parse(cls, written: str) -> "LogSource":
        """Names of columns may themselves hold single colons. Raises InvalidInput."""
        parts = written.split("::")
        if len(parts) not in (4, 5) or not all(parts):
            raise InvalidInput("process_source_unreadable", source=written)
        return cls(Path(parts[0]), parts[1], parts[2], parts[3], parts[4] if len(parts) == 5 else None)

    def read(self, zone: str) -> pl.DataFrame:
        """case, activity, time (UTC), resource. Times without an offset are of `zone`; rows that lack case
        or activity are left out. Raises InvalidInput `process_…`."""
        wanted = {"case": self.case, "activity": self.activity, "time": self.time, "resource": self.resource}
        try:
            plain = pl.read_csv(self.file, infer_schema=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise InvalidInput("process_file_unreadable", file=self.file, detail=str(error)[:200]) from error
        for column in wanted.values():
            if column is not None and column not in plain.columns:
                raise InvalidInput("process_column_missing", file=self.file, column=column)
        named = plain.select(
            pl.col(column).alias(name) if column else pl.lit(None, dtype=pl.String).alias(name)
            for name, column in wanted.items()
        )
        kept = named.filter(pl.col("case").is_not_null() & pl.col("activity").is_not_null())
        timed = kept.with_columns(self._times(zone).alias("at"))
        wrong = timed.filter(pl.col("at").is_null())
        if not wrong.is_empty():
            raise InvalidInput("process_time_unreadable", column=self.time, example=str(wrong["time"][0]))
        return timed.select("case", "activity", pl.col("at").alias("time"), "resource")

    @staticmethod
    def _times(zone: str) -> pl.Expr:
        written = pl.col("time").str.strip_chars()
        aware = [
            written.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC")
            for form in TIME_FORMATS
        ]
        naive = [
            written.str.to_datetime(form, strict=False, time_unit="us")
            .dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
            .dt.convert_time_zone("UTC")
            for form in NAIVE_FORMATS
        ]
        return pl.coalesce(*aware, *naive)
