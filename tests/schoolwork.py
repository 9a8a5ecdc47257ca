"""Frames and lessons for the tests of the school: small nights on disk, and lessons made of numbers alone."""

from pathlib import Path

import numpy as np
from framefiles import write_fits

from nebulift.preprocess import FEATURES, GRID, PLANES
from nebulift.simulate.star_field import star_field
from nebulift.training.sample import TAUGHT_KINDS, Sample, severity_targets

WIDTH, HEIGHT = 360, 280
NOISE_ADU = 30.0  # as the photons of its sky make


def frame_pixels(seed, spoilt=False, field=None):
    """A star field; a spoilt one was read out by half. ``field``: its stars are those of another seed."""
    pixels = star_field(WIDTH, HEIGHT, density_per_mpx=900.0, seed=seed if field is None else field).pixels
    if field is not None:
        noise = np.random.default_rng(seed).normal(0.0, NOISE_ADU, pixels.shape)
        pixels = (pixels + noise).round().clip(0, 65535).astype(np.uint16)
    if spoilt:
        pixels[HEIGHT // 2 :] = 0
    return pixels


def light_cards(night, minute, target="M 31", camera="TestCam", kind="Light Frame"):
    return {
        "IMAGETYP": kind,
        "DATE-OBS": f"{night}T22:{minute:02d}:00.000",
        "EXPTIME": 30.0,
        "INSTRUME": camera,
        "OBJECT": target,
        "FILTER": "L",
    }


def write_night(folder: Path, night, clean=4, bad=3, target="M 31", camera="TestCam"):
    """Frames of one night: clean ones first, then spoilt ones."""
    paths = []
    for number in range(clean + bad):
        path = folder / night / f"Light_{number:03d}.fits"
        path.parent.mkdir(parents=True, exist_ok=True)
        field = 1000 * int(night[-2:])
        pixels = frame_pixels(field + number, spoilt=number >= clean, field=field)
        write_fits(path, pixels, light_cards(night, number, target, camera))
        paths.append(path)
    return paths


def write_nights(folder: Path, nights=("2024-11-01", "2024-11-03", "2024-11-05"), clean=4, bad=3):
    """All frames of some nights, far enough apart to be groups of their own."""
    return [path for night in nights for path in write_night(folder, night, clean, bad)]


class NumberLessons:
    """Lessons without frames: bad ones carry a bright diagonal that a network learns at once."""

    def __init__(self, count=12, seed=0):
        self.count, self.seed, self.read = count, seed, []

    def __len__(self):
        return self.count

    def sample(self, index):
        self.read.append(index)
        rng = np.random.default_rng([self.seed, index])
        planes = rng.normal(0.0, 0.3, (len(PLANES), GRID, GRID)).astype(np.float32)
        clean = float(index % 2)
        if not clean:
            planes[2] += 4.0 * np.eye(GRID, dtype=np.float32)
        kinds = np.zeros(len(TAUGHT_KINDS), np.float32)
        kinds[TAUGHT_KINDS.index("streak")] = 1.0 - clean
        severity, one = severity_targets(1.0 - clean), np.float32(1.0)
        return Sample(planes, self.features()[index], np.float32(clean), severity, kinds, one, one)

    def targets(self):
        return np.arange(self.count) % 2.0

    def weights(self):
        return np.ones(self.count)

    def features(self):
        return np.random.default_rng(self.seed).normal(size=(self.count, len(FEATURES))).astype(np.float32)
