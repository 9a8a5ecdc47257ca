"""Lines that are told by their company: arms of a star outside the frame, spectra of a grating, spikes and tails."""

import numpy as np
import pytest

from nebulift.streaks.along import falls_from, is_concave, is_cusped, on_pedestal, tapers
from nebulift.streaks.conditions import may_be_trail
from nebulift.streaks.outside_stars import arms_of_outside_stars
from nebulift.streaks.profile import TrailFit, against_surroundings, measure_trail
from nebulift.streaks.spectra import spectra

SHAPE = (600, 800)
FADING = np.linspace(3.0, 1.0, 48)
EVEN = np.full(48, 2.0)
ROUND = 2.0 * np.sin(np.linspace(0.1, np.pi - 0.1, 48)) ** 0.5


def line(x0, y0, x1, y1, along=EVEN, snr=30.0):
    ratios = {"snr": snr, "full_snr": snr, "side_snr": snr, "steady_snr": snr, "trimmed_snr": snr}
    whole = {"continuity": 1.0, "open_share": 1.0, "drop": 0.0, "widening": 1.0}
    return TrailFit(x0, y0, x1, y1, 3.0, **ratios, **whole, ridge_sigma=2.0, along=along)


def arm(star, angle_deg, near, far, along=FADING):
    """A line between two distances from a star; ``along`` begins at the nearer one."""
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return line(star[0] + near * cos, star[1] + near * sin, star[0] + far * cos, star[1] + far * sin, along)


@pytest.mark.parametrize("turn_deg", [60.0, 90.0, 120.0])
def test_two_arms_that_fade_from_a_star_outside_are_its_spikes(turn_deg):
    star = (400.0, -30.0)
    first = 90.0 - turn_deg / 2.0
    arms = [arm(star, first, 70.0, 200.0), arm(star, first + turn_deg, 70.0, 200.0)]
    assert arms_of_outside_stars(arms, SHAPE) == [True, True]


@pytest.mark.parametrize(
    ("turn_deg", "along", "star"),
    [
        (75.0, FADING, (400.0, -30.0)),  # no spider's angle
        (90.0, EVEN, (400.0, -30.0)),  # trails do not fade
        (90.0, FADING, (400.0, 100.0)),  # the star would be in the frame
        (90.0, FADING, (400.0, -900.0)),  # far away
    ],
)
def test_other_pairs_of_lines_are_no_spikes_of_a_star_outside(turn_deg, along, star):
    first, near = 90.0 - turn_deg / 2.0, max(70.0, -1.5 * star[1])
    arms = [arm(star, turn, near, near + 130.0, along) for turn in (first, first + turn_deg)]
    assert arms_of_outside_stars(arms, SHAPE) == [False, False]


def test_parallel_lines_at_one_distance_from_their_stars_are_spectra():
    stars = np.array([(100.0, 100.0), (300.0, 400.0), (600.0, 200.0)])
    lines = [line(x + 60.0, y, x + 180.0, y, ROUND) for x, y in stars[:2]]
    assert spectra(lines, stars, np.full(3, 50.0), SHAPE) == [True, True]


@pytest.mark.parametrize(
    ("along", "apart", "shift"),
    [
        (EVEN, 0.0, (0.0, 0.0)),  # satellites on one orbit, cut off by the shutter
        (ROUND, 70.0, (0.0, 0.0)),  # the second star is not where the first foretells it
        (ROUND, 0.0, (-200.0, 0.0)),  # abreast: lights of an aircraft
    ],
)
def test_parallel_lines_without_that_order_are_none(along, apart, shift):
    stars = np.array([(100.0, 100.0), (300.0 + shift[0], 400.0)])
    lines = [line(160.0, 100.0, 280.0, 100.0, along)]
    x = 360.0 + shift[0] + apart
    lines.append(line(x, 400.0, x + 120.0, 400.0, along))
    assert spectra(lines, stars, np.full(2, 50.0), SHAPE) == [False, False]


def test_light_that_is_cut_off_does_not_taper():
    assert tapers(ROUND)
    assert not tapers(EVEN)


def test_a_galaxy_has_a_cusp_and_a_meteor_has_none():
    place = np.linspace(-1.0, 1.0, 48)
    assert is_cusped(np.exp(-np.abs(place) / 0.2))
    assert not is_cusped(np.cos(place * np.pi / 2.0))
    assert not is_cusped(np.exp(-np.abs(place - 0.8) / 0.2))


def test_a_flare_is_round_and_a_spike_is_steep_at_its_star():
    distance = np.linspace(0.0, 400.0, 48)
    spike, flare = 1.0 / (1.0 + distance / 150.0) ** 2, np.exp(-0.5 * (distance / 150.0) ** 2)
    assert not is_concave(spike, 0.0)
    assert is_concave(flare, 0.0)
    assert is_concave(flare[::-1], 1.0)
    assert not is_concave(np.exp(-distance / 100.0), 0.0)


def test_surroundings_only_make_a_line_fainter():
    """So what is too faint before they are asked need not be held against them."""
    rng = np.random.default_rng(3)
    flat = np.rint(rng.normal(0.0, 16.0, (400, 500)) + 8.0 * rng.normal(size=(400, 1))).astype(np.int16)
    flat[np.arange(400), np.arange(400)] += 16
    covered = np.zeros(flat.shape, dtype=bool)
    fit = measure_trail(flat, covered, 1, (0.0, 0.0, 399.0, 399.0))
    assert fit is not None
    assert may_be_trail(fit)
    held = against_surroundings(fit, flat, covered, 1)
    assert held.noise >= 1.0
    assert held.snr == pytest.approx(fit.snr / held.noise)
    assert (held.x0, held.y0, held.x1, held.y1) == (fit.x0, fit.y0, fit.x1, fit.y1)


def test_a_flare_on_an_even_trail_stands_on_a_pedestal_and_a_galaxy_does_not():
    place = np.abs(np.linspace(-1.0, 1.0, 48))
    noise = np.random.default_rng(3).normal(0.0, 0.1, 48)
    assert on_pedestal(1.0 + 10.0 * np.exp(-((place / 0.2) ** 2)) + noise)
    assert not on_pedestal(10.0 * np.exp(-place / 0.25) + noise)
    assert not on_pedestal(noise)


def test_a_fall_is_told_by_ranks_however_bright_a_star_is_that_stands_beside_it():
    spike = 3.0 / (0.2 + np.linspace(0.0, 1.0, 48))
    spike[[20, 40]] = 50.0
    assert falls_from(spike, 0.0)
    assert not falls_from(spike, 1.0)
    assert not falls_from(np.random.default_rng(3).normal(2.0, 1.0, 48), 0.0)
