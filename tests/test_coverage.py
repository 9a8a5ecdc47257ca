"""Where stars are missing: behind a roof or a tree they are, behind a gap in the Milky Way they are not blamed."""

import numpy as np
import pytest
from skies import grid, see

from nebulift.obstruction.coverage import measure_coverage
from nebulift.simulate import star_field

SIDE = 1200


def coverage_of(pixels):
    seen = see(pixels)
    return measure_coverage(seen.scan, seen.background, seen.list, seen.frame.shape)


def field(density, seed=5):
    return star_field(SIDE, SIDE, density_per_mpx=density, seed=seed).pixels.astype(np.float64)


def behind(pixels, shade, light=0.4):
    """The sky behind something dark that ``light`` of the sky's light falls on; ``shade`` 1 where it is, 0 beside."""
    rng = np.random.default_rng(1)
    dark = 200.0 + rng.normal(light * 1000.0, (light * 1000.0) ** 0.5, pixels.shape)
    return np.rint(dark * shade + pixels * (1.0 - shade)).clip(0, 65535).astype(np.uint16)


def soft(inside):
    """0 .. 1 over a tenth of the frame: what stands before a telescope is far out of focus."""
    return (inside / 0.1 + 0.5).clip(0.0, 1.0)


def side(share, edge):
    x, y = grid(SIDE, SIDE)
    return soft(
        {"left": share - 0.5 - x, "right": x + share - 0.5, "top": share - 0.5 - y, "bottom": y + share - 0.5}[edge]
    )


@pytest.mark.parametrize("edge", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize("share", [0.25, 0.5])
@pytest.mark.parametrize("density", [120.0, 1000.0])
def test_a_roof_before_the_field_is_found_with_its_area_on_any_side(density, share, edge):
    blocked = coverage_of(behind(field(density), side(share, edge)))
    assert blocked.missing_fraction == pytest.approx(share, abs=0.08)
    assert blocked.step_sigma < -5.0
    rows, columns = np.array(blocked.cells).T
    middle = {"left": columns, "right": blocked.columns - 1 - columns, "top": rows, "bottom": blocked.rows - 1 - rows}
    assert middle[edge].mean() < 0.6 * blocked.rows * share + 1


def test_a_tree_in_a_corner_of_a_rich_field_is_found():
    x, y = grid(SIDE, SIDE)
    blocked = coverage_of(behind(field(1000.0), soft(0.45 - np.hypot(x + 0.5, y - 0.5))))
    assert blocked.missing_fraction == pytest.approx(np.pi / 4 * 0.45**2, abs=0.06)


@pytest.mark.parametrize("density", [30.0, 300.0, 3000.0])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_missing_in_an_open_field(density, seed):
    open_sky = coverage_of(field(density, seed).astype(np.uint16))
    assert open_sky is None or open_sky.missing_fraction < 0.02


@pytest.mark.parametrize("density", [30.0, 1000.0])
def test_gradients_and_vignetting_block_nothing(density):
    x, y = grid(SIDE, SIDE)
    slope = field(density) + 900.0 * (x + 0.5) - 1200.0 * (x**2 + y**2) + 700.0
    smooth = coverage_of(np.rint(slope).astype(np.uint16))
    assert smooth is None or smooth.missing_fraction < 0.05


def test_too_few_stars_are_no_witness():
    assert coverage_of(field(20.0).astype(np.uint16)) is None
