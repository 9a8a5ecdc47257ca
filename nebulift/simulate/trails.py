"""Satellites, aircraft and meteors: a line of light with a cross profile and a life along it."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.severity import STREAK_TOTAL_SNR, number_for

Image = NDArray[np.float32]
PROFILE_FLOOR = 2e-4  # of the ridge: where the cross profile is cut off


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail between two points (pixels, may lie outside the frame).

    ``peak_sigma`` is the mean height of the ridge over the noise of one pixel. ``form``: ``satellite``, ``aircraft``
    or ``meteor``; ``pattern``: ``steady``, ``tumbling``, ``flare``, ``strobes`` or ``spindle``.
    """

    form: str
    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float
    peak_sigma: float
    widening_px: float = 0.0  # of a flat-topped smear beyond the star image: near objects are out of focus
    twin_px: float = 0.0  # distance of a parallel second line
    pattern: str = "steady"
    seed: int = 0

    @property
    def length_px(self) -> float:
        return math.hypot(self.x1_px - self.x0_px, self.y1_px - self.y0_px)


def trail_light(trail: Trail, profile: tuple[Image, Image], noise_e: float, size: tuple[int, int]) -> Image:
    """The trail's electrons in a frame of ``size`` (width, height), shape (height, width), float32.

    ``profile`` is ``psf.line_profile`` of the frame: (distance, brightness), of any scale.
    """
    light = np.zeros((size[1], size[0]), dtype=np.float32)
    distance, across = profile
    scaled = (distance, across / across.max() * np.float32(trail.peak_sigma * noise_e))
    offsets = [0.0] if trail.twin_px == 0.0 else [-0.5 * trail.twin_px, 0.5 * trail.twin_px]
    for number, offset in enumerate(offsets):
        _draw_line(light, trail, scaled, offset, number)
    return light


def clipped_to_frame(trail: Trail, size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """End points of the part inside the frame (Liang-Barsky), or ``None`` when the trail misses it."""
    width, height = size
    dx, dy = trail.x1_px - trail.x0_px, trail.y1_px - trail.y0_px
    enter, leave = 0.0, 1.0
    edges = ((-dx, trail.x0_px + 0.5), (dx, width - 0.5 - trail.x0_px))
    for slope, room in (*edges, (-dy, trail.y0_px + 0.5), (dy, height - 0.5 - trail.y0_px)):
        if slope == 0.0:
            if room < 0.0:
                return None
        elif slope < 0.0:
            enter = max(enter, room / slope)
        else:
            leave = min(leave, room / slope)
    if enter >= leave:
        return None
    x0, y0 = trail.x0_px, trail.y0_px
    return x0 + enter * dx, y0 + enter * dy, x0 + leave * dx, y0 + leave * dy


def profile_fwhm(profile: tuple[Image, Image]) -> float:
    """Full width at half maximum of a cross profile, in px: twice the outermost distance still above half."""
    distance, across = profile
    return 2.0 * float(distance[np.flatnonzero(across >= 0.5 * across.max())[-1]])


def random_trail(
    rng: np.random.Generator, size: tuple[int, int], fwhm_px: float, wanted_severity: float, form: str | None = None
) -> Trail:
    """A trail whose total signal-to-noise is about that of ``wanted_severity``, anywhere, of any look."""
    form = form or str(rng.choice(["satellite", "aircraft", "meteor"], p=[0.7, 0.18, 0.12]))
    width, height = size
    angle = float(rng.uniform(0.0, 2.0 * math.pi))
    middle_x, middle_y = rng.uniform(0.1, 0.9, 2) * (width, height)
    reach = float(math.hypot(width, height))
    start, stop = -reach, reach
    partial = form == "meteor" or rng.random() < 0.3
    if partial:
        length = float(rng.uniform(0.08, 0.5) * reach)
        start, stop = -0.5 * length, 0.5 * length
        if form != "meteor" and rng.random() < 0.6:
            stop = reach  # it came out of the shadow or entered it, or the shutter opened
    c, s = math.cos(angle), math.sin(angle)
    points = (middle_x + start * c, middle_y + start * s, middle_x + stop * c, middle_y + stop * s)
    trail = _looks(rng, form, points)
    inside = clipped_to_frame(trail, size)
    length = math.hypot(inside[2] - inside[0], inside[3] - inside[1]) if inside else reach
    sigma = math.hypot(fwhm_px / 2.355, trail.widening_px / math.sqrt(12.0))
    total = number_for(wanted_severity, STREAK_TOTAL_SNR)
    peak = total / math.sqrt(max(length, 10.0) * sigma * math.sqrt(math.pi))
    peak /= _unevenness(trail) * (math.sqrt(2.0) if trail.twin_px else 1.0)
    return replace(trail, peak_sigma=float(peak))


def _unevenness(trail: Trail) -> float:
    """Root mean square over mean of the brightness along the trail: flashes carry more signal than their mean says."""
    grid = np.linspace(0.0, 1.0, max(64, int(trail.length_px)))
    bright = PATTERNS[trail.pattern](np.random.default_rng([trail.seed, 5]), grid, trail.length_px, 0)
    return float(np.sqrt(np.mean(bright**2)) / np.mean(bright))


def _looks(rng: np.random.Generator, form: str, points: tuple[float, float, float, float]) -> Trail:
    widening, twin = 0.0, 0.0
    if form == "satellite":
        pattern = str(rng.choice(["steady", "tumbling", "flare"], p=[0.7, 0.18, 0.12]))
        widening = float(rng.choice([0.0, rng.uniform(0.5, 6.0)], p=[0.75, 0.25]))
        twin = float(rng.uniform(8.0, 60.0)) if rng.random() < 0.06 else 0.0
    elif form == "aircraft":
        pattern = "strobes"
        widening = float(rng.uniform(2.0, 16.0))
        twin = float(rng.uniform(10.0, 70.0)) if rng.random() < 0.6 else 0.0
    else:
        pattern = "spindle"
        widening = float(rng.uniform(0.0, 4.0))
    x0, y0, x1, y1 = (float(v) for v in points)
    return Trail(form, x0, y0, x1, y1, 1.0, widening, twin, pattern, int(rng.integers(2**31)))


def _draw_line(light: Image, trail: Trail, profile: tuple[Image, Image], offset: float, number: int) -> None:
    """Add one line, shifted sideways by ``offset``; works column by column along the steeper-lying axis."""
    dx, dy = trail.x1_px - trail.x0_px, trail.y1_px - trail.y0_px
    length = max(trail.length_px, 1e-6)
    x0, y0 = trail.x0_px - offset * dy / length, trail.y0_px + offset * dx / length
    if abs(dx) >= abs(dy):
        _draw_flat(light, (x0, y0, dx, dy), profile, (trail, number))
    else:
        _draw_flat(light.T, (y0, x0, dy, dx), profile, (trail, number))


def _draw_flat(
    light: Image, line: tuple[float, float, float, float], profile: tuple[Image, Image], life: tuple[Trail, int]
) -> None:
    x0, y0, dx, dy = line
    height, width = light.shape
    length = math.hypot(dx, dy)
    distance, across = profile
    reach = float(distance[np.flatnonzero(across > PROFILE_FLOOR * across.max())[-1]])
    low, high = sorted((x0, x0 + dx))
    columns = np.arange(max(0, math.floor(low - reach)), min(width, math.ceil(high + reach) + 1))
    if len(columns) == 0:
        return
    centre = y0 + (columns - x0) * dy / dx
    half = math.ceil(reach * length / abs(dx)) + 1
    rows = np.rint(centre).astype(np.int64)[:, None] + np.arange(-half, half + 1)[None, :]
    inside = (rows >= 0) & (rows < height)
    column, row = np.broadcast_to(columns[:, None], rows.shape)[inside], rows[inside]
    sideways = np.abs(((row - y0) * dx - (column - x0) * dy) / length)
    along = ((column - x0) * dx + (row - y0) * dy) / length
    ridge = np.interp(sideways, distance, across, right=0.0)
    light[row, column] += (ridge * _life(along, length, reach, life)).astype(np.float32)


def _life(along: NDArray[np.float64], length: float, reach: float, life: tuple[Trail, int]) -> NDArray[np.float64]:
    """Brightness along the line, of mean 1 between its ends, 0 beyond them."""
    trail, number = life
    rng = np.random.default_rng([trail.seed, 5])
    grid = np.linspace(0.0, 1.0, max(64, int(length)))
    bright = PATTERNS[trail.pattern](rng, grid, length, number)
    bright = bright / max(float(bright.mean()), 1e-9)
    ends = np.clip(np.minimum(along, length - along) / max(0.25 * reach, 0.5) + 0.5, 0.0, 1.0)
    return np.asarray(np.interp(along / length, grid, bright) * ends, dtype=np.float64)


def _steady(rng: np.random.Generator, t: NDArray[np.float64], length: float, number: int) -> NDArray[np.float64]:
    del length, number
    return 1.0 + rng.uniform(0.0, 0.25) * np.sin(2.0 * np.pi * (t * rng.uniform(0.2, 1.0) + rng.random()))


def _tumbling(rng: np.random.Generator, t: NDArray[np.float64], length: float, number: int) -> NDArray[np.float64]:
    del number
    waves = max(1.5, length / rng.uniform(60.0, 900.0))
    wave = 0.5 + 0.5 * np.cos(2.0 * np.pi * (t * waves + rng.random()))
    return np.asarray(rng.uniform(0.05, 0.4) + wave ** rng.uniform(1.0, 8.0), dtype=np.float64)


def _flare(rng: np.random.Generator, t: NDArray[np.float64], length: float, number: int) -> NDArray[np.float64]:
    del length, number
    middle, width = rng.uniform(0.3, 0.7), rng.uniform(0.02, 0.15)
    return np.asarray(rng.uniform(0.1, 0.4) + 4.0 * np.exp(-0.5 * ((t - middle) / width) ** 2), dtype=np.float64)


def _strobes(rng: np.random.Generator, t: NDArray[np.float64], length: float, number: int) -> NDArray[np.float64]:
    """Navigation lights burn steadily, strobes flash: dots on a line."""
    steady = rng.uniform(0.1, 0.6)
    spacing = rng.uniform(60.0, 350.0)
    phase = t * length / spacing + 0.25 * number
    flash = np.exp(-0.5 * (((phase % 1.0) - 0.5) * spacing / 2.5) ** 2)
    return np.asarray(steady + rng.uniform(4.0, 20.0) * flash, dtype=np.float64)


def _spindle(rng: np.random.Generator, t: NDArray[np.float64], length: float, number: int) -> NDArray[np.float64]:
    """A meteor brightens, may burst near its end, and is gone."""
    del length, number
    body = (t + 1e-6) ** rng.uniform(0.8, 2.0) * (1.0 - t + 1e-6) ** rng.uniform(0.4, 1.0)
    burst = rng.uniform(0.0, 1.0) * np.exp(-0.5 * ((t - rng.uniform(0.6, 0.85)) / 0.04) ** 2)
    return np.asarray(body / body.max() + burst, dtype=np.float64)


PATTERNS = {"steady": _steady, "tumbling": _tumbling, "flare": _flare, "strobes": _strobes, "spindle": _spindle}
