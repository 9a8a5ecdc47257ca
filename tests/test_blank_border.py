"""What turning a frame on to another leaves along its sides is no sky and no fault; a lost part still is one."""

import cv2
import numpy as np
import pytest
from skies import see

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.simulate import star_field

HEIGHT, WIDTH = 1300, 1500


def turned(degrees, dx=0.0, dy=0.0, empty=0.0):
    field = star_field(WIDTH, HEIGHT, seed=4).pixels.astype(np.float32)
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, 1.0)
    matrix[:, 2] += dx, dy
    return cv2.warpAffine(field, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderValue=empty)


@pytest.mark.parametrize("empty", [0.0, np.nan])
@pytest.mark.parametrize(("degrees", "dx", "dy"), [(2.0, 0.0, 0.0), (-0.5, 25.0, -12.0), (0.0, 30.0, 18.0)])
def test_a_registered_frame_is_clean(degrees, dx, dy, empty):
    findings = ArtifactDetector().analyse_array(turned(degrees, dx, dy, empty)).findings
    assert max((finding.severity for finding in findings), default=0.0) < 0.3


def test_the_blank_border_is_no_sky():
    pixels = turned(2.0)
    scan = see(pixels).scan
    blank = cv2.resize((pixels == 0.0).astype(np.float32), scan.units.shape[::-1], interpolation=cv2.INTER_AREA) > 0.99
    assert blank.mean() > 0.01
    assert not scan.valid[blank].any()
    assert (~scan.valid).mean() < 1.5 * blank.mean()


@pytest.mark.parametrize("rows", [slice(1000, 1300), slice(0, 400)])
def test_a_part_that_was_not_read_out_is_no_blank_border(rows):
    pixels = star_field(WIDTH, HEIGHT, seed=4).pixels
    pixels[rows] = 0
    seen = see(pixels)
    assert seen.scan.valid is None
    assert seen.sensor.dead_fraction == pytest.approx((rows.stop - rows.start) / HEIGHT, abs=0.01)


def test_a_lost_packet_at_the_border_is_no_blank_border():
    pixels = star_field(WIDTH, HEIGHT, seed=4).pixels
    pixels[600:700, 700:] = 0
    seen = see(pixels)
    assert seen.scan.valid is None
    assert seen.sensor.lost_boxes_px == ((700, 600, WIDTH, 700),)


def test_a_sky_that_is_cut_off_at_nothing_has_no_blank_border():
    rng = np.random.default_rng(1)
    pixels = rng.normal(0.0, 5.0, (HEIGHT, WIDTH)).clip(0.0).astype(np.float32)
    assert see(pixels).scan.valid is None
