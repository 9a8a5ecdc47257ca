"""Photons become numbers as in a real camera."""

from dataclasses import replace

import numpy as np
import pytest

from nebulift.simulate.camera import Camera, cropped, reduced
from nebulift.simulate.camera_catalogue import CATALOGUE, camera_named, random_camera
from nebulift.simulate.charge import add_cosmic_rays, bleed_columns
from nebulift.simulate.sensor import digitised, exposed, fixed_pattern

PLAIN = Camera(
    "plain", 400, 400, 3.76, gain_e_per_adu=0.8, read_noise_e=3.0, full_well_e=60_000.0, bias_adu=400.0, dark_e_s=0.0,
    prnu=0.0, hot_share=0.0, column_noise_e=0.0, row_noise_e=0.0, vignetting=0.0, dust_spots=0,
)  # fmt: skip


def flat_frame(camera, electrons, seed):
    light = np.full((camera.height_px, camera.width_px), electrons, dtype=np.float32)
    return digitised(light, camera, fixed_pattern(camera), np.random.default_rng(seed)).astype(np.float64)


def test_variance_against_mean_gives_the_gain_and_the_read_noise():
    means, variances = [], []
    for electrons in (0.0, 50.0, 500.0, 5_000.0, 40_000.0):
        first, second = flat_frame(PLAIN, electrons, 1), flat_frame(PLAIN, electrons, 2)
        means.append(first.mean() - PLAIN.bias_adu)
        variances.append((first - second).var() / 2.0)
    slope, _ = np.polyfit(means, variances, 1)
    assert 1.0 / slope == pytest.approx(PLAIN.gain_e_per_adu, rel=0.02)
    quantisation = 1.0 / 12.0
    assert np.sqrt(variances[0] - quantisation) * PLAIN.gain_e_per_adu == pytest.approx(PLAIN.read_noise_e, rel=0.02)


@pytest.mark.parametrize("electrons", [3.0, 10.0, 100.0])
def test_faint_light_keeps_its_mean_its_variance_and_its_skew(electrons):
    camera = replace(PLAIN, gain_e_per_adu=0.05, read_noise_e=0.8)
    values = (flat_frame(camera, electrons, 3) - camera.bias_adu) * camera.gain_e_per_adu
    assert values.mean() == pytest.approx(electrons, rel=0.01)
    assert values.var() == pytest.approx(electrons + 0.8**2, rel=0.03)
    third = ((values - values.mean()) ** 3).mean()
    assert third == pytest.approx(electrons, rel=0.35)  # the third moment of a Poisson number is its mean


@pytest.mark.parametrize(
    ("bits", "shift", "ceiling"), [(12, 4, 4095 << 4), (14, 2, 16383 << 2), (14, 0, 16383), (16, 0, 65535)]
)
def test_the_ceiling_is_that_of_the_converter_scaled(bits, shift, ceiling):
    camera = replace(PLAIN, bits=bits, shift=shift, bias_adu=50.0, full_well_e=1e6)
    pixels = flat_frame(camera, 500_000.0, 4)
    assert pixels.max() == pixels.min() == ceiling == camera.ceiling_adu


def test_twelve_bits_scaled_to_sixteen_are_multiples_of_sixteen():
    pixels = flat_frame(replace(PLAIN, bits=12, shift=4), 300.0, 5).astype(np.int64)
    assert not (pixels % 16).any()
    assert len(np.unique(pixels)) > 20


def test_an_eight_bit_camera_stores_bytes():
    camera = replace(camera_named("ASI120"), width_px=128, height_px=96)
    light = np.full((96, 128), 1e7, dtype=np.float32)
    pixels = digitised(light, camera, fixed_pattern(camera), np.random.default_rng(0))
    assert pixels.dtype == np.uint8
    assert int(np.median(pixels)) == 255


def test_one_body_has_one_pattern_and_another_body_another():
    camera = replace(camera_named("STF-8300"), width_px=300, height_px=200, serial=7)
    pattern, again = fixed_pattern(camera), fixed_pattern.__wrapped__(camera)
    other = fixed_pattern(replace(camera, serial=8))
    assert np.array_equal(pattern.flat, again.flat)
    assert np.array_equal(pattern.hot_index, again.hot_index)
    assert not np.array_equal(pattern.flat, other.flat)


def test_corners_get_less_light_by_the_vignetting():
    camera = replace(PLAIN, vignetting=0.4)
    light = exposed(np.ones((400, 400), np.float32), camera, fixed_pattern(camera), 1.0)
    assert light[200, 200] == pytest.approx(1.0, abs=0.02)
    assert light[0, 0] == pytest.approx(0.6, abs=0.1)


def test_dark_current_and_hot_pixels_grow_with_time():
    camera = replace(PLAIN, dark_e_s=0.5, hot_share=1e-3)
    pattern = fixed_pattern(camera)
    short, long = (exposed(np.zeros((400, 400), np.float32), camera, pattern, s) for s in (10.0, 100.0))
    assert np.median(short) == pytest.approx(5.0)
    assert np.allclose(long, short * 10.0, rtol=1e-4)
    assert np.count_nonzero(long > 10.0 * np.median(long)) > 20


def test_bleeding_moves_charge_along_the_column_and_loses_none():
    electrons = np.zeros((100, 40), np.float32)
    electrons[50, 20] = 10_500.0
    longest = bleed_columns(electrons, 1_000.0)
    assert electrons.sum() == pytest.approx(10_500.0, rel=1e-5)
    assert electrons.max() <= 1_000.0
    assert longest in {9, 10, 11}  # full pixels; the two at the ends are half full
    assert np.count_nonzero(electrons.sum(axis=0)) == 1


def test_cosmic_rays_touch_few_pixels():
    electrons = np.zeros((200, 200), np.float32)
    add_cosmic_rays(electrons, 20, np.random.default_rng(1))
    assert 20 <= np.count_nonzero(electrons) < 800
    assert electrons.max() > 200.0


def test_windows_are_even_and_never_larger_than_the_sensor():
    camera = camera_named("2600MM")
    assert (cropped(camera, 641, 481).width_px, cropped(camera, 641, 481).height_px) == (640, 480)
    assert cropped(camera, 99_999, 99_999).width_px == camera.width_px
    assert reduced(camera, 2.0).megapixels == pytest.approx(2.0, rel=0.01)
    with pytest.raises(ValueError, match="64 pixels"):
        cropped(camera, 10, 500)


def test_cameras_are_found_by_a_part_of_their_name():
    assert camera_named("asi2600 mm").name == "ZWO ASI2600MM Pro"
    with pytest.raises(KeyError, match="known are"):
        camera_named("ASI")


def test_random_bodies_stay_cameras():
    rng = np.random.default_rng(2)
    for base in CATALOGUE:
        body = random_camera(rng, base)
        assert body.saturation_e > 50.0 * body.read_noise_e
        assert body.bits == base.bits
        assert body.bayer == base.bayer
        assert body.serial != base.serial


def test_the_amplifiers_glow_from_the_right_edge_and_brighter_with_time():
    camera = replace(PLAIN, amp_glow_e_s=2.0)
    dark = np.zeros((400, 400), np.float32)
    short, long = (exposed(dark.copy(), camera, fixed_pattern(camera), seconds) for seconds in (30.0, 300.0))
    assert long == pytest.approx(10.0 * short, rel=1e-4)
    assert short[:, -40:].mean() > 20.0 * short[:, :40].mean() > 0.0
    assert short.max() <= 30.0 * 2.0 * 1.85  # rays and the corner on top of the brightest point


def test_dust_takes_light_away_and_stays_where_it_is_in_every_frame_of_a_body():
    camera = replace(PLAIN, dust_spots=6)
    flat = fixed_pattern(camera).flat
    shaded = flat < 0.999
    assert 0.001 < shaded.mean() < 0.6
    assert flat.min() >= 0.94**6  # at most 6 % a grain
    light = np.full((400, 400), 4_000.0, np.float32)
    seen = exposed(light, camera, fixed_pattern(camera), 1.0)
    assert np.array_equal(seen < 3_996.0, shaded)


def test_columns_have_the_same_offsets_in_every_frame_and_rows_new_ones():
    camera = replace(PLAIN, read_noise_e=0.5, gain_e_per_adu=0.05, column_noise_e=4.0, row_noise_e=3.0)
    first, second = (camera.gain_e_per_adu * flat_frame(camera, 0.0, seed) for seed in (1, 2))
    columns, rows = ([np.median(frame, axis=axis) for frame in (first, second)] for axis in (0, 1))
    assert np.corrcoef(*columns)[0, 1] > 0.95
    assert abs(np.corrcoef(*rows)[0, 1]) < 0.2
    assert np.std(rows[0]) == pytest.approx(3.0, rel=0.15)
    assert np.std(columns[0]) == pytest.approx(4.0 * np.sqrt(1.25), rel=0.35)  # two amplifiers take turns besides


def test_every_converter_mosaic_and_read_out_that_people_own_is_in_the_catalogue():
    assert {camera.bits for camera in CATALOGUE} >= {12, 14, 16}
    assert {camera.sensor for camera in CATALOGUE} == {"cmos", "ccd"}
    assert {None, "RGGB", "GRBG"} <= {camera.bayer for camera in CATALOGUE}
    assert any(camera.blooms for camera in CATALOGUE)
    assert any(camera.amp_glow_e_s > 0.0 for camera in CATALOGUE)
    assert any(camera.bits == 14 and camera.shift == 0 for camera in CATALOGUE)  # written as they are
