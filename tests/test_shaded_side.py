"""Something before the field: told by the light that is missing opposite, proven by the stars that are."""

import numpy as np
import pytest
from skies import grid, see

from nebulift.obstruction.coverage import measure_coverage
from nebulift.obstruction.shaded_side import fewer_stars, shaded_side
from nebulift.simulate import star_field

SIDE = 1200


def sky(light, density=300.0, seed=5):
    """A frame of stars in which the share ``light`` of everything arrives."""
    rng = np.random.default_rng(seed)
    field = star_field(SIDE, SIDE, density_per_mpx=density, seed=seed)
    pixels = field.pixels.astype(np.float64) - 200.0
    less = pixels * light + rng.normal(0.0, 1.0, pixels.shape) * np.sqrt(np.maximum(pixels, 0.0) * light * (1 - light))
    return np.rint(200.0 + less).clip(0, 65535).astype(np.uint16)


def coverage_of(pixels):
    seen = see(pixels)
    return measure_coverage(seen.scan, seen.background, seen.list, seen.frame.shape), shaded_side(seen.background)


def ramp(inside, softness):
    return 1.0 - 0.8 * (inside / softness + 0.5).clip(0.0, 1.0)


@pytest.mark.parametrize("softness", [0.1, 0.5])
@pytest.mark.parametrize("flip", [False, True])
def test_a_soft_dome_over_a_third_of_the_field_is_found(softness, flip):
    x, _ = grid(SIDE, SIDE)
    light = ramp(x - 0.15, softness)
    coverage, shade = coverage_of(sky(light[:, ::-1] if flip else light))
    assert shade is not None or coverage.light_loss is None
    assert coverage.missing_fraction > 0.1
    assert coverage.step_sigma < -3.0


def test_a_roof_in_a_field_of_few_stars_is_a_question_not_a_verdict():
    x, _ = grid(SIDE, SIDE)
    coverage, shade = coverage_of(sky(ramp(x - 0.25, 0.03), density=3.0))
    assert shade.light_loss > 0.5
    assert coverage.is_proven is False


@pytest.mark.parametrize("loss", [0.3, 0.6])
@pytest.mark.parametrize("centre", [0.0, 0.08])
def test_vignetting_shades_no_side(loss, centre):
    x, y = grid(SIDE, SIDE)
    assert shaded_side(see(sky(1.0 - loss * 2.0 * ((x - centre) ** 2 + y**2))).background) is None


def test_a_moon_beside_the_field_is_no_dome():
    x, _ = grid(SIDE, SIDE)
    coverage, _ = coverage_of(sky(0.3 + 0.7 * np.exp((x - 0.5) / 0.25)))
    stars_alone = coverage is None or coverage.light_loss is None
    assert stars_alone or coverage.is_proven


def test_a_galaxy_and_a_dark_nebula_shade_no_side():
    x, y = grid(SIDE, SIDE)
    glow = 1.0 + 0.5 * np.exp(-np.hypot(x - 0.2, y) / 0.1) - 0.1 * np.exp(-(((x + 0.3) / 0.1) ** 2) - (y / 0.2) ** 2)
    assert shaded_side(see(sky(glow.clip(0.0, 1.0))).background) is None


@pytest.mark.parametrize(("inside", "opposite", "chance"), [(0, 0, 1.0), (5, 5, 0.623), (0, 10, 0.001), (20, 5, 1.0)])
def test_the_chance_of_fewer_stars_is_binomial(inside, opposite, chance):
    assert fewer_stars(inside, opposite) == pytest.approx(chance, abs=0.003)
