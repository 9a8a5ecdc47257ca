"""Stars that are there twice: a knock at the mount tells itself by one offset that all stars share."""

import numpy as np
import pytest

from benchmarks.spoiling import doubled
from nebulift.cv_prefilter import ArtifactDetector
from nebulift.findings import Kind
from nebulift.simulate import star_field

WIDE_PX, ANGLE_DEG = 14.0, 120.0


def see(pixels):
    return ArtifactDetector().analyse_array(pixels).measurements


def field(density=300.0, seed=3):
    return star_field(900, 900, density_per_mpx=density, seed=seed).pixels


@pytest.mark.parametrize("share", [0.1, 0.45])
@pytest.mark.parametrize("density", [150.0, 2000.0])
def test_the_second_images_are_measured(share, density):
    pixels, apart_px = doubled(field(density), WIDE_PX, ANGLE_DEG, share, seed=1)
    found = see(pixels).doubles
    assert found is not None
    assert found.apart_px == pytest.approx(apart_px, abs=1.0)
    assert found.angle_deg == pytest.approx(ANGLE_DEG, abs=4.0)
    assert found.light_share == pytest.approx(share, abs=0.05)
    assert found.stars >= 6


def test_the_frame_is_contaminated_and_the_finding_says_how_far_the_mount_jumped():
    pixels, _ = doubled(field(), WIDE_PX, ANGLE_DEG, 0.3, seed=1)
    worst = ArtifactDetector().analyse_array(pixels).findings[0]
    assert worst.kind is Kind.TRAILED
    assert worst.severity >= 0.7
    assert "stars are there twice, 13 px apart" in worst.text


@pytest.mark.parametrize("density", [20.0, 300.0, 4000.0])
@pytest.mark.parametrize("seed", range(3))
def test_unrelated_stars_have_no_second_images(density, seed):
    assert see(field(density, seed)).doubles is None


def test_a_cluster_has_none_though_its_stars_are_close_together():
    rng = np.random.default_rng(8)
    pixels = rng.normal(1000.0, 30.0, (700, 700))
    y, x = np.mgrid[0:700, 0:700]
    for column, row, light in zip(*rng.normal(350.0, 60.0, (2, 250)), rng.pareto(1.0, 250) * 400 + 300, strict=True):
        near = np.s_[max(int(row) - 9, 0) : int(row) + 10, max(int(column) - 9, 0) : int(column) + 10]
        pixels[near] += light * np.exp(-((x[near] - column) ** 2 + (y[near] - row) ** 2) / (2.0 * 1.3**2))
    assert see(np.rint(pixels).clip(0, 65535).astype(np.uint16)).doubles is None


def test_too_few_stars_tell_nothing():
    assert see(np.full((200, 200), 1000, np.uint16)).doubles is None
