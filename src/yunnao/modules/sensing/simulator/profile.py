"""How a synthetic city behaves: where its devices are and what goes wrong. Data, one file a profile."""

from pathlib import Path

from pydantic import Field

from yunnao.kernel.errors import NotFound
from yunnao.kernel.packs.common import Model, Text
from yunnao.scenes.source import PackSource

FOLDER = Path(__file__).parent / "profiles"


class Faults(Model):
    """Shares are of devices for what lasts (silent, stuck, skewed), of messages for the rest."""

    silent_share: float = Field(0, ge=0, le=1, description="Devices that fall silent now and then.")
    silent_s: float = Field(3_600, gt=0, description="How long such a device says nothing, seconds.")
    stuck_share: float = Field(0, ge=0, le=1, description="Devices that repeat their first value.")
    skewed_share: float = Field(0, ge=0, le=1, description="Devices whose clock is wrong.")
    skew_s: float = Field(60, ge=0, description="By how much at most, either way, seconds.")
    spike_share: float = Field(0, ge=0, le=1, description="Messages with a value far off.")
    spike_factor: float = Field(4, gt=0)
    late_share: float = Field(0, ge=0, le=1, description="Messages that come late, hence out of order.")
    late_s: float = Field(600, gt=0, description="How late at most, seconds.")
    duplicate_share: float = Field(0, ge=0, le=1, description="Messages that come twice.")
    broken_share: float = Field(0, ge=0, le=1, description="Messages that are cut off.")


class Profile(Model):
    description: Text
    spread_m: float = Field(gt=0, description="Standard deviation of the distance to a demo device's place.")
    interval_s_max: float = Field(gt=0, description="Devices that report more seldom report so often.")
    gateway_share: float = Field(
        0, ge=0, le=1, description="Devices behind a gateway, of products whose messages may name devices."
    )
    gateway_devices: int = Field(100, ge=2, le=1_000, description="How many devices a gateway speaks for.")
    faults: Faults


def profiles() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_profile(name: str) -> Profile:
    """Raises NotFound `profile_unknown`."""
    if name not in profiles():
        raise NotFound("profile_unknown", profile=name, known=", ".join(profiles()))
    source = PackSource(FOLDER)
    profile = source.read(f"{name}.yaml", Profile, required=True)
    source.refuse_if_broken()
    assert profile is not None
    return profile
