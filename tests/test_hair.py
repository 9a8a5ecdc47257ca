"""A hair before the sensor is told as a dark line; dust, columns, rays and gaps between bright things are not."""

import math

import numpy as np
import pytest
from skies import grid, see

from nebulift.assessment import findings_of
from nebulift.cv_prefilter import ArtifactDetector
from nebulift.findings import Box, Kind
from nebulift.obstruction.hair import find_hair
from nebulift.simulate import star_field
from nebulift.simulate.obstacles import Obstacle, obstacle_transmission, random_obstacle
from nebulift.verdict import NOTICEABLE_SEVERITY

SIDE = 1200
BIAS_ADU = 200.0
X_PX, Y_PX = np.arange(SIDE, dtype=np.float32)[None, :], np.arange(SIDE, dtype=np.float32)[:, None]


def behind(passing, seed=5):
    """A frame of stars of whose light the share ``passing`` arrives, with the noise that less light has."""
    rng = np.random.default_rng(seed)
    light = star_field(SIDE, SIDE, density_per_mpx=200.0, seed=seed).pixels.astype(np.float64) - BIAS_ADU
    noise = rng.normal(0.0, 1.0, light.shape) * np.sqrt(np.maximum(light, 0.0) * passing * (1.0 - passing))
    return np.rint(BIAS_ADU + light * passing + noise).clip(0, 65535).astype(np.uint16)


def hair_in(pixels):
    seen = see(pixels)
    return find_hair(seen.scan, seen.background, seen.maps)


def hair(depth, seed=3):
    shadow = Obstacle("hair", 0.8, softness=30.0 / SIDE, depth=depth, lit=0.0, seed=seed)
    return obstacle_transmission(shadow, X_PX, Y_PX, (SIDE, SIDE))


def ring(x_px, y_px, radius_px):
    away = np.hypot(X_PX - x_px, Y_PX - y_px)
    return np.clip((radius_px - away) / 3.0, 0.0, 1.0) - np.clip((0.4 * radius_px - away) / 3.0, 0.0, 1.0)


@pytest.mark.parametrize("depth", [0.2, 0.5])
@pytest.mark.parametrize("seed", [3, 4])
def test_a_curved_hair_is_found_where_it_lies(depth, seed):
    passing = hair(depth, seed)
    line = hair_in(behind(passing))
    rows, columns = np.nonzero(passing < 1.0 - 0.5 * depth)
    left, top, right, bottom = line.box_px
    assert line.length_px > 0.5 * math.hypot(np.ptp(rows), np.ptp(columns))
    assert columns.min() - 40 <= left < right <= columns.max() + 40
    assert rows.min() - 40 <= top < bottom <= rows.max() + 40
    assert 10.0 < line.width_px < 100.0


def test_a_hair_is_a_remark_with_its_place_and_no_question_at_every_frame_of_a_rig():
    findings = ArtifactDetector().analyse_array(behind(hair(0.6))).findings
    told = next(finding for finding in findings if finding.kind is Kind.OBSTRUCTION)
    assert isinstance(told.geometry, Box)
    assert "hair" in told.text
    assert 0.2 <= told.severity < NOTICEABLE_SEVERITY
    assert not told.strong


def test_a_plain_field_has_none():
    assert hair_in(behind(np.ones((SIDE, SIDE)))) is None


def test_rings_of_dust_are_none():
    shade = 0.2 * ring(300, 400, 90) + 0.15 * ring(800, 700, 120) + 0.2 * ring(420, 500, 80)
    assert hair_in(behind(1.0 - shade)) is None


@pytest.mark.parametrize("width_px", [4, 24])
def test_a_dark_column_is_the_sensors(width_px):
    passing = np.ones((SIDE, SIDE))
    passing[:, 600 : 600 + width_px] = 0.7
    assert hair_in(behind(passing)) is None


def test_the_edge_of_a_roof_is_no_line():
    x, y = grid(SIDE, SIDE)
    assert hair_in(behind(1.0 - 0.6 * ((x + 0.3 * y) / 0.04 + 0.5).clip(0.0, 1.0))) is None


def test_gaps_between_rays_are_none():
    angle = np.arctan2(Y_PX - 600.0, X_PX - 1250.0)
    rays = (1.0 + np.cos(19.0 * angle)) * np.exp(-np.hypot(Y_PX - 600.0, X_PX - 1250.0) / 400.0)
    pixels = behind(np.ones((SIDE, SIDE))) + np.rint(300.0 * rays).astype(np.uint16)
    assert hair_in(pixels) is None


def test_a_random_hair_is_as_deep_as_its_severity_says_and_takes_stars_along():
    rng = np.random.default_rng(8)
    faint, plain = (random_obstacle(rng, wanted, (SIDE, SIDE), "hair") for wanted in (0.3, 0.9))
    assert faint.depth == pytest.approx(0.04, rel=0.05)
    assert plain.depth > 0.3
    passing = obstacle_transmission(plain, X_PX, Y_PX, (SIDE, SIDE))
    assert float(passing.min()) == pytest.approx(1.0 - plain.depth, abs=0.03)
    assert float((passing < 0.999).mean()) < 0.3


def test_a_leaf_hangs_in_from_one_side():
    leaf = random_obstacle(np.random.default_rng(9), 0.7, (SIDE, SIDE), "leaf")
    passing = obstacle_transmission(leaf, X_PX, Y_PX, (SIDE, SIDE))
    borders = [float(edge.min()) for edge in (passing[0], passing[-1], passing[:, 0], passing[:, -1])]
    assert min(borders) < 1.0 - 0.9 * leaf.depth
    assert max(borders) > 0.99
    assert float(1.0 - passing.mean()) == pytest.approx(0.1, rel=0.2)


def test_no_finding_without_a_line():
    measured = ArtifactDetector().analyse_array(behind(np.ones((SIDE, SIDE)))).measurements
    assert measured.dark_line is None
    assert not [one for one in findings_of(measured) if one.kind is Kind.OBSTRUCTION]
