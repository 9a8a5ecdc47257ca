"""How the mount moved while the shutter was open: a path in pixels, with the share of time spent at each point."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.severity import DEFOCUS_RATIO, TRAIL_ELONGATION, severity

STEPS = 240  # points of a path; at the longest trail of 60 px still 4 a pixel


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """``points_px`` has shape (n, 2), columns x and y, centred on its weighted mean; ``weights`` (n,) sum to 1."""

    form: str
    points_px: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def length_px(self) -> float:
        """Greatest extent along the principal axis."""
        along = self.points_px @ self._axes()[1][:, 1]
        return float(along.max() - along.min())

    @property
    def angle_deg(self) -> float:
        """Direction of the principal axis, 0..180, from x towards y (down)."""
        x, y = self._axes()[1][:, 1]
        return float(np.degrees(np.arctan2(y, x)) % 180.0)

    @property
    def variances_px2(self) -> tuple[float, float]:
        """Variance of the path across and along its principal axis."""
        across, along = self._axes()[0]
        return float(max(across, 0.0)), float(along)

    def scaled(self, factor: float) -> "Track":
        """The same motion, ``factor`` times as far."""
        return Track(self.form, self.points_px * factor, self.weights)

    def _axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        covariance = (self.points_px * self.weights[:, None]).T @ self.points_px
        values, vectors = np.linalg.eigh(covariance)
        return values, vectors


def drift(length_px: float, angle_deg: float) -> Track:
    """Steady drift: polar misalignment, flexure, no guiding."""
    return _track("drift", _line(length_px, angle_deg, np.linspace(-0.5, 0.5, STEPS)))


def periodic(length_px: float, angle_deg: float, rng: np.random.Generator) -> Track:
    """Periodic error: part of a sine along right ascension (it dwells at the turning points) and a little drift."""
    phase = np.linspace(0.0, rng.uniform(0.8, 2.5) * np.pi, STEPS) + rng.uniform(0.0, 2.0 * np.pi)
    sine = np.sin(phase)
    points = _line(length_px, angle_deg, sine / max(float(np.ptp(sine)), 1e-6))
    points += _line(length_px * rng.uniform(0.0, 0.25), angle_deg + 90.0, np.linspace(-0.5, 0.5, STEPS))
    return _track("periodic", points)


def wind(length_px: float, angle_deg: float, rng: np.random.Generator) -> Track:
    """Gusts: a random walk that is pulled back, mostly along one axis of the mount."""
    steps = rng.standard_normal((STEPS, 2)) * (1.0, rng.uniform(0.2, 0.7))
    walk = np.zeros((STEPS, 2))
    for i in range(1, STEPS):
        walk[i] = 0.93 * walk[i - 1] + steps[i]
    walk /= max(float(np.ptp(walk[:, 0])), 1e-6)
    turn = np.deg2rad(angle_deg)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return _track("wind", length_px * walk @ rotation)


def bump(length_px: float, angle_deg: float, rng: np.random.Generator) -> Track:
    """A knock or a cable snag: most of the time here, the rest there, hardly any between (double images)."""
    share = rng.uniform(0.25, 0.5)
    along = np.where(np.arange(STEPS) < share * STEPS, -0.5, 0.5).astype(np.float64)
    fast = int(share * STEPS)
    along[fast : fast + 6] = np.linspace(-0.5, 0.5, 6)
    return _track("bump", _line(length_px, angle_deg, along))


def random_track(length_px: float, rng: np.random.Generator) -> Track:
    """Any of the four, in any direction."""
    angle = float(rng.uniform(0.0, 180.0))
    form = rng.choice(["drift", "periodic", "wind", "bump"], p=[0.4, 0.25, 0.2, 0.15])
    if form == "drift":
        return drift(length_px, angle)
    maker = {"periodic": periodic, "wind": wind, "bump": bump}[str(form)]
    return maker(length_px, angle, rng)


def smeared_star(track: Track, fwhm_px: float) -> tuple[float, float]:
    """(major over minor axis, mean width over ``fwhm_px``) of a round star of that width, by second moments."""
    across, along = track.variances_px2
    star = (fwhm_px / 2.355) ** 2
    elongation = math.sqrt((star + along) / (star + across))
    return elongation, math.sqrt(math.sqrt((star + along) * (star + across)) / star)


def motion_severity(track: Track, fwhm_px: float) -> float:
    """Severity of ``track`` for stars of ``fwhm_px``: gusts in all directions leave stars round, but wide."""
    elongation, growth = smeared_star(track, fwhm_px)
    return max(severity(elongation, TRAIL_ELONGATION), severity(growth, DEFOCUS_RATIO))


def track_kernel(track: Track, oversample: int) -> NDArray[np.float32]:
    """The path as an image of sum 1, odd sides, ``oversample`` cells a pixel, float32, points spread bilinearly."""
    points = track.points_px * oversample
    half = int(np.ceil(np.abs(points).max())) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), dtype=np.float64)
    corner = np.floor(points).astype(np.int64)
    share = points - corner
    for dx in (0, 1):
        for dy in (0, 1):
            portion = np.abs(1 - dx - share[:, 0]) * np.abs(1 - dy - share[:, 1]) * track.weights
            np.add.at(kernel, (corner[:, 1] + dy + half, corner[:, 0] + dx + half), portion)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def blurred(image: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """True convolution of ``image`` with ``kernel`` (odd sides), zero outside, same shape, float32."""
    flipped = cv2.flip(kernel, -1)  # filter2D correlates
    return np.asarray(cv2.filter2D(image, cv2.CV_32F, flipped, borderType=cv2.BORDER_CONSTANT), dtype=np.float32)


def _line(length_px: float, angle_deg: float, along: NDArray[np.float64]) -> NDArray[np.float64]:
    turn = np.deg2rad(angle_deg)
    return np.asarray(length_px * along[:, None] * np.array([np.cos(turn), np.sin(turn)]), dtype=np.float64)


def _track(form: str, points: NDArray[np.float64]) -> Track:
    weights = np.full(len(points), 1.0 / len(points))
    return Track(form, points - (points * weights[:, None]).sum(axis=0), weights)
