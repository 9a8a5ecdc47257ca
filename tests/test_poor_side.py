"""A side without stars is found whatever its direction; clusters, galaxies in the middle and poor fields leave none."""

import numpy as np
import pytest
from skies import grid, noise, see

from nebulift.obstruction.coverage import measure_coverage
from nebulift.obstruction.poor_side import poor_side
from nebulift.simulate import star_field


def field(count, seed=0):
    return np.random.default_rng([seed, 3]).uniform(-0.5, 0.5, (2, count))


def without(x, y, angle_deg, reach, left=0.05, seed=1):
    """Of the stars within ``reach`` of the border in that direction a share of ``left`` shines on."""
    angle = np.radians(angle_deg)
    hidden = x * np.cos(angle) + y * np.sin(angle) > 0.5 - reach
    kept = ~hidden | (np.random.default_rng(seed).random(len(x)) < left)
    return x[kept], y[kept]


@pytest.mark.parametrize("angle", [0, 37, 90, 200, 315])
@pytest.mark.parametrize("count", [150, 2000])
def test_a_roof_is_found_from_any_side_with_its_share(angle, count):
    x, y = without(*field(count), angle, 0.4)
    side = poor_side(x, y)
    grid_x, grid_y = field(4000, seed=9)
    hidden = 1.0 - len(without(grid_x, grid_y, angle, 0.4, left=0.0)[0]) / 4000
    assert side.share == pytest.approx(hidden, abs=0.1)
    assert side.star_ratio < 0.3


@pytest.mark.parametrize("count", [30, 300, 3000])
def test_an_even_field_has_no_poor_side(count):
    assert not any(poor_side(*field(count, seed)) for seed in range(40))


@pytest.mark.parametrize("middle", [(0.0, 0.0), (0.25, 0.2)])
@pytest.mark.parametrize("width", [0.08, 0.15])
def test_a_cluster_leaves_no_poor_side(middle, width):
    rng = np.random.default_rng(5)
    cluster = rng.normal(0.0, width, (2, 900)) + np.array(middle)[:, None]
    x, y = np.concatenate([field(150), cluster[:, (np.abs(cluster) < 0.5).all(axis=0)]], axis=1)
    assert poor_side(x, y) is None


def behind_a_roof(lit):
    """A third of the field behind a roof of ``lit`` times the light of the sky."""
    pixels = star_field(1200, 1200, density_per_mpx=400.0, seed=5).pixels.astype(np.float64)
    x, _ = grid(1200, 1200)
    roof = noise(1200, 1200, level=200.0 + lit * 1000.0, sigma=(lit * 1000.0 + 4.0) ** 0.5, dtype=np.float32)
    return np.where(x > 1.0 / 6.0, roof, pixels).clip(0, 65535).astype(np.uint16)


@pytest.mark.parametrize("lit", [0.3, 0.9, 1.1, 2.0])
def test_a_roof_is_found_darker_or_lit(lit):
    seen = see(behind_a_roof(lit))
    found = measure_coverage(seen.scan, seen.background, seen.list, seen.frame.shape)
    assert found.missing_fraction == pytest.approx(1.0 / 3.0, abs=0.08)
    assert np.sign(found.step_sigma) == np.sign(lit - 1.0)
