"""What is told of a trail beside its place: ends and how well they are known, light along it, what drew it."""

import math

import numpy as np
import pytest
from skies import crossing, is_this, length_of, part_of, see

from nebulift.simulate import add_streak, star_field
from nebulift.streaks.kinds import TrailLook, kind_of

SIDE = 1000
FIELD = star_field(SIDE, SIDE, density_per_mpx=150, seed=8)
LEVEL = (1.0,) * 12
UNEVEN = (1.0, 0.3, 1.4, 0.4, 1.0, 0.3, 1.4, 0.4, 1.0, 0.3, 1.4, 0.4)  # it tumbles
BURST = (0.2, 0.4, 0.6, 0.7, 0.9, 1.0, 1.1, 1.2, 1.1, 1.8, 1.2, 0.7)
FLARE = (0.3, 0.3, 0.3, 0.4, 0.8, 1.6, 1.7, 0.9, 0.4, 0.3, 0.3, 0.3)  # on an even trail
SPINDLE = (0.1, 0.3, 0.5, 0.8, 1.0, 1.2, 1.3, 1.2, 0.9, 0.6, 0.3, 0.1)


def seen(ends, **more):
    """The streak found on these ends."""
    pixels, _ = add_streak(FIELD, ends, **more)
    (streak,) = [one for one in see(pixels).streaks if is_this(one, ends)]
    return streak


def look(**changed):
    """A bright, sharp, even trail across the frame, but for what is changed."""
    facts = {"snr": 60.0, "sharpness": 1.0, "ends_inside": 0, "flashes": False, "is_twin": False, "twelfths": LEVEL}
    return TrailLook(**{**facts, **changed})


@pytest.mark.parametrize("peak_sigma", [1.5, 4.0])
def test_ends_are_found_within_three_standard_errors_unless_a_star_is_there(peak_sigma):
    pulls = []
    for seed in range(6):
        ends = part_of(crossing(np.random.default_rng(seed), (SIDE, SIDE)), 0.25, 0.7)
        streak = seen(ends, peak_sigma=peak_sigma)
        found = (streak.x0_px, streak.y0_px), (streak.x1_px, streak.y1_px)
        for place, error in zip(found, streak.end_errors_px, strict=True):
            pulls.append(min(math.dist(place, ends[:2]), math.dist(place, ends[2:])) / error)
    assert np.median(pulls) < 1.5
    assert np.mean(np.array(pulls) < 3.0) > 0.8


def test_ends_of_a_bright_partial_trail_are_good_to_some_pixels():
    ends = (200.0, 250.0, 700.0, 600.0)
    streak = seen(ends, peak_sigma=10.0)
    assert max(streak.end_errors_px) < 6.0
    assert streak.length_px == pytest.approx(length_of(ends), abs=12.0)


def test_brightness_along_the_trail_is_in_noise_of_a_raw_pixel():
    streak = seen(crossing(np.random.default_rng(3), (SIDE, SIDE)), peak_sigma=2.0)
    known = [height for height in streak.brightness_sigma if height is not None]
    assert len(streak.brightness_sigma) == 48
    assert np.mean(known) == pytest.approx(2.0, rel=0.3)


def test_a_flare_shows_in_the_brightness_along_the_trail():
    steady = seen(crossing(np.random.default_rng(3), (SIDE, SIDE)), peak_sigma=2.0)
    flare = seen(crossing(np.random.default_rng(3), (SIDE, SIDE)), peak_sigma=2.0, pattern="flare")
    spread = [np.nanstd(np.array(one.brightness_sigma, dtype=float)) for one in (steady, flare)]
    assert spread[1] > 2.0 * spread[0]


def test_an_even_sharp_trail_across_the_frame_is_a_satellite():
    assert seen(crossing(np.random.default_rng(5), (SIDE, SIDE)), peak_sigma=3.0).object_kind == "satellite"


def test_the_light_of_a_bright_trail_is_told_beyond_the_clip_and_in_its_signal_to_noise_ratio():
    ends = crossing(np.random.default_rng(5), (SIDE, SIDE))
    pixels, truth = add_streak(FIELD, ends, peak_sigma=40.0)
    (streak,) = [one for one in see(pixels).streaks if is_this(one, ends)]
    assert streak.peak_sigma == pytest.approx(40.0, rel=0.3)
    assert 0.7 < streak.snr / truth.artefacts[0].evidence["total_snr"] < 1.2


@pytest.mark.parametrize("seed", range(3))
def test_a_meteor_that_rises_and_fades_is_a_meteor_and_its_faint_ends_belong_to_it(seed):
    ends = part_of(crossing(np.random.default_rng(seed), (SIDE, SIDE)), 0.2, 0.75)
    streak = seen(ends, peak_sigma=4.0, pattern="spindle", seed=seed)
    assert streak.object_kind == "meteor"
    assert streak.length_px > 0.85 * length_of(ends)


def test_regular_flashes_are_those_of_an_aircraft():
    kinds = [
        seen(
            crossing(np.random.default_rng(seed), (SIDE, SIDE)), peak_sigma=3.0, pattern="strobes", seed=seed
        ).object_kind
        for seed in range(3)
    ]
    assert kinds.count("aircraft") >= 2


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({}, "satellite"),
        ({"snr": 10.0}, "unknown"),
        ({"flashes": True}, "aircraft"),
        ({"is_twin": True, "sharpness": 3.0}, "aircraft"),
        ({"is_twin": True}, "satellite"),
        ({"is_twin": True, "twelfths": UNEVEN}, "unknown"),
        ({"sharpness": 3.0}, "unknown"),
        ({"sharpness": None}, "unknown"),
        ({"ends_inside": 1}, "satellite"),
        ({"ends_inside": 2}, "satellite"),
        ({"twelfths": UNEVEN}, "satellite"),
        ({"ends_inside": 1, "twelfths": UNEVEN}, "unknown"),
        ({"ends_inside": 2, "twelfths": UNEVEN}, "unknown"),
        ({"ends_inside": 2, "twelfths": SPINDLE}, "meteor"),
        ({"ends_inside": 2, "twelfths": BURST}, "meteor"),
        ({"ends_inside": 2, "twelfths": FLARE}, "unknown"),
        ({"ends_inside": 1, "twelfths": SPINDLE}, "unknown"),
        ({"ends_inside": 0, "twelfths": SPINDLE}, "satellite"),
        ({"twelfths": (None,) * 6 + LEVEL[:6]}, "unknown"),
    ],
)
def test_kinds_are_told_only_where_they_are_plain(changed, kind):
    assert kind_of(look(**changed)) == kind
