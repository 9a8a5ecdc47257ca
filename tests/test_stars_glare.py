"""A burnt-out star does not speak for the frame: neither its spikes nor the rim of its core are taken for the stars."""

from dataclasses import replace

import numpy as np
import pytest
from skies import painted, see, star_shape

from nebulift.simulate.evidence import star_widths
from nebulift.simulate.star_painting import Stars, paint_stars
from nebulift.simulate.tracking import drift
from nebulift.stars.glare import Pieces, on_spikes
from nebulift.stars.peaks import pyramid

SIDE = 1200
FULL_ADU = 65535
SKY_ADU = 60.0  # dark: the spikes stand out far


def with_burnt_star(shape, *, spikes=4, angle_deg=20.0, times=1000.0, density=60.0, bayer=None, seed=4):
    """A field and a star whose peak is so many times the full well, near its middle."""
    field = painted(SIDE, shape, density=density, snr=20.0, seed=seed, bayer=bayer, sky_adu=SKY_ADU).pixels
    optics = replace(shape.telescope, spikes=spikes, spike_angle_deg=angle_deg, scatter_share=0.01, spike_share=0.02)
    burnt = replace(shape, telescope=optics)
    rng = np.random.default_rng(seed)
    at = rng.uniform(0.3, 0.7, (2, 1)) * SIDE
    wide = star_widths(shape).fwhm_px
    flux = times * FULL_ADU * 1.3 * wide**2
    light = np.zeros((SIDE, SIDE), np.float32)
    one = Stars(*at.astype(np.float32), np.float32([flux]), np.ones((1, 3), np.float32))
    paint_stars(light, one, burnt, 8.0, bayer)
    return np.clip(field + rng.poisson(light), 0, FULL_ADU).astype(np.uint16)


@pytest.mark.parametrize("density", [12.0, 60.0])
@pytest.mark.parametrize("fwhm", [5.0, 10.0])
@pytest.mark.parametrize(("spikes", "angle_deg"), [(0, 0.0), (4, 27.0), (6, 13.0)])
def test_the_frames_own_stars_are_measured_beside_a_star_of_1000_full_wells(spikes, angle_deg, fwhm, density):
    shape = star_shape(fwhm)
    seen = see(with_burnt_star(shape, spikes=spikes, angle_deg=angle_deg, density=density)).stars
    assert seen.fwhm_px == pytest.approx(star_widths(shape).fwhm_px, rel=0.03)
    assert seen.elongation < 1.06


@pytest.mark.parametrize("towards_deg", [27.0, 70.0])
def test_a_trailed_frame_is_still_told_beside_a_burnt_out_star(towards_deg):
    """Along a spike, too: what chance puts behind the star is no piece of it."""
    shape = star_shape(4.0, track=drift(12.0, towards_deg))
    seen = see(with_burnt_star(shape, angle_deg=27.0)).stars
    assert seen.elongation > 1.8
    assert abs((seen.angle_deg - towards_deg + 90.0) % 180.0 - 90.0) < 5.0
    assert seen.angle_coherence > 0.9


def test_rings_are_still_told_beside_a_burnt_out_star():
    seen = see(with_burnt_star(star_shape(3.0, defocus_px=20.0, obstruction=0.4), times=100.0, density=100.0)).stars
    assert seen.donut_fraction > 0.7
    assert seen.fwhm_px == pytest.approx(20.0, rel=0.15)


def bright_star(x, y):
    """A map of 1000 x 1000 pixels with nothing but one very bright star."""
    finest = np.zeros((1000, 1000), np.int16)
    finest[y - 12 : y + 12, x - 12 : x + 12] = 30_000
    return pyramid(finest, 4)


def test_pieces_that_point_at_a_bright_star_on_two_lines_are_its_spikes_and_others_are_not():
    along = np.arange(40.0, 200.0, 20.0)
    x, y = (
        np.concatenate([500 + along, np.full(8, 500.0), [700.0]]),
        np.concatenate([np.full(8, 400.0), 400 - along, [700.0]]),
    )
    pieces = Pieces(x, y, np.full(17, 3.0), np.repeat([0.0, 90.0, 135.0], [8, 8, 1]))
    np.testing.assert_array_equal(on_spikes(bright_star(500, 400), 1, pieces), np.arange(17) < 16)
    round_ones = replace(pieces, elongation=np.full(17, 1.2))
    assert not on_spikes(bright_star(500, 400), 1, round_ones).any()


@pytest.mark.parametrize("form", ["trailed", "comatic"])
def test_stars_that_trail_or_fan_out_around_a_bright_star_are_no_spikes(form):
    x, y = np.random.default_rng(3).uniform(0.0, 1000.0, (2, 200))
    angle = np.full(200, 35.0) if form == "trailed" else np.degrees(np.arctan2(y - 500.0, x - 500.0)) % 180.0
    assert not on_spikes(bright_star(500, 500), 1, Pieces(x, y, np.full(200, 2.0), angle)).any()
