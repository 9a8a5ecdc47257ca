"""Two star lists of one field are matched through dither, flip and rotation; lists of two fields never are."""

import numpy as np
import pytest

from nebulift.session.star_match import Motion, match_stars


def field(seed, stars=100, span=(3000.0, 2000.0)):
    return np.random.default_rng(seed).uniform((0, 0), span, (stars, 2))


def seen(points, seed, *, turn_deg=0.0, shift=(0.0, 0.0), lost=0.3, extra=20):
    """The field in another frame: turned about its middle, shifted, measured to 0.3 px, some stars other ones."""
    rng = np.random.default_rng(seed)
    cos, sin = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    middle = np.array([1500.0, 1000.0])
    moved = (points - middle) @ np.array([[cos, -sin], [sin, cos]]).T + middle + shift
    kept = rng.random(len(points)) > lost
    moved = moved[kept] + rng.normal(0.0, 0.3, (kept.sum(), 2))
    return np.concatenate([moved, rng.uniform((0, 0), (3000, 2000), (extra, 2))]), np.flatnonzero(kept)


@pytest.mark.parametrize("turn_deg", [0.0, 180.0, 2.5, 181.7, 90.0, -37.0])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (14.3, -8.8), (420.0, 260.0)])
def test_the_same_field_is_matched_star_by_star(turn_deg, shift):
    points = field(3)
    there, kept = seen(points, 4, turn_deg=turn_deg, shift=shift)
    match = match_stars(points, there, Motion())
    assert match is not None
    true = dict(zip(kept, range(len(kept)), strict=True))
    right = [true.get(here) == other for here, other in zip(match.reference, match.frame, strict=True)]
    assert np.mean(right) > 0.97
    assert len(right) > 0.9 * len(kept)
    assert (match.motion.rotation_deg - turn_deg + 180.0) % 360.0 - 180.0 == pytest.approx(0.0, abs=0.1)


def test_different_fields_are_never_matched():
    matched = [match_stars(field(seed), field(seed + 1000), Motion()) for seed in range(60)]
    assert matched == [None] * 60


def test_the_motion_of_the_frame_before_saves_the_search_where_few_stars_are_left():
    points = field(5, stars=60)
    guess = Motion(dx_px=300.0, dy_px=-200.0)
    few = points[:12] + np.array([300.0, -200.0])
    match = match_stars(points, few, guess)
    assert match is not None
    assert match.motion.dx_px == pytest.approx(300.0, abs=0.5)


@pytest.mark.parametrize("stars", [0, 1, 5])
def test_too_few_stars_are_no_match(stars):
    assert match_stars(field(1, stars), field(1), Motion()) is None
    assert match_stars(field(1), field(1, stars), Motion()) is None
