"""Pictures for people: the sky dark grey, colours where the sensor has them, findings drawn where they are."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from framefiles import fits_bytes
from skies import noise

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.explain import explain
from nebulift.exposure import Exposure
from nebulift.findings import Box, Cells, Ellipse, Finding, Kind, Line
from nebulift.frame import frame_from_array
from nebulift.judgement import Judgement
from nebulift.pictures import annotated, as_png, stretched, with_stars
from nebulift.pipeline import judge
from nebulift.simulate import add_streak, star_field

FIELD = star_field(600, 400, density_per_mpx=300, seed=4)
SHAPE = (300, 450)  # height, width in raw pixels
PLACES = {
    "line": Line(20.0, 20.0, 400.0, 250.0, 4.0),
    "box": Box(30.0, 40.0, 200.0, 180.0),
    "cells": Cells(4, 4, ((0, 0), (1, 3))),
    "ellipse": Ellipse(6.0, 4.0, 30.0),
}


@pytest.fixture
def trailed(tmp_path):
    """The judgement of a frame with a trail."""
    path = tmp_path / "Light_001.fits"
    path.write_bytes(fits_bytes(add_streak(FIELD, (0.0, 30.0, 599.0, 350.0), peak_sigma=4.0)[0]))
    return judge(path)


# the stretch ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "sigma"), [(300.0, 3.0), (1000.0, 30.0), (40_000.0, 400.0)])
def test_the_sky_is_dark_grey_whatever_its_level(level, sigma):
    image = noise(400, 500, level=level, sigma=sigma)
    image[100:110, 100:110] = 65535
    picture = stretched(frame_from_array(image), 1000)
    assert picture.shape == (400, 500, 3)
    assert np.median(picture) == pytest.approx(0.22 * 255, abs=6)
    assert picture.max() == 255


@pytest.mark.parametrize("shape", [(400, 900), (900, 400), (37, 41)])
def test_pictures_are_no_larger_than_asked_and_keep_their_form(shape):
    height, width, _ = stretched(frame_from_array(noise(*shape)), 200).shape
    assert max(height, width) <= 200
    assert width / height == pytest.approx(shape[1] / shape[0], rel=0.05)


@pytest.mark.parametrize("bayer", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_red_light_on_a_mosaic_is_red_in_the_picture(bayer):
    image = noise(200, 200)
    site = bayer.index("R")
    image[site // 2 : 100 : 2, site % 2 : 100 : 2] += 5000
    patch = stretched(frame_from_array(image, Exposure(bayer=bayer)), 400)[10:40, 10:40]
    blue, green, red = patch.reshape(-1, 3).mean(axis=0)
    assert red > 1.5 * max(blue, green)


@pytest.mark.parametrize("value", [0, 700, 65535])
def test_a_frame_of_one_value_and_one_with_nan_have_pictures_too(value):
    image = np.full((60, 80), value, np.float32)
    image[:10] = np.nan
    assert stretched(frame_from_array(image), 100).shape == (60, 80, 3)


# findings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize(("severity", "colour"), [(0.9, (60, 60, 255)), (0.4, (0, 170, 255))])
def test_findings_are_drawn_in_their_places_red_when_plain_and_orange_when_slight(place, severity, colour):
    picture = np.zeros((*SHAPE, 3), np.uint8)
    drawn = annotated(picture, [Finding(Kind.STREAK, severity, "seen", geometry=place)], SHAPE, "frame")
    assert not picture.any()
    apart = np.abs(drawn[: SHAPE[0]].astype(int) - colour).max(axis=2)
    assert apart.min() < 50  # thin lines are drawn softly


def test_a_trail_is_framed_not_covered():
    line = Line(0.0, 150.0, 449.0, 150.0, 4.0)
    drawn = annotated(np.zeros((*SHAPE, 3), np.uint8), [Finding(Kind.STREAK, 0.9, "t", geometry=line)], SHAPE, "frame")
    rows = np.flatnonzero(drawn[: SHAPE[0]].any(axis=(1, 2)))
    assert 150 not in rows
    assert rows.min() < 150 < rows.max()


def test_the_text_stands_below_the_picture_and_long_text_takes_more_of_it():
    picture = np.zeros((*SHAPE, 3), np.uint8)
    short, long = (annotated(picture, [], SHAPE, title) for title in ("clean", "a long reason " * 20))
    assert SHAPE[0] < short.shape[0] < long.shape[0]
    assert short[SHAPE[0] :].max() > 100


# files ----------------------------------------------------------------------------------------------------------------


def test_a_judged_frame_gets_a_png_beside_nobody(trailed, tmp_path):
    path = explain(trailed, tmp_path / "why")
    assert path == tmp_path / "why" / "Light_001.png"
    assert cv2.imread(str(path)).shape[1] == 600
    assert sorted(tmp_path.iterdir()) == [tmp_path / "Light_001.fits", tmp_path / "why"]


def test_no_picture_ever_replaces_another(trailed, tmp_path):
    first = explain(trailed, tmp_path)
    content = first.read_bytes()
    assert explain(trailed, tmp_path) == tmp_path / "Light_001~2.png"
    assert first.read_bytes() == content


def test_files_that_were_not_judged_have_no_picture(trailed, tmp_path):
    assert explain(Judgement(trailed.path, None, skipped="a flat"), tmp_path / "why") is None
    assert explain(replace(trailed, error="broken"), tmp_path / "why") is None
    assert not (tmp_path / "why").exists()


def test_a_png_holds_the_picture_unchanged():
    picture = stretched(frame_from_array(FIELD.pixels), 300)
    assert np.array_equal(cv2.imdecode(np.frombuffer(as_png(picture), np.uint8), cv2.IMREAD_COLOR), picture)


# stars ----------------------------------------------------------------------------------------------------------------


def test_measured_stars_are_ringed_in_their_own_form_and_nothing_else_is_touched():
    frame = frame_from_array(FIELD.pixels)
    stars = ArtifactDetector().analyse(frame).views.stars
    plain = stretched(frame, 600)
    ringed = with_stars(plain, stars.shapes, frame.shape)
    assert len(stars.shapes.x_px) > 10
    changed = np.argwhere((ringed != plain).any(axis=2))
    places = np.column_stack([stars.shapes.y_px, stars.shapes.x_px]) * plain.shape[0] / frame.shape[0]
    nearest = np.min(np.hypot(*(changed[:, None, :] - places[None, :, :]).transpose(2, 0, 1)), axis=1)
    assert nearest.max() < 20
    assert all(np.min(np.hypot(*(changed - place).T)) < 20 for place in places)


def test_a_frame_without_stars_is_drawn_without_rings(tmp_path):
    path = tmp_path / "empty.fits"
    path.write_bytes(fits_bytes(noise(300, 400)))
    assert explain(judge(path), tmp_path / "why").is_file()
