"""A straight edge in the sky is found and placed; bowls, slopes, glows and clouds are none."""

import numpy as np
import pytest
from skies import grid, see

from nebulift.obstruction.coverage import EDGE_EXPLAINS, EVEN_BY_A_GLOW, measure_coverage
from nebulift.obstruction.edge import sky_edge
from nebulift.simulate import star_field

MESH = 40
X, Y = grid(MESH, MESH)
NOISE = np.random.default_rng(2).normal(0.0, 0.05, (MESH, MESH))


def edge_at(angle_deg, cut, softness=0.03):
    turn = np.radians(angle_deg)
    return ((X * np.cos(turn) + Y * np.sin(turn) - cut) / softness + 0.5).clip(0.0, 1.0)


def is_asked(level):
    """Whether the edge alone would be asked about."""
    edge = sky_edge(np.asarray(level + NOISE, dtype=np.float32))
    return edge is not None and edge.explained >= EDGE_EXPLAINS and edge.rise <= EVEN_BY_A_GLOW


@pytest.mark.parametrize("angle_deg", [0.0, 45.0, 120.0, 270.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_edge_on_a_vignetted_sky_is_found_with_its_step_and_side(angle_deg, sign):
    level = 20.0 - 8.0 * (X**2 + Y**2) + 2.0 * X + sign * 3.0 * edge_at(angle_deg, 0.1)
    edge = sky_edge(np.asarray(level + NOISE, dtype=np.float32))
    assert edge.explained > EDGE_EXPLAINS
    assert abs(edge.step) == pytest.approx(3.0, rel=0.3)
    bright = edge.beyond(X, Y) == (edge.step > 0.0)
    assert (
        bright == (edge_at(angle_deg, 0.1) > 0.5) if sign > 0.0 else bright != (edge_at(angle_deg, 0.1) > 0.5)
    ).mean() > 0.9


@pytest.mark.parametrize(
    "level",
    [
        10.0 * X + 3.0 * Y,
        -40.0 * (X**2 + Y**2) ** 1.5,
        10.0 * np.exp((X - 0.5) / 0.3),
        20.0 * np.exp(-np.hypot(X - 0.7, Y - 0.6) / 0.4),
        15.0 * np.exp(-np.hypot(X, Y) / 0.1),
        3.0 * np.sin(14.0 * X + 3.0) * np.cos(11.0 * Y),
        0.0 * X,
    ],
    ids=["slope", "vignetting", "glow", "Moon", "galaxy", "patches", "noise"],
)
def test_a_smooth_sky_has_none(level):
    assert not is_asked(level)


def test_a_mesh_of_few_cells_says_nothing():
    assert sky_edge(np.zeros((8, 40), dtype=np.float32)) is None


@pytest.mark.parametrize(("loss", "asked"), [(0.5, True), (0.0, False)])
def test_a_roof_before_a_field_without_stars_is_a_question(loss, asked):
    x, y = grid(1200, 1200)
    pixels = star_field(1200, 1200, density_per_mpx=4.0, seed=6).pixels.astype(np.float64) - 200.0
    light = 1.0 - loss * ((0.8 * x + 0.6 * y - 0.15) / 0.03 + 0.5).clip(0.0, 1.0)
    less = pixels * light + np.random.default_rng(3).normal(size=x.shape) * np.sqrt(
        np.maximum(pixels, 0.0) * light * (1.0 - light)
    )
    seen = see(np.rint(200.0 + less).clip(0, 65535).astype(np.uint16))
    coverage = measure_coverage(seen.scan, seen.background, seen.list, seen.frame.shape)
    assert (coverage is not None and bool(coverage.cells)) is asked
    if asked:
        assert coverage.is_proven is not True
        assert coverage.step_sigma < 0.0
