"""Synthetic devices in columns: where they are, when they speak, what they measure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import cos, pi, radians

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.packs.decoders import JsonDecoder
from yunnao.kernel.packs.scene import DemoDevice, Product, Rhythm, ScenePack
from yunnao.kernel.text import Text
from yunnao.modules.sensing.contracts import DeviceDraft
from yunnao.modules.sensing.simulate import NOISE_MEMORY, STORM_M, STORM_SHARE_MIN
from yunnao.modules.sensing.simulator.profile import Profile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Inside = Callable[[Floats, Floats], NDArray[np.bool_]]
"""Which of some positions (degrees) are in the city."""

DEGREE_M = 111_195.0
"""Length of a degree of latitude on the sphere."""
ID_DIGITS = 7
placing_rounds_max = 20


@dataclass(frozen=True)
class Curve:
    """The rhythms of one metric of n devices, a column for each parameter (see `Rhythm`)."""

    base: Floats
    amplitude: Floats
    peak_hour: Floats
    noise: Floats
    rain_gain: Floats
    minimum: Floats
    maximum: Floats
    scale: Floats

    @classmethod
    def of(cls, rhythms: Sequence[Rhythm], templates: Sequence[DemoDevice], which: Ints) -> "Curve":
        """Each device has the rhythm of its template."""
        scale = [
            float(d.attributes[r.share_of]) if r.share_of else 1.0
            for r, d in zip(rhythms, templates, strict=True)
        ]
        rows = [
            [r.base, r.daily_amplitude, r.peak_hour, r.noise, r.rain_gain, r.minimum, _maximum(r), s]
            for r, s in zip(rhythms, scale, strict=True)
        ]
        return cls(*np.array(rows, np.float64)[which].T)

    def values(self, at: Ints, hour: Floats, rain: Floats, noise: Floats) -> Floats:
        """Values of the devices `at`; `noise` in standard deviations."""
        daily = self.amplitude[at] * np.cos(2 * pi * (hour - self.peak_hour[at]) / 24)
        value = self.base[at] + daily + self.noise[at] * noise + self.rain_gain[at] * rain
        return np.clip(value, self.minimum[at], self.maximum[at]) * self.scale[at]


def _maximum(rhythm: Rhythm) -> float:
    return np.inf if rhythm.maximum is None else rhythm.maximum


@dataclass
class Fleet:
    """The devices of one product; row r of every column is one of them."""

    name: str
    product: Product
    templates: Sequence[DemoDevice]
    which: Ints
    lon: Floats
    lat: Floats
    interval_s: float
    next_s: Floats
    curves: dict[str, Curve]
    stuck: NDArray[np.bool_]
    silent: NDArray[np.bool_]
    skew_s: Floats
    gateway: Ints
    """The row of the device that speaks for this one, -1 where it speaks for itself."""
    noise: dict[str, Floats] = field(default_factory=dict)
    frozen: dict[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.which)

    @property
    def device_pointer(self) -> str | None:
        """Where a gateway's message names the device; none where devices only speak for themselves."""
        return _device_pointer(self.product)

    def id(self, row: int) -> str:
        return f"SIM-{self.name}-{row:0{ID_DIGITS}}"

    def drafts(self) -> Iterator[DeviceDraft]:
        """The devices as they are registered."""
        label = self.product.label
        columns = (self.which.tolist(), self.lon.tolist(), self.lat.tolist(), self.gateway.tolist())
        for row, (which, lon, lat, gateway) in enumerate(zip(*columns, strict=True)):
            yield DeviceDraft(
                id=self.id(row),
                product=self.name,
                entity=self.id(row),
                name=Text(zh=f"{label.zh} {row:0{ID_DIGITS}}", en=f"{label.en} {row:0{ID_DIGITS}}"),
                lon=lon,
                lat=lat,
                attributes=dict(self.templates[which].attributes),
                synthetic=True,
                gateway=None if gateway < 0 else self.id(gateway),
            )

    def due(self, elapsed_s: float, chance: np.random.Generator) -> Ints:
        """The devices that speak now; their next turn is noted. After a pause nobody catches up."""
        found = np.flatnonzero(self.next_s <= elapsed_s)
        own = self.interval_s * chance.uniform(0.98, 1.02, len(found))
        # What a gateway speaks for stays in step, so that its devices come in one message.
        self.next_s[found] = elapsed_s + np.where(self.gateway[found] < 0, own, self.interval_s)
        return found

    def hush(self, at: Ints, elapsed_s: float, silent_s: float) -> Ints:
        """Those of `at` that speak; the silent kind is heard every other `silent_s`, each in its own time."""
        turn = (elapsed_s / silent_s + at * 0.618).astype(np.int64) % 2
        return np.asarray(at[~(self.silent[at] & (turn == 1))], np.int64)

    def values(self, at: Ints, hour: float, rain: Floats, chance: np.random.Generator) -> dict[str, Floats]:
        """What the devices `at` measure, by metric; `hour` is UTC's, the curve the sun's."""
        local = (hour + self.lon[at] / 15) % 24
        found: dict[str, Floats] = {}
        for metric, curve in self.curves.items():
            kept = self.noise.setdefault(metric, np.zeros(len(self)))
            kept[at] = NOISE_MEMORY * kept[at] + chance.normal(0, (1 - NOISE_MEMORY**2) ** 0.5, len(at))
            value = curve.values(at, local, rain, kept[at])
            first = self.frozen.setdefault(metric, np.full(len(self), np.nan))
            first[at] = np.where(np.isnan(first[at]), value, first[at])
            value = np.where(self.stuck[at], first[at], value)
            whole = self.product.metrics[metric].value_type == "integer"
            found[metric] = np.round(value, 0 if whole else 3)
        return found

    def rain(self, at: Ints, centre: DemoDevice, full: float) -> Floats:
        """Rain at the devices `at`, 0 to 1, of a storm about `centre`."""
        east = (self.lon[at] - centre.lon) * cos(radians(centre.lat))
        away = np.hypot(east, self.lat[at] - centre.lat) * DEGREE_M / STORM_M
        return full * (STORM_SHARE_MIN + (1 - STORM_SHARE_MIN) * np.exp(-(away**2) / 2))


def fleets(
    scenes: Sequence[ScenePack], profile: Profile, devices: int, inside: Inside, seed: int
) -> list[Fleet]:
    """`devices` in all, divided among the products as their demo devices are."""
    chance = np.random.default_rng(seed)
    products = {name: product for scene in scenes for name, product in scene.products.items()}
    templates: dict[str, list[DemoDevice]] = {}
    for device in (device for scene in scenes for device in scene.devices):
        if device.rhythm:
            templates.setdefault(device.product, []).append(device)
    weights = np.array([len(found) for found in templates.values()], np.float64)
    ends = np.round(np.cumsum(weights) / weights.sum() * devices).astype(int)
    counts = np.diff(ends, prepend=0)
    return [
        _fleet(name, products[name], found, profile, count=int(count), inside=inside, chance=chance)
        for (name, found), count in zip(templates.items(), counts, strict=True)
        if count
    ]


def _fleet(
    name: str,
    product: Product,
    templates: Sequence[DemoDevice],
    profile: Profile,
    *,
    count: int,
    inside: Inside,
    chance: np.random.Generator,
) -> Fleet:
    which = chance.integers(0, len(templates), count)
    lon, lat = _placed(templates, which, profile.spread_m, inside, chance)
    interval_s = min(float(product.interval_s), profile.interval_s_max)
    metrics = [metric for metric in templates[0].rhythm if all(metric in t.rhythm for t in templates)]
    faults = profile.faults
    skewed = chance.random(count) < faults.skewed_share
    next_s = chance.uniform(0, interval_s, count)
    gateway = _gateways(product, profile, count)
    next_s = np.where(gateway < 0, next_s, next_s[gateway])
    return Fleet(
        name=name,
        product=product,
        templates=templates,
        which=which,
        lon=lon,
        lat=lat,
        interval_s=interval_s,
        next_s=next_s,
        curves={m: Curve.of([t.rhythm[m] for t in templates], templates, which) for m in metrics},
        stuck=chance.random(count) < faults.stuck_share,
        silent=chance.random(count) < faults.silent_share,
        skew_s=np.where(skewed, chance.uniform(-faults.skew_s, faults.skew_s, count), 0.0),
        gateway=gateway,
    )


def _device_pointer(product: Product) -> str | None:
    return product.decoder.device if isinstance(product.decoder, JsonDecoder) else None


def _gateways(product: Product, profile: Profile, count: int) -> Ints:
    """The first rows are gateways, each of the same number of devices that follow."""
    found = np.full(count, -1, np.int64)
    size = profile.gateway_devices
    gateways = int(count * profile.gateway_share) // (size + 1)
    if _device_pointer(product) is not None and gateways:
        found[gateways : gateways * (size + 1)] = np.repeat(np.arange(gateways), size)
    return found


def _placed(
    templates: Sequence[DemoDevice], which: Ints, spread_m: float, inside: Inside, chance: np.random.Generator
) -> tuple[Floats, Floats]:
    """Positions about the templates', within the city; who finds no place there has the template's."""
    centre_lon = np.array([t.lon for t in templates])[which]
    centre_lat = np.array([t.lat for t in templates])[which]
    lon, lat = centre_lon.copy(), centre_lat.copy()
    missing = np.arange(len(which))
    for _ in range(placing_rounds_max):
        degrees = spread_m / DEGREE_M
        new_lat = centre_lat[missing] + chance.normal(0, degrees, len(missing))
        stretch = np.cos(np.radians(new_lat))
        new_lon = centre_lon[missing] + chance.normal(0, degrees, len(missing)) / stretch
        good = inside(new_lon, new_lat)
        lon[missing[good]], lat[missing[good]] = new_lon[good], new_lat[good]
        missing = missing[~good]
        if not len(missing):
            break
    return lon.round(6), lat.round(6)
