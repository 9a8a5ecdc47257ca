"""A tear is where stars end and the sky jumps; bands, galaxies, edges out of focus and amplifiers are none.

Rows that lie sideways are told by how much: by the stars, by the pattern of the columns, or by the seam where they
wrap round.
"""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from skies import NOISE_ADU, grid, noise, see

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.frame import frame_from_array
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.sensor.sideways_seam import _is_of_these_rows
from nebulift.sensor.torn_frame import _sky_steps
from nebulift.simulate import rendered, star_field
from nebulift.simulate.night import plan_session
from nebulift.simulate.rig_kinds import school_rig

SIDE = 1400


def torn(row, shift, density=6000.0, seed=1):
    image = star_field(SIDE, SIDE, density_per_mpx=density, seed=seed).pixels.copy()
    image[row:] = np.roll(image[row:], shift, axis=1)
    return image


@pytest.mark.parametrize("row", [300, 700])
def test_stars_that_end_at_a_row_tell_a_tear(row):
    sensor = see(torn(row, 111)).sensor
    assert sensor.torn_stars
    assert sensor.torn_at_px == pytest.approx(row, abs=3)


def test_a_vignetted_sky_jumps_where_it_lies_sideways():
    x, y = grid(SIDE, SIDE)
    image = noise(SIDE, SIDE, level=3000.0 - 3000.0 * (x**2 + y**2))
    image[500:] = np.roll(image[500:], 300, axis=1)
    sensor = see(image).sensor
    assert sensor.torn_at_px == pytest.approx(500, abs=4)
    assert sensor.torn_step_sigma > 0.2


@pytest.mark.parametrize("density", [50.0, 1000.0, 8000.0])
@pytest.mark.parametrize("seed", range(2))
def test_a_whole_frame_has_no_tear(density, seed):
    assert see(star_field(SIDE, 1000, density_per_mpx=density, seed=seed).pixels).sensor.torn_at_px is None


def test_an_edge_out_of_focus_is_no_tear():
    _, y = grid(SIDE, SIDE)
    edge = ((y + 0.02) / 0.2 + 0.5).clip(0.0, 1.0)
    assert see(noise(SIDE, SIDE, level=400.0 + 900.0 * edge)).sensor.torn_at_px is None


def test_two_amplifiers_share_a_frame_in_its_middle():
    image = noise(SIDE, SIDE)
    image[SIDE // 2 :] += np.uint16(2 * NOISE_ADU)
    assert see(image).sensor.torn_at_px is None


def test_a_frame_of_bands_has_many_steps_and_no_tear():
    bands = np.repeat(np.arange(SIDE // 64 + 1) % 2, 64)[:SIDE] * 2.0 * NOISE_ADU
    assert see(noise(SIDE, SIDE, level=2000.0 + bands[:, None])).sensor.torn_at_px is None


@pytest.mark.parametrize("seed", range(2))
def test_rows_with_noise_of_their_own_are_no_tear(seed):
    """A raised row has bright pixels that do not go on in the next one."""
    rng = np.random.default_rng(seed)
    image = star_field(SIDE, 1000, density_per_mpx=300.0, seed=seed).pixels + rng.normal(0.0, 25.0, (1000, 1))
    image[400] += 120.0
    assert see(np.rint(image).astype(np.uint16)).sensor.torn_stars is not True


@pytest.mark.parametrize("seed", [1, 31, 59, 78, 82, 93])
def test_few_steps_of_a_converter_and_rows_with_much_noise_of_their_own_are_no_tear(seed):
    """Of one such row most pixels count as bright, and of the next none."""
    rig = school_rig(np.random.default_rng(seed), "ASI120MM", 0.6)
    rig = replace(rig, camera=replace(rig.camera, row_noise_e=2.5 * rig.camera.row_noise_e))
    frame = rendered(plan_session(np.random.SeedSequence(seed), 1, "clear", rig=rig)[0])
    seen = ArtifactDetector().analyse(frame_from_array(frame.pixels, frame.exposure)).measurements.sensor
    assert seen.row_banding_sigma > 0.5
    assert seen.torn_at_px is None


@pytest.mark.parametrize(("slope", "jump", "steepest"), [(0.05, 0.0, 0.05), (0.0, 0.6, 0.6), (0.02, 0.6, 0.6)])
def test_a_slope_of_the_sky_is_no_step(slope, jump, steepest):
    rows = np.arange(200)
    height = slope * (rows - 100.0) * (np.abs(rows - 100) < 40) + jump * (rows >= 100)
    steps = _sky_steps(np.rint(np.tile(height * 64 * UNITS_PER_SIGMA, (12, 1))).astype(np.int16), 64)
    assert steps[100 - 12 : 100 + 12].max() == pytest.approx(steepest, abs=0.05)


def test_a_column_that_stands_out_in_all_rows_is_no_seam():
    steps = np.full(24, 0.5, dtype=np.float32)
    assert not _is_of_these_rows(steps, 0, 23)
    steps[12:] = 0.05
    assert _is_of_these_rows(steps, 0, 12)


def test_rows_without_light_at_the_border_are_a_remark():
    image = noise(SIDE, SIDE)
    image[-60:] -= 60  # overscan
    analysis = ArtifactDetector().analyse_array(image)
    assert analysis.measurements.sensor.torn_at_px == pytest.approx(SIDE - 60, abs=3)
    assert analysis.score > 0.7


# rows that lie sideways -----------------------------------------------------------------------------------------------

COLUMN_SIGMA = 0.15  # offsets of a sensor's columns, in noise of a pixel


def patterned(offsets, seed=0, light=0.0):
    """A starless frame whose columns have offsets of their own, in noise of a pixel: (columns,) or (rows, columns)."""
    return noise(SIDE, SIDE, level=2000.0 + light + NOISE_ADU * offsets, seed=seed)


def columns_of(seed=3):
    return COLUMN_SIGMA * np.random.default_rng(seed).standard_normal(SIDE)


def moved(image, top, end, shift):
    image = image.copy()
    image[top:end] = np.roll(image[top:end], shift, axis=1)
    return image


@pytest.mark.parametrize(("row", "shift"), [(300, 24), (701, 24), (900, -250), (1000, 601)])
def test_stars_tell_by_how_much_rows_are_shifted(row, shift):
    image = star_field(SIDE, SIDE, density_per_mpx=9000.0, seed=5).pixels
    sensor = see(moved(image, row, SIDE, shift)).sensor
    assert (sensor.torn_at_px, sensor.shifted_by_px, sensor.torn_until_px) == (row, shift, None)
    assert sensor.torn_stars


def test_stars_tell_both_ends_of_a_strip():
    image = star_field(SIDE, SIDE, density_per_mpx=9000.0, seed=6).pixels
    sensor = see(moved(image, 400, 640, 90)).sensor
    assert (sensor.torn_at_px, sensor.torn_until_px, sensor.shifted_by_px) == (400, 640, 90)


@pytest.mark.parametrize("shift", [2, 6, -31, 500])
def test_columns_tell_it_where_there_is_no_star(shift):
    sensor = see(moved(patterned(columns_of()), 980, SIDE, shift)).sensor
    assert sensor.torn_at_px == pytest.approx(980, abs=6)
    assert sensor.shifted_by_px == shift
    assert sensor.torn_stars is False


def test_columns_tell_both_ends_of_a_strip():
    sensor = see(moved(patterned(columns_of()), 500, 760, 44)).sensor
    assert sensor.torn_at_px == pytest.approx(500, abs=6)
    assert sensor.torn_until_px == pytest.approx(760, abs=6)
    assert sensor.shifted_by_px == 44


def test_the_finding_says_where_and_by_how_much():
    image = star_field(SIDE, SIDE, density_per_mpx=9000.0, seed=5).pixels
    worst = ArtifactDetector().analyse_array(moved(image, 900, SIDE, 24)).findings[0]
    assert worst.text.startswith("from row 900 on shifted by 24 px to the right")


@pytest.mark.parametrize("shift", [40, -300])
def test_the_seam_tells_it_where_the_sky_has_a_slope(shift):
    """No star, no pattern of columns: but the right border of the sky now lies beside the left one."""
    x, _ = grid(SIDE, SIDE)
    sensor = see(moved(noise(SIDE, SIDE, level=2000.0 + 90.0 * x), 900, SIDE, shift)).sensor
    assert sensor.torn_at_px == pytest.approx(900, abs=8)
    assert sensor.shifted_by_px == pytest.approx(shift, abs=2)


def test_amplifiers_and_mosaics_have_steps_and_no_seam():
    x, y = grid(SIDE, SIDE)
    quadrant = 2000.0 + 60.0 * ((x > 0.0) & (y > 0.0))
    panel = 2000.0 + 90.0 * x + 60.0 * ((x > 0.2) & (y > 0.1))
    for level in (quadrant, panel):
        assert see(noise(SIDE, SIDE, level=level)).sensor.shifted_by_px is None


@pytest.mark.parametrize("seed", range(3))
def test_neither_stars_nor_columns_nothing_told(seed):
    assert see(moved(noise(SIDE, SIDE, seed=seed), 980, SIDE, 77)).sensor.shifted_by_px is None


def test_columns_that_lie_where_they_should_are_no_shift():
    assert see(patterned(columns_of())).sensor.shifted_by_px is None


@pytest.mark.parametrize("lean_px", [1.0, 2.0, 3.0, 5.0, 8.0, 40.0])
def test_a_pattern_that_leans_is_no_shift(lean_px):
    """As walking noise in a stack: it lies the farther aside the farther one goes down."""
    fine = cv2.resize(columns_of()[None], (8 * SIDE, 1), interpolation=cv2.INTER_LINEAR)[0]
    offsets = np.stack([np.roll(fine, round(8 * lean_px * row / SIDE))[::8] for row in range(SIDE)])
    assert see(patterned(offsets)).sensor.shifted_by_px is None


def test_columns_that_repeat_do_not_tell_by_how_much():
    offsets = np.tile(columns_of()[:8], SIDE // 8)
    assert see(moved(patterned(offsets), 980, SIDE, 16)).sensor.shifted_by_px is None


def test_the_limb_of_a_moon_is_no_shift():
    x, y = grid(SIDE, SIDE)
    light = 6000.0 * (np.hypot(x + 0.1, y - 0.4) < 0.5)
    assert see(noise(SIDE, SIDE, level=1000.0 + light)).sensor.shifted_by_px is None


@pytest.mark.parametrize("density", [100.0, 3000.0])
def test_a_trail_nearly_along_the_rows_is_no_shift(density):
    field = star_field(SIDE, SIDE, density_per_mpx=density, seed=8)
    along = np.arange(SIDE)
    bright = field.pixels.astype(np.float64)
    for row in range(-3, 4):
        bright[600 + along // 50 + row, along] += 300.0 * (1.0 + np.sin(along / 9.0)) * np.exp(-0.3 * row**2)
    assert see(np.rint(bright).clip(0, 65535).astype(np.uint16)).sensor.shifted_by_px is None


def test_fields_of_video_that_alternate_are_no_shift():
    """A camera that sends odd lines before even ones, between which everything moved."""
    image = star_field(1000, 1000, density_per_mpx=3000.0, fwhm_px=4.0, seed=9).pixels.copy()
    image[1::2] = np.roll(image[1::2], 3, axis=1)
    assert see(image).sensor.shifted_by_px is None


def test_two_stars_that_end_prove_nothing():
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    light = sum(2000.0 * np.exp(-((x - at) ** 2 + (y - 700.0) ** 2) / 8.0) for at in (300, 900))
    assert see(moved(noise(SIDE, SIDE, level=2000.0 + light), 700, SIDE, 50)).sensor.shifted_by_px is None


@pytest.mark.parametrize("empty", [0.0, np.nan])
def test_a_registered_frame_is_no_shift(empty):
    """Turned and moved: its columns lean, and beyond its borders there is nothing."""
    turn = cv2.getRotationMatrix2D((SIDE / 2.0, SIDE / 2.0), 3.0, 1.0)
    image = patterned(columns_of()).astype(np.float32)
    turned = cv2.warpAffine(image, turn, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderValue=empty)
    assert see(turned).sensor.shifted_by_px is None


def test_charge_that_runs_down_columns_is_no_seam():
    image = patterned(columns_of())
    for column in (300, 641, 1002):
        image[600:, column : column + 3] = 65535
    assert see(image).sensor.shifted_by_px is None
