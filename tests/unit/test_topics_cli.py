"""`yunnao topics`, standing alone."""

import json
from pathlib import Path

from typer.testing import CliRunner

from yunnao.entrypoints.cli.main import app

ROWS = """编号,标题,时间,正文,反对,点赞
1,丽发新城旁边搅拌站噪音扰民,2019/11/2 14:23:11,搅拌站太吵了,0,3
2,请关停丽发新城附近的搅拌站,2019-11-09 09:00:00,搅拌站灰尘大,1,
3,公交车间隔太长,2019/11/20 8:00,等了四十分钟,0,0
4,没有时间的留言,昨天,正文,0,0
"""


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["topics", *arguments])
    return result.exit_code, result.output


def test_the_hottest_topics_of_a_file_are_printed(tmp_path: Path) -> None:
    file = tmp_path / "messages.csv"
    file.write_text(ROWS, encoding="utf-8-sig")
    code, told = run(f"{file}::标题,正文::时间::点赞::反对", "--json")
    assert code == 0
    found = json.loads(told)
    assert (found["messages"], found["left_out"], found["topics"]) == (3, 1, 2)
    assert found["items"][0]["rows"] == [1, 2]
    assert (found["items"][0]["likes"], found["items"][0]["dislikes"]) == (3, 1)
    assert [week["messages"] for week in found["items"][0]["weekly"]] == [1, 1]
    code, told = run(f"{file}::标题,正文::时间", "--top", "1")
    assert code == 0
    assert "搅拌站" in told


def test_what_cannot_be_read_is_told_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "messages.csv"
    file.write_text(ROWS, encoding="utf-8-sig")
    for source in (f"{file}::标题", f"{file}::标题,没有::时间", f"{tmp_path}/none.csv::a::b"):
        code, told = run(source)
        assert code == 1
        assert "文件" in told
        assert "Traceback" not in told
