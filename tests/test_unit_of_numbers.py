"""Whatever unit a frame's numbers are in (ADU, shares of one, janskys), the same is seen in it."""

import numpy as np
import pytest

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.frame import frame_from_array
from nebulift.simulate import star_field


@pytest.mark.parametrize("scale", [1e-18, 1e-9, 1.0 / 65535.0, 1e4, 1e18])
def test_the_unit_of_the_numbers_changes_nothing_that_is_seen(scale):
    adu = star_field(500, 700, density_per_mpx=400.0, seed=11).pixels.astype(np.float32)
    usual = ArtifactDetector().analyse(frame_from_array(adu))
    scaled = ArtifactDetector().analyse(frame_from_array(adu * np.float32(scale)))
    assert usual.measurements.stars.count > 60
    assert scaled.measurements.stars.count == pytest.approx(usual.measurements.stars.count, rel=0.03)
    assert scaled.measurements.stars.fwhm_px == pytest.approx(usual.measurements.stars.fwhm_px, rel=1e-3)
    assert scaled.measurements.sky.noise_adu == pytest.approx(usual.measurements.sky.noise_adu * scale, rel=1e-3)
    assert [finding.kind for finding in scaled.findings] == [finding.kind for finding in usual.findings]
    assert scaled.score == pytest.approx(usual.score, abs=0.02)
