"""Clouds, glows and obstacles act on light as their numbers say."""

from dataclasses import replace

import numpy as np
import pytest

from nebulift.findings import Kind
from nebulift.simulate.atmosphere import (
    Air,
    CloudLayer,
    cloud_transmission,
    coarse_axes,
    full_size,
    ordinary_sky,
    sky_electrons,
)
from nebulift.simulate.camera import Camera
from nebulift.simulate.causes import KINDS, Blur, Covered, Dew, Motion, OffTarget, Overexposure, Setting, random_cause
from nebulift.simulate.diffuse import KINDS as DIFFUSE
from nebulift.simulate.diffuse import diffuse_light
from nebulift.simulate.field import Pointing, Target
from nebulift.simulate.frame import render
from nebulift.simulate.glows import FORMS as GLOWS
from nebulift.simulate.glows import Glow, glow_light, random_glow
from nebulift.simulate.light import sky_maps
from nebulift.simulate.obstacles import Obstacle, obstacle_transmission
from nebulift.simulate.optics import FILTERS, Telescope
from nebulift.simulate.readout_faults import FORMS as FAULTS
from nebulift.simulate.readout_faults import Fault, apply_fault, random_fault
from nebulift.simulate.scene import Scene
from nebulift.simulate.tracking import drift
from nebulift.simulate.truth import TruthLabel

CAMERA = Camera("c", 480, 320, 3.76, gain_e_per_adu=1.0, bias_adu=300.0, vignetting=0.0, dust_spots=0, hot_share=0.0)
TELESCOPE = Telescope("t", 200, 800)
AIR = Air(fwhm_px=3.0, sky_mag_arcsec2=20.0, gradient_share=0.0)
TARGET = Target("M 1", 5, density_per_mpx=400.0, limit_e_s=8.0, slope=0.6)
SCENE = Scene(TARGET, TELESCOPE, FILTERS["L"], 60.0, AIR)


def frame_of(*causes, scene=SCENE, camera=CAMERA, seed=0):
    pixels, truth = render(replace(scene, causes=causes), camera, np.random.default_rng(seed))
    return pixels.astype(np.float64), truth


def artefact_of(truth, kind):
    return next(artefact for artefact in truth.artefacts if artefact.kind is kind)


def test_sky_and_noise_are_those_the_truth_states():
    pixels, truth = frame_of()
    difference = pixels - frame_of(seed=1)[0]
    spread = 1.4826 * np.median(np.abs(difference)) / np.sqrt(2.0)
    assert np.median(pixels) == pytest.approx(truth.conditions.sky_adu, rel=0.01)
    assert spread == pytest.approx(truth.conditions.noise_adu, rel=0.03)
    assert truth.label is TruthLabel.CLEAN
    assert truth.artefacts == ()


def test_the_sky_follows_magnitudes_time_and_aperture():
    one = sky_electrons(AIR, TELESCOPE, CAMERA, FILTERS["L"], 10.0)
    assert sky_electrons(AIR, TELESCOPE, CAMERA, FILTERS["L"], 20.0) == pytest.approx(2.0 * one)
    darker = replace(AIR, sky_mag_arcsec2=22.5)
    assert sky_electrons(darker, TELESCOPE, CAMERA, FILTERS["L"], 10.0) == pytest.approx(0.1 * one)
    narrow = sky_electrons(AIR, TELESCOPE, CAMERA, FILTERS["Ha"], 10.0)
    assert narrow < 0.05 * one


def test_stars_lose_the_light_that_the_cloud_takes():
    veil = CloudLayer(1, depth=0.7, contrast=0.0, lit=1.0)
    clear, veiled = (np.mean([frame_of(*causes, seed=s)[0] for s in range(6)], axis=0) for causes in ((), (veil,)))
    level = np.median(clear)
    bright = (clear - level > 400.0) & (clear < 30_000.0)
    ratio = (veiled[bright] - np.median(veiled)).sum() / (clear[bright] - level).sum()
    truth = artefact_of(frame_of(veil)[1], Kind.CLOUD)
    assert truth.evidence["transmission"] == pytest.approx(np.exp(-0.7), rel=0.01)
    assert ratio == pytest.approx(truth.evidence["transmission"], rel=0.02)
    assert truth.severity > 0.7


@pytest.mark.parametrize(("lit", "brighter"), [(0.2, False), (1.0, None), (4.0, True)])
def test_clouds_brighten_over_towns_and_darken_in_the_desert(lit, brighter):
    clear = np.median(frame_of()[0])
    cloudy = np.median(frame_of(CloudLayer(2, depth=2.0, contrast=0.1, lit=lit))[0])
    if brighter is None:
        assert cloudy == pytest.approx(clear, rel=0.02)
    else:
        assert (cloudy > 1.1 * clear) if brighter else (cloudy < 0.9 * clear)


def test_clouds_drift_with_the_wind():
    layer = CloudLayer(3, depth=0.5, contrast=1.0, span_px=1500.0, wind_px_s=(10.0, -4.0))
    x, y = coarse_axes((800, 600), 16)
    now = cloud_transmission(layer, x, y, 0.0, 0.001)
    later = cloud_transmission(layer, x + 160.0, y - 64.0, 16.0, 0.001)
    assert np.allclose(now, later, atol=0.02)
    assert now.std() > 0.05


def test_maps_keep_their_place_when_brought_to_full_size():
    x, y = coarse_axes((320, 240), 16)
    plane = np.broadcast_to(x + 2.0 * y, (15, 20)).astype(np.float32)
    full = full_size(np.ascontiguousarray(plane), (320, 240), 16)
    assert full[100, 200] == pytest.approx(200 + 200, abs=0.1)
    assert full.shape == (240, 320)


def test_the_ordinary_sky_has_the_gradient_it_was_given_and_mean_one():
    x, y = coarse_axes((800, 600), 4)
    sky = ordinary_sky(Air(gradient_share=0.2, gradient_angle_deg=0.0), x, y, (800, 600))
    assert sky.mean() == pytest.approx(1.0, abs=0.002)
    assert np.ptp(sky) == pytest.approx(0.2, abs=0.005)
    assert sky[0, -1] > sky[0, 0]


@pytest.mark.parametrize("form", GLOWS)
def test_a_glow_has_the_range_it_was_given(form):
    glow = replace(random_glow(np.random.default_rng(1), 0.8, 20.0, form), share=0.7, uniform=0.1)
    x, y = coarse_axes((800, 600), 4)
    light = glow_light(glow, x, y, (800, 600))
    assert np.ptp(light) == pytest.approx(0.7, rel=1e-3)
    assert light.min() == pytest.approx(0.1, abs=1e-3)


MOONLIGHT = Glow("moon", share=0.3, uniform=5.0)


def test_moonlight_is_told_in_the_noise_it_adds():
    quiet, lit = (
        1.4826 * np.median(np.abs(frame_of(*causes)[0] - frame_of(*causes, seed=1)[0])) for causes in ((), (MOONLIGHT,))
    )
    artefact = artefact_of(frame_of(MOONLIGHT)[1], Kind.GRADIENT)
    assert artefact.evidence["noise_ratio"] == pytest.approx(lit / quiet, rel=0.03)
    assert artefact.severity > 0.7


def test_moonlight_that_adds_less_noise_than_a_bright_nebula_has_spoils_nothing():
    dark = replace(SCENE, band=FILTERS["Ha"])
    bright = replace(dark, target=replace(TARGET, diffuse="emission", diffuse_e_s=100.0))
    alone, drowned = (artefact_of(frame_of(MOONLIGHT, scene=scene)[1], Kind.GRADIENT) for scene in (dark, bright))
    assert drowned.evidence["sky_ratio"] == pytest.approx(alone.evidence["sky_ratio"])
    assert drowned.evidence["noise_ratio"] < 1.1 < alone.evidence["noise_ratio"]
    assert drowned.severity < 0.3 < alone.severity


@pytest.mark.parametrize("form", ["dome", "tree", "cover", "prism", "shutter"])
def test_an_obstacle_covers_one_side_and_leaves_the_other_free(form):
    x, y = coarse_axes((800, 600), 4)
    passing = obstacle_transmission(Obstacle(form, 0.3, 0.0, 0.05, seed=2), x, y, (800, 600))
    assert passing[75, :40].min() == pytest.approx(1.0)
    assert passing[75, -1] < 0.1
    assert 0.0 <= passing.min() <= passing.max() <= 1.0


def test_behind_an_obstacle_there_are_no_stars():
    pixels, truth = frame_of(Obstacle("dome", 0.4, 0.0, 0.05, 1.0, lit=0.0))
    covered = pixels[:, -120:]
    assert covered.max() < CAMERA.bias_adu + 60.0
    box = artefact_of(truth, Kind.OBSTRUCTION).geometry
    assert box.left_px == pytest.approx(480 * 0.6, abs=16)
    assert box.right_px == pytest.approx(480, abs=4)


def test_motion_blur_and_dew_are_told_in_pixels():
    _, truth = frame_of(Motion(drift(9.0, 30.0)))
    trailed = artefact_of(truth, Kind.TRAILED)
    assert trailed.evidence["length_px"] == pytest.approx(9.0, rel=0.01)
    assert trailed.evidence["angle_deg"] == pytest.approx(30.0, abs=1.0)
    _, truth = frame_of(Blur(15.0))
    assert artefact_of(truth, Kind.DEFOCUS).evidence["fwhm_ratio"] > 3.0
    assert truth.conditions.fwhm_px > 3.0 * truth.conditions.focused_fwhm_px
    _, truth = frame_of(Dew(0.3, 30.0, 0.2))
    assert artefact_of(truth, Kind.CLOUD).form == "dew"


@pytest.mark.parametrize("form", ["edge", "centre"])
def test_dew_near_the_sensor_takes_light_at_the_edge_or_in_the_centre(form):
    dry = sky_maps(SCENE, CAMERA).transmission
    left = sky_maps(replace(SCENE, causes=(Dew(0.3, 30.0, 0.4, form),)), CAMERA).transmission / dry
    middle, corner = left[left.shape[0] // 2, left.shape[1] // 2], left[0, 0]
    wet, free = (corner, middle) if form == "edge" else (middle, corner)
    assert wet == pytest.approx(0.6, abs=0.02)
    assert free == pytest.approx(1.0, abs=0.02)


def test_a_covered_telescope_sees_nothing():
    pixels, truth = frame_of(Covered())
    assert np.median(pixels) == pytest.approx(CAMERA.bias_adu, abs=1.0)
    assert truth.conditions.stars == 0
    assert truth.kinds == {Kind.EMPTY: 1.0}


def test_overexposure_burns_out_the_share_it_was_given():
    pixels, truth = frame_of(Overexposure("object", 0.05))
    assert np.mean(pixels >= CAMERA.saturation_e * 0.98) == pytest.approx(0.05, rel=0.1)
    assert artefact_of(truth, Kind.SATURATION).evidence["saturated_share"] == pytest.approx(0.05, rel=0.1)
    assert artefact_of(frame_of(Overexposure("sky", 1.5))[1], Kind.SATURATION).severity == 1.0


def test_the_field_moves_with_the_pointing_and_turns_over_at_the_flip():
    here = frame_of()[0]
    shifted = frame_of(scene=replace(SCENE, pointing=Pointing(dx_px=12.0, dy_px=-7.0)))[0]
    flipped = frame_of(scene=replace(SCENE, pointing=Pointing(flipped=True)))[0]
    peak = np.unravel_index(np.argmax(here[60:-60, 60:-60]), (200, 360))
    y, x = peak[0] + 60, peak[1] + 60
    assert shifted[y - 9 : y - 4, x + 10 : x + 15].max() > 0.6 * here[y, x]
    assert flipped[319 - y - 2 : 319 - y + 3, 479 - x - 2 : 479 - x + 3].max() > 0.6 * here[y, x]


def test_off_target_shows_another_field():
    here, elsewhere = frame_of()[0], frame_of(OffTarget(400.0, 100.0))[0]
    stars = here > np.median(here) + 300.0
    assert np.median(elsewhere[stars]) < np.median(here[stars]) - 200.0


@pytest.mark.parametrize("form", FAULTS)
def test_a_fault_damages_only_its_box(form):
    rng = np.random.default_rng(1)
    before = rng.normal(1000.0, 20.0, (300, 400)).astype(np.uint16)
    after = before.copy()
    numbers = apply_fault(after, Fault(form, 0.1, 3.0, 4, seed=2), 20.0, 65535)
    changed = np.argwhere(before != after)
    assert len(changed) > 0
    assert changed[:, 0].min() >= numbers["top"]
    assert changed[:, 0].max() < numbers["bottom"]
    assert changed[:, 1].min() >= numbers["left"]
    assert changed[:, 1].max() < numbers["right"]
    assert random_fault(rng, 0.5, form).form == form


@pytest.mark.parametrize("kind", KINDS)
def test_random_causes_reach_about_the_severity_that_was_wanted(kind):
    setting = Setting((480, 320), 3.0, 60.0, 1.5, sky_sigma=15.0)
    rng = np.random.default_rng(11)
    for wanted in (0.4, 0.7):
        reached = []
        for number in range(4):
            _, truth = frame_of(random_cause(kind, rng, wanted, setting), seed=number)
            reached.append(max(artefact.severity for artefact in truth.artefacts if artefact.kind is kind))
        if kind is Kind.EMPTY:
            assert min(reached) == 1.0
        else:
            assert np.median(reached) == pytest.approx(wanted, abs=0.15)


@pytest.mark.parametrize("kind", [kind for kind in DIFFUSE if kind != "none"])
def test_nebulae_galaxies_and_comets_shine_softly_and_move_with_the_field(kind):
    target = replace(TARGET, diffuse=kind, diffuse_e_s=1.0)
    still, moved = (diffuse_light(target, Pointing(dx), (480, 320), 0.0, 1.0) for dx in (0.0, 20.0))
    assert still.min() >= 0.0
    assert 0.1 < still.max() < 3.0  # about 1 at the bright parts of its whole field
    assert np.corrcoef(still[:, :-20].ravel(), moved[:, 20:].ravel())[0, 1] > 0.98


def test_a_comet_leaves_its_stars():
    target = replace(TARGET, diffuse="comet", diffuse_e_s=1.0, drift_px_s=(0.05, 0.0))
    now, later = (diffuse_light(target, Pointing(), (480, 320), seconds, 1.0) for seconds in (0.0, 400.0))
    assert np.corrcoef(now[:, :-20].ravel(), later[:, 20:].ravel())[0, 1] > 0.98
