"""DuckDB within the process: questions over Parquet files and Arrow tables, bounded in memory and time."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from yunnao.kernel.errors import TooLarge

memory_bytes_max = 1024**3
threads_max = 2


class Duck:
    """One DuckDB of the process; opened by the first question, and every question has its own cursor."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None

    def query(
        self,
        sql: str,
        tables: Mapping[str, Any],
        files: Mapping[str, Sequence[str]],
        parameters: Mapping[str, Any],
        *,
        statement_s: float,
    ) -> pa.Table:
        """The answer of `sql` over `tables` (Arrow tables or datasets) and `files` (of Parquet), by name.

        Blocks: call it in a thread.

        Raises TooLarge `question_too_long` after `statement_s`, `question_too_large` where it needs more
        memory than `memory_bytes_max`.
        """
        cursor = self._cursor()
        for name, table in tables.items():
            cursor.register(name, table)
        for name, paths in files.items():
            # A view takes no parameters; it belongs to this cursor alone.
            listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
            cursor.execute(f"CREATE TEMP VIEW {name} AS FROM read_parquet([{listed}])")
        timer = threading.Timer(statement_s, cursor.interrupt)
        timer.start()
        try:
            found: pa.Table = cursor.sql(sql, params=dict(parameters)).to_arrow_table()
            return found
        except duckdb.InterruptException as error:
            raise TooLarge("question_too_long", limit_s=int(statement_s)) from error
        except duckdb.OutOfMemoryException as error:
            raise TooLarge("question_too_large", limit_mb=memory_bytes_max // 1024**2) from error
        finally:
            timer.cancel()
            cursor.close()

    def _cursor(self) -> Any:
        with self._lock:
            if self._connection is None:
                self._connection = duckdb.connect(
                    config={
                        "memory_limit": f"{memory_bytes_max // 1024**2}MiB",
                        "threads": threads_max,
                        "temp_directory": "",
                        "autoinstall_known_extensions": False,
                        "autoload_known_extensions": False,
                        "preserve_insertion_order": False,
                    }
                )
                # The lake's files never change once they are written.
                self._connection.execute("SET GLOBAL parquet_metadata_cache = true")
            return self._connection.cursor()
