"""`yunnao replay readings`: tables of a stranger, and real history where it is at hand."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from yunnao.infra.child_city import ChildCity

SHARED = Path(__file__).parents[3] / "shared" / "data"
LIMIT_S = 200


def replay(city: ChildCity, *arguments: str | Path) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "yunnao.entrypoints.cli.main", "replay", "readings", *map(str, arguments)],
        env=city.environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1:] or ["{}"]
    return done.returncode, json.loads(last[0]) if last[0].startswith("{") else {}, done.stderr


def test_a_wide_table_with_its_register_is_stored_whole(running_city: ChildCity, tmp_path: Path) -> None:
    (tmp_path / "register.csv").write_text(
        "place_id,place_name,num_all,latitude,longitude\nX-1,Rathaus,100,36.07,120.38\n", encoding="utf-8"
    )
    rows = "".join(f"2026-07-01T{hour:02}:00:00+00:00,{90 - hour},{hour}\n" for hour in range(24))
    (tmp_path / "day.csv").write_text("timestamp,X-1,X-2\n" + rows, encoding="utf-8")
    files = sorted(tmp_path.glob("*.csv"))
    code, counts, told = replay(running_city, *files, "--as", "car-park", "--shift-to-now", "--json")
    assert code == 0, told
    assert (counts["sent"], counts["acknowledged"], counts["stored"]) == (48, 48, 48)
    with closing(running_city.signed_in(running_city.accounts()["dispatcher"])) as client:
        known = client.get("/devices/X-1").json()
        assert (known["lon"], known["lat"]) == (120.38, 36.07)
        assert known["latest"]["free"]["value"] == 67
        bare = client.get("/devices/X-2").json()
        assert bare["lon"] is None
        points = client.get("/devices/X-2/readings", params={"metric": "free"}).json()["points"]
        assert [value for _, value in points] == list(range(24))


def test_a_table_that_fits_no_product_is_refused_with_its_reason(
    running_city: ChildCity, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("timestamp,colour\n2026-07-01T00:00:00Z,red\n", encoding="utf-8")
    code, _, told = replay(running_city, table, "--as", "air-station")
    assert code == 1
    assert "Traceback" not in told
    assert "pm25" in told
    code, _, told = replay(running_city, table, "--as", "no-such-product")
    assert code == 1
    assert "no-such-product" in told


def test_real_history_is_stored_or_refused_to_the_last_reading(running_city: ChildCity) -> None:
    day, register = SHARED / "parking/2026-07-04.csv", SHARED / "parking/meta-data.csv"
    air = SHARED / "telemetry/qingdao_air_daily.csv"
    if not day.exists() or not air.exists():
        pytest.skip(f"the shared data is not at {SHARED}")
    code, counts, told = replay(running_city, day, register, "--as", "car-park", "--json")
    assert code == 0, told
    assert counts["acknowledged"] == counts["sent"] == counts["readings"] == 31_636
    assert counts["stored"] + counts["refused"] == counts["readings"]
    code, counts, told = replay(running_city, air, "--as", "air-station", "--json")
    assert code == 0, told
    assert counts["stored"] == counts["readings"] > 25_000
