"""The live table: newest wins whatever the order, readers and writers do not disturb each other."""

import multiprocessing
import os
import signal
import sys
from multiprocessing.synchronize import Event
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yunnao.modules.sensing.contracts import Newest
from yunnao.modules.sensing.domain.times import UNKNOWN_US
from yunnao.modules.sensing.live import files
from yunnao.modules.sensing.live.table import UNAPPLIED, LiveTable

Row = tuple[int, int, float, int]
"""Series, time, value, arrival."""
FORK = multiprocessing.get_context("fork")
ROWS = 5_000


def newest(rows: list[Row]) -> Newest:
    series, times, values, seen = zip(*sorted(rows), strict=True) if rows else ((), (), (), ())
    return Newest(
        np.array(series, np.int32),
        np.array(times, np.int64),
        np.array(values, np.float64),
        [None] * len(rows),
        np.array(seen, np.int64),
    )


def series(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


batches = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.integers(-5, 20),
            st.floats(allow_nan=False, width=32),
            st.integers(0, 50),
        ),
        unique_by=lambda row: row[0],
    ),
    max_size=12,
)


@given(batches)
@settings(max_examples=60, deadline=None)
def test_the_table_holds_what_a_dictionary_would(found: list[list[Row]]) -> None:
    model: dict[int, tuple[int, float]] = {}
    seen: dict[int, int] = {}
    with TemporaryDirectory() as folder:
        table = LiveTable(Path(folder))
        for number, batch in enumerate(found):
            table.apply(number % 3, number, newest(batch))
            assert table.applied(number % 3) == number
            for one, time, value, arrival in batch:
                if time >= model.get(one, (UNKNOWN_US, 0.0))[0]:
                    model[one] = (time, value)
                seen[one] = max(seen.get(one, 0), arrival)
        asked = series(*range(14), files.rows_step * 3)
        held = LiveTable(Path(folder)).values(asked)
        assert table.times_us(asked).tolist() == held.time_us.tolist()
        for i, one in enumerate(asked.tolist()):
            time, value = model.get(one, (UNKNOWN_US, np.nan))
            assert held.time_us[i] == time
            np.testing.assert_equal(held.value[i], value)
            assert held.seen_us[i] == seen.get(one, UNKNOWN_US)


def test_a_late_reading_says_that_its_device_lives_and_no_more(tmp_path: Path) -> None:
    table = LiveTable(tmp_path)
    table.apply(0, 1, newest([(7, 100, 1.5, 110)]))
    table.apply(0, 2, newest([(7, 90, 9.0, 200)]))
    held = table.values(series(7))
    assert (held.time_us[0], held.value[0], held.seen_us[0]) == (100, 1.5, 200)


def test_the_table_grows_and_processes_that_mapped_it_before_see_the_new_rows(tmp_path: Path) -> None:
    writer, reader = LiveTable(tmp_path), LiveTable(tmp_path)
    far = files.rows_step + 5
    assert reader.times_us(series(0, far)).tolist() == [UNKNOWN_US, UNKNOWN_US]
    writer.apply(0, 0, newest([(0, 1, 1.0, 1), (far, 2, 2.0, 2)]))
    assert reader.times_us(series(far, 0)).tolist() == [2, 1]
    assert np.isnan(reader.values(series(far - 1)).value[0])
    assert len(reader.scan().value) == 2 * files.rows_step


def test_another_database_empties_the_table_and_the_same_does_not(tmp_path: Path) -> None:
    table = LiveTable(tmp_path)
    table.claim(UUID(int=1))
    table.apply(0, 3, newest([(1, 1, 1.0, 1)]))
    LiveTable(tmp_path).claim(UUID(int=1))
    assert (table.applied(0), table.times_us(series(1))[0]) == (3, 1)
    LiveTable(tmp_path).claim(UUID(int=2))
    assert (table.applied(0), table.times_us(series(1))[0]) == (UNAPPLIED, UNKNOWN_US)


def test_after_a_start_of_the_machine_no_batch_counts_as_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LiveTable(tmp_path).apply(0, 3, newest([(1, 1, 1.0, 1)]))
    assert LiveTable(tmp_path).applied(0) == 3
    other = tmp_path / "boot_id"
    other.write_text(str(UUID(int=9)))
    monkeypatch.setattr(files, "BOOT_ID", other)
    again = LiveTable(tmp_path)
    assert again.applied(0) == UNAPPLIED
    assert again.times_us(series(1))[0] == 1


def test_a_lost_column_makes_the_table_start_empty(tmp_path: Path) -> None:
    LiveTable(tmp_path).apply(0, 3, newest([(1, 1, 1.0, 1)]))
    (tmp_path / "value").unlink()
    table = LiveTable(tmp_path)
    assert table.applied(0) == UNAPPLIED
    assert table.times_us(series(1))[0] == UNKNOWN_US


def test_a_row_that_its_writer_left_half_written_is_unknown_until_it_comes_again(tmp_path: Path) -> None:
    table = LiveTable(tmp_path)
    table.apply(0, 1, newest([(1, 100, 1.0, 100), (2, 100, 1.0, 100)]))
    columns = table._files.columns()
    columns.value[1] = 2.0
    assert table.values(series(1, 2)).time_us.tolist() == [UNKNOWN_US, 100]
    table.apply(0, 2, newest([(1, 101, 2.0, 101)]))
    assert table.values(series(1)).value.tolist() == [2.0]


def write_for_ever(folder: Path, ready: Event, lane: int, time: int) -> None:
    """Writes rows whose values are twice their times; series of one lane are this writer's."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    table = LiveTable(folder)
    mine = np.arange(lane, ROWS * 2, 2, dtype=np.int32)
    while True:
        time += 1
        times = np.full(len(mine), time, np.int64)
        table.apply(lane, time, Newest(mine, times, times * 2.0, [None] * len(mine), times))
        ready.set()


def test_readers_see_whole_rows_during_writes_and_after_a_writer_was_killed(tmp_path: Path) -> None:
    table, everything = LiveTable(tmp_path), np.arange(ROWS * 2, dtype=np.int32)
    last = 0
    for _ in range(6):
        ready = FORK.Event()
        writers = [FORK.Process(target=write_for_ever, args=(tmp_path, ready, lane, last)) for lane in (0, 1)]
        for writer in writers:
            writer.start()
        assert ready.wait(10)
        until = monotonic() + 0.15
        while monotonic() < until:
            held = table.values(everything)
            known = held.time_us != UNKNOWN_US
            assert (held.value[known] == held.time_us[known] * 2.0).all()
        for writer in writers:
            assert writer.pid
            os.kill(writer.pid, signal.SIGKILL)
            writer.join()
        held = table.values(everything)
        known = held.time_us != UNKNOWN_US
        assert (held.value[known] == held.time_us[known] * 2.0).all()
        # The killed writers' lock is free, and whoever writes next makes every row whole.
        last = max(last, table.applied(0), table.applied(1)) + 10
        times = np.full(len(everything), last, np.int64)
        table.apply(0, last, Newest(everything, times, times * 2.0, [None] * len(times), times))
        assert (table.values(everything).time_us == last).all()
