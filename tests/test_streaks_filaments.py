"""Pieces of filaments are no trails: they bend, lines beside them shine as well, and they are wider than stars."""

from dataclasses import replace

import numpy as np
import pytest
from skies import see
from test_streaks_company import line

from benchmarks.lookalikes import LOOKALIKES
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.streaks.bend import best_bend, is_bent
from nebulift.streaks.conditions import malformation, weakness
from nebulift.streaks.light_along import chance_of_light, share_of_light
from nebulift.streaks.profile import against_surroundings, measure_trail

SIDE = 600
NOTHING = np.zeros((1, 1), dtype=bool)
ENDS = (150.0, 220.0, 450.0, 380.0)


def ridge(height_sigma, *, width_px=2.0, bend_px=0.0, share=1.0, seed=0):
    """Noise with a ridge along ``ENDS``, over ``share`` of it, whose ends lie ``bend_px`` aside of its middle."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    x0, y0, x1, y1 = ENDS
    half = np.hypot(x1 - x0, y1 - y0) / 2.0
    cosine, sine = (x1 - x0) / (2.0 * half), (y1 - y0) / (2.0 * half)
    along = ((x - (x0 + x1) / 2.0) * cosine + (y - (y0 + y1) / 2.0) * sine) / half
    across = -(x - (x0 + x1) / 2.0) * sine + (y - (y0 + y1) / 2.0) * cosine
    light = height_sigma * np.exp(-0.5 * ((across - bend_px * along**2) / width_px) ** 2) * (np.abs(along) < share)
    return units(np.random.default_rng(seed).standard_normal((SIDE, SIDE)) + light)


def units(sigma):
    return np.rint(sigma * UNITS_PER_SIGMA).astype(np.int16)


def fitted(flat):
    fit = measure_trail(flat, NOTHING, SIDE, ENDS)
    assert fit is not None
    return fit


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("height_sigma", [0.4, 1.0, 4.0])
def test_a_straight_line_is_not_bent(height_sigma, seed):
    flat = ridge(height_sigma, seed=seed)
    assert not is_bent(fitted(flat), flat, NOTHING, SIDE)


@pytest.mark.parametrize("seed", range(6))
def test_a_piece_of_an_arc_is_bent(seed):
    """The line follows it over a part of its way; beyond, it has left the line."""
    flat = ridge(1.0, bend_px=9.0, share=2.0, seed=seed)
    fit = fitted(flat)
    assert is_bent(fit, flat, NOTHING, SIDE)
    length = np.hypot(fit.x1 - fit.x0, fit.y1 - fit.y0)
    of_arc = 9.0 * (length / np.hypot(300.0, 160.0)) ** 2
    assert abs(best_bend(fit, flat, NOTHING, SIDE).ends_px) == pytest.approx(of_arc, abs=2.0)


def test_the_bend_of_a_line_from_border_to_border_can_be_asked():
    rng = np.random.default_rng(1)
    flat = units(rng.standard_normal((SIDE, SIDE)))
    flat[300:303] += 2 * UNITS_PER_SIGMA
    fit = measure_trail(flat, NOTHING, SIDE, (0.0, 301.0, SIDE - 1.0, 301.0))
    assert fit is not None
    assert not is_bent(fit, flat, NOTHING, SIDE)


@pytest.mark.parametrize("height_sigma", [0.35, 0.6, 1.2])
def test_a_trail_on_an_empty_sky_shines_all_along_where_lines_beside_it_do_not(height_sigma):
    lit = []
    for seed in range(8):
        flat = ridge(height_sigma, seed=seed)
        lit.append(against_surroundings(fitted(flat), flat, NOTHING, SIDE).lit)
    assert 0.7 < np.median(lit) < 1.4
    assert min(lit) > 0.5


@pytest.mark.parametrize(("lit_beside", "low", "high"), [(0.0, 0.7, 1.4), (0.6, 0.0, 0.4)])
def test_where_segments_beside_shine_as_well_that_a_line_shines_proves_less(lit_beside, low, high):
    rng = np.random.default_rng(4)
    snr, beside = 14.0, rng.standard_normal(300)
    height = snr / np.sqrt(48)
    along = height + rng.standard_normal(48)
    beside[: round(lit_beside * 300)] += height
    chance = chance_of_light(along, 40, beside)
    assert low < share_of_light(chance, snr, 48, 40, len(beside)) < high


def test_of_a_line_with_nothing_beside_it_nothing_is_told():
    assert chance_of_light(np.full(48, 2.0), 40, np.empty(0)) == 1.0
    assert share_of_light(1.0, 14.0, 48, 40, 0) == 1.0


@pytest.mark.parametrize(
    ("snr", "lit", "reason"), [(12.0, 0.35, "light beside"), (12.0, 0.5, None), (40.0, 0.35, None)]
)
def test_a_faint_line_must_shine_more_than_lines_beside_it(snr, lit, reason):
    fit = replace(line(0.0, 100.0, 700.0, 500.0, snr=snr), lit=lit)
    assert weakness(fit) == reason


@pytest.mark.parametrize(("width_px", "snr", "is_refused"), [(7.0, 16.0, True), (4.0, 16.0, False), (7.0, 40.0, False)])
def test_a_short_line_wider_than_stars_must_be_bright(width_px, snr, is_refused):
    short = replace(line(400.0, 400.0, 590.0, 500.0, snr=snr), fwhm=width_px)
    assert (malformation(short, (700, 800), 2.5) == "unsharp and faint") == is_refused


def test_a_front_of_a_nebula_that_bends_is_found_as_no_trail():
    """One of the lookalike's that is straight enough over 180 pixels; not asked whether it bends, it is a trail."""
    assert see(LOOKALIKES["curved filaments"](18)[0]).streaks == ()
