"""Real history through the real door: every message a case, none twice, dispatched or on the desk."""

from pathlib import Path

import httpx
import pytest
from tests.integration.cases_support import Town, town

from yunnao.entrypoints.cli.replay_reports import Columns, read, replay
from yunnao.kernel.errors import InvalidInput

__all__ = ["town"]

CSV = """编号,主题,详情,时间
1,路灯坏了,整条街的路灯都不亮了,2020/1/6 12:09:38
2,咨询,"请问,""怎么办"" 护照",2020/1/6 12:09:39
3,垃圾,垃圾桶满了没人收,2020-01-07 08:00:00
4,,,2020/1/8 00:00:00
"""
COLUMNS = Columns(("主题", "详情"), "时间", None, None, None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "messages.csv"
    path.write_text(CSV, encoding="utf-8-sig")
    return path


async def test_every_message_becomes_one_case_however_often_the_file_is_sent(town: Town, file: Path) -> None:
    messages = list(read(file, COLUMNS))
    assert [m.text for m in messages][1] == '咨询\n请问,"怎么办" 护照'
    for _ in range(2):
        tally, outcome = await replay(
            "http://city",
            town.tokens["wang"],
            "auto",
            messages,
            1e9,
            name=file.name,
            transport=httpx.ASGITransport(town.app),
        )
        assert (tally.sent, tally.created, tally.refused) == (4, 3, 1)
        assert sum(tally.codes.values()) == 1
        # Waste depends on the place, which the file does not tell: a person decides.
        assert outcome == {"automatic": 1, "desk": 2}
    assert len(await town.rows('SELECT 1 AS x FROM cases."case"')) == 3


async def test_a_column_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(InvalidInput, match="dispatch_column_missing"):
        list(read(file, Columns(("标题",), None, None, None, None)))
    assert len(list(read(file, COLUMNS, limit=2))) == 2
