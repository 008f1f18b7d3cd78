"""The synthetic city: as many devices as asked for, within the city, with the faults of its profile."""

from pathlib import Path

import numpy as np
import pytest

from yunnao.kernel.errors import NotFound
from yunnao.kernel.packs.scene import ScenePack
from yunnao.modules.sensing.simulator.fleet import Fleet, Floats, fleets
from yunnao.modules.sensing.simulator.profile import Profile, profiles, read_profile
from yunnao.scenes import load_scene

SCENES = Path(__file__).resolve().parents[2] / "scenes"


@pytest.fixture(scope="module")
def scenes() -> list[ScenePack]:
    return [load_scene(SCENES / name) for name in ("waterlogging", "parking")]


def north(lon: Floats, lat: Floats) -> np.ndarray:
    return lat > 36.05


def made(scenes: list[ScenePack], profile: Profile, devices: int = 2_000) -> list[Fleet]:
    return fleets(scenes, profile, devices, north, seed=7)


@pytest.mark.parametrize("name", profiles())
def test_every_profile_can_be_read_and_makes_as_many_devices_as_asked(
    scenes: list[ScenePack], name: str
) -> None:
    assert sum(map(len, made(scenes, read_profile(name), 1_234))) == 1_234


def test_an_unknown_profile_is_told() -> None:
    with pytest.raises(NotFound, match="profile_unknown"):
        read_profile("moon")


def test_devices_are_within_the_city(scenes: list[ScenePack]) -> None:
    for fleet in made(scenes, read_profile("calm")):
        homes = np.array([t.lat for t in fleet.templates])[fleet.which]
        assert (north(fleet.lon, fleet.lat) | (fleet.lat == homes.round(6))).all()


def test_values_stay_within_the_products_bounds(scenes: list[ScenePack]) -> None:
    chance = np.random.default_rng(1)
    for fleet in made(scenes, read_profile("calm")):
        at = np.arange(len(fleet))
        for hour in range(24):
            for metric, values in fleet.values(at, hour, np.ones(len(at)), chance).items():
                spec = fleet.product.metrics[metric]
                assert np.isfinite(values).all()
                assert spec.minimum is None or values.min() >= spec.minimum
                assert spec.maximum is None or values.max() <= spec.maximum


def test_a_stuck_device_repeats_itself_and_the_others_do_not(scenes: list[ScenePack]) -> None:
    profile = read_profile("city")
    faults = profile.faults.model_copy(update={"stuck_share": 0.5})
    chance = np.random.default_rng(1)
    for fleet in made(scenes, profile.model_copy(update={"faults": faults})):
        at = np.arange(len(fleet))
        first = fleet.values(at, 3, np.zeros(len(at)), chance)
        second = fleet.values(at, 15, np.ones(len(at)), chance)
        for metric in first:
            assert (first[metric] == second[metric])[fleet.stuck].all()
        assert any((first[m] != second[m])[~fleet.stuck].any() for m in first)


def test_each_device_speaks_once_an_interval(scenes: list[ScenePack]) -> None:
    chance = np.random.default_rng(1)
    for fleet in made(scenes, read_profile("calm")):
        heard = np.zeros(len(fleet), int)
        for tick in range(int(10 * fleet.interval_s)):
            heard[fleet.due(float(tick), chance)] += 1
        assert heard.min() >= 8
        assert heard.max() <= 11


def test_a_silent_device_is_heard_again_after_its_silence(scenes: list[ScenePack]) -> None:
    fleet = made(scenes, read_profile("calm"))[0]
    fleet.silent[:] = True
    at = np.arange(len(fleet))
    before, after = set(fleet.hush(at, 0.0, 100.0)), set(fleet.hush(at, 100.0, 100.0))
    assert 0 < len(before) < len(fleet)
    assert before.isdisjoint(after)
    assert before | after == set(at)


def test_a_gateway_and_its_devices_speak_at_the_same_time(scenes: list[ScenePack]) -> None:
    chance = np.random.default_rng(1)
    found = [f for f in made(scenes, read_profile("city")) if (f.gateway >= 0).any()]
    assert found
    for fleet in found:
        for tick in range(int(3 * fleet.interval_s)):
            at = fleet.due(float(tick), chance)
            behind = at[fleet.gateway[at] >= 0]
            gateways, said = np.unique(fleet.gateway[behind], return_counts=True)
            assert (said == np.bincount(fleet.gateway[fleet.gateway >= 0])[gateways]).all()
        assert not (fleet.gateway[fleet.gateway[fleet.gateway >= 0]] >= 0).any()
