"""Injection changes what it must, with the noise that light has, and nothing else."""

import numpy as np
import pytest

from nebulift.findings import Kind
from nebulift.simulate import inject, star_field
from nebulift.simulate.atmosphere import CloudLayer
from nebulift.simulate.camera_catalogue import camera_named
from nebulift.simulate.causes import KINDS, Blur, Covered, Dew, Motion, Overexposure
from nebulift.simulate.frame_noise import FrameNoise, measured_noise, quantum
from nebulift.simulate.glows import Glow
from nebulift.simulate.inject import inject_random
from nebulift.simulate.obstacles import Obstacle
from nebulift.simulate.readout_faults import Fault
from nebulift.simulate.tracking import drift
from nebulift.simulate.trails import Trail

FIELD = star_field(400, 300, density_per_mpx=500, sky_adu=1500.0, seed=1)
EMPTY = star_field(400, 300, density_per_mpx=0, sky_adu=1500.0, seed=2)
TRAIL = Trail("satellite", 20.0, 50.0, 380.0, 120.0, 4.0)


def scatter(pixels):
    difference = np.diff(pixels.astype(np.float64), axis=1)
    return 1.4826 * np.median(np.abs(difference)) / np.sqrt(2.0)


def test_pixels_that_the_trail_does_not_reach_keep_their_numbers():
    before = FIELD.pixels.copy()
    after, truth = inject(FIELD.pixels, [TRAIL], 1, noise=FIELD.noise)
    assert np.array_equal(FIELD.pixels, before)
    assert after.dtype == before.dtype
    assert np.array_equal(after[200:], before[200:])
    assert (after[:200] != before[:200]).sum() > 1000
    assert truth.artefacts[0].kind is Kind.STREAK


def test_no_cause_changes_nothing():
    after, truth = inject(FIELD.pixels, [], 1)
    assert np.array_equal(after, FIELD.pixels)
    assert truth.artefacts == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_dtype_stays(dtype):
    image = (EMPTY.pixels / 16).astype(dtype)
    after, _ = inject(image, [TRAIL], 3)
    assert after.dtype == dtype
    assert after[85, 200] > np.median(image)


def test_steps_of_a_twelve_bit_camera_stay():
    field = star_field(300, 200, sky_adu=3000.0, camera=camera_named("ASI1600MM"), seed=4)
    assert quantum(field.pixels) == 16
    after, _ = inject(field.pixels, [TRAIL, CloudLayer(1, 0.5)], 5)
    assert not (after % 16).any()


def test_added_light_brings_its_photon_noise():
    glow = Glow("twilight", share=0.0, uniform=4.0)
    after, _ = inject(EMPTY.pixels, [glow], 6, noise=EMPTY.noise)
    light = 1500.0 * 5.0
    assert np.median(after) == pytest.approx(EMPTY.noise.bias_adu + light, rel=0.01)
    assert scatter(after) == pytest.approx(np.sqrt(light + 4.0), rel=0.03)


def test_shaded_light_has_the_noise_of_less_light():
    after, truth = inject(EMPTY.pixels, [Obstacle("dome", 2.0, 0.0, 0.01, depth=0.75, lit=0.0)], 7, noise=EMPTY.noise)
    light = 1500.0 * 0.25
    assert np.median(after) == pytest.approx(EMPTY.noise.bias_adu + light, rel=0.01)
    assert scatter(after) == pytest.approx(np.sqrt(light + 4.0), rel=0.03)
    assert truth.artefacts[0].evidence["blocked_share"] == pytest.approx(0.75, abs=0.01)


def test_clouds_dim_the_stars_by_their_transmission():
    after, truth = inject(FIELD.pixels, [CloudLayer(1, 0.7, 0.0, lit=1.0)], 8, noise=FIELD.noise)
    level = np.median(FIELD.pixels)
    bright = FIELD.pixels > level + 500.0
    ratio = (after[bright] - np.median(after)).sum() / (FIELD.pixels[bright] - level).sum()
    assert ratio == pytest.approx(truth.artefacts[0].evidence["transmission"], rel=0.03)


@pytest.mark.parametrize("cause", [Blur(14.0), Motion(drift(12.0, 20.0)), Blur(5.0, "seeing")])
def test_a_smeared_frame_keeps_its_light_and_its_noise(cause):
    after, truth = inject(FIELD.pixels, [cause], 9, noise=FIELD.noise, fwhm_px=3.0)
    assert after.astype(np.float64).sum() == pytest.approx(FIELD.pixels.astype(np.float64).sum(), rel=0.002)
    assert scatter(after) == pytest.approx(scatter(FIELD.pixels), rel=0.08)
    assert after.max() < FIELD.pixels.max()
    assert truth.severity > 0.7


def test_a_telescope_with_a_shadow_makes_rings():
    star = np.full((101, 101), 1000, np.uint16)
    star[49:52, 49:52] = 40_000
    noise = FrameNoise(1000, 1.0, 1.0, 0.0, 65535)
    disc, _ = inject(star, [Blur(30.0)], 14, noise=noise)
    ring, _ = inject(star, [Blur(30.0)], 14, noise=noise, obstruction=0.4)
    assert disc[50, 50] > 1100
    assert ring[50, 50] == pytest.approx(1000, abs=6)
    assert ring[50, 61] > disc[50, 61]


def test_dew_carries_light_into_halos_and_takes_some_of_it():
    star = np.full((201, 201), 1000, np.uint16)
    star[100, 100:102] = 40_000
    after, truth = inject(star, [Dew(0.5, 15.0, 0.2)], 15, noise=FrameNoise(1000, 1.0, 1.0, 0.0, 65535))
    assert after[100, 100] == pytest.approx(1000 + 0.8 * 0.5 * 39_000, rel=0.03)
    assert np.median(after[:20]) == pytest.approx(900, rel=0.02)
    assert after[105:112, 95:107].mean() > 906
    assert truth.artefacts[0].kind is Kind.CLOUD


def test_hot_pixels_do_not_become_donuts():
    image = EMPTY.pixels.copy()
    image[150, 200] = 30_000
    after, _ = inject(image, [Blur(16.0)], 10, noise=EMPTY.noise)
    assert after[150, 200] > 25_000
    assert after[150, 206] < EMPTY.noise.sky_adu + 8.0 * EMPTY.noise.noise_adu


def test_smearing_a_mosaic_mixes_no_colours():
    image = np.full((200, 200), 1000, np.uint16)
    image[::2, ::2] = 4000
    after, _ = inject(image, [Motion(drift(8.0, 45.0))], 11, bayer=True, noise=FrameNoise(1000, 1.0, 1.0, 0.0, 65535))
    assert np.median(after[::2, ::2]) == pytest.approx(4000, rel=0.01)
    assert np.median(after[1::2, 1::2]) == pytest.approx(1000, rel=0.01)


def test_readout_faults_come_last_and_overexposure_burns_out():
    after, truth = inject(FIELD.pixels, [Fault("half_read", 0.3, seed=1), Overexposure("object", 0.1)], 12)
    assert len(np.unique(after[-80:])) == 1
    assert truth.kinds.keys() == {Kind.READOUT, Kind.SATURATION}


def test_what_only_a_new_exposure_can_have_is_refused():
    with pytest.raises(ValueError, match="already taken"):
        inject(FIELD.pixels, [Covered()], 13)
    with pytest.raises(ValueError, match="already taken"):
        inject(FIELD.pixels, [Overexposure("sky", 1.0)], 13)
    with pytest.raises(ValueError, match="already taken"):
        inject(FIELD.pixels, [Dew(0.5, form="edge")], 13)


def test_noise_is_measured_from_neighbours():
    noise = measured_noise(FIELD.pixels, electrons_per_adu=1.0, bias_adu=200.0)
    assert noise.noise_adu == pytest.approx(FIELD.noise.noise_adu, rel=0.03)
    assert noise.sky_adu == pytest.approx(FIELD.noise.sky_adu, rel=0.01)
    assert noise.read_noise_adu == pytest.approx(2.0, abs=1.5)
    unknown = measured_noise(FIELD.pixels)
    assert 0.5 < unknown.electrons_per_adu < 2.0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {Kind.EMPTY, Kind.OFF_TARGET}])
def test_random_injections_reach_about_the_wanted_severity(kind):
    reached = []
    for seed in range(5):
        after, truth = inject_random(FIELD.pixels, kind, 0.7, seed, noise=FIELD.noise)
        assert not np.array_equal(after, FIELD.pixels)
        reached.append(max(artefact.severity for artefact in truth.artefacts if artefact.kind is kind))
    assert np.median(reached) == pytest.approx(0.7, abs=0.15)
