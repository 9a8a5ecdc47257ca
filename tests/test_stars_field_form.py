"""What stars tell of the field: tilt, curved focus and coma apart from the mount, and nothing where they cannot."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skies import painted, see, star_shape

from nebulift.assessment import findings_of
from nebulift.findings import Kind
from nebulift.measurements import Coverage, Measurements, Saturation, Sensor, Sky, Stars
from nebulift.simulate.tracking import drift
from nebulift.stars.field_form import UNKNOWN, field_form
from nebulift.stars.star_shapes import StarShapes

FRAME = 3000, 4000  # rows, columns
GOOD = Measurements(
    4000,
    3000,
    Sky(1000.0, 30.0, 2.0, 45.0, 0.1, 3.0, is_all_sky=False),
    Stars(300, 25.0, 200, 3.0, None, 1.8, 1.0, 30.0, 0.3, 0.0, 12),
    (),
    Saturation(None, 0.0, 0.0),
    Sensor(0, 0, 0.0, 0.01, 0.01),
    None,
)


def stars_at(count, *, seed=0, fwhm=None, ellipticity=None, noise=0.03):
    """Stars all over the frame; ``fwhm`` and ``ellipticity`` are functions of places from -1 to 1."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-1.0, 1.0, (2, count))
    width = (3.0 if fwhm is None else fwhm(x, y)) * (1.0 + noise * rng.normal(size=count))
    vector = 0.0 if ellipticity is None else ellipticity(x * FRAME[1], y * FRAME[0])
    vector = vector + noise * (rng.normal(size=count) + 1j * rng.normal(size=count))
    size = np.clip(np.abs(vector), 0.0, 0.9)
    return StarShapes(
        (x + 1.0) * FRAME[1] / 2.0,
        (y + 1.0) * FRAME[0] / 2.0,
        width,
        0.6 * width,
        np.sqrt((1.0 + size) / (1.0 - size)),
        np.degrees(np.angle(vector)) / 2.0 % 180.0,
        np.zeros(count, dtype=bool),
        np.ones(count),
        np.full(count, noise**2),
    )


@pytest.mark.parametrize("count", [30, 250])
def test_a_level_field_has_no_tilt_no_bowl_and_no_fan(count):
    forms = [field_form(stars_at(count, seed=seed), FRAME) for seed in range(20)]
    assert np.median([form.fwhm_tilt for form in forms]) < 0.03
    assert np.median([form.fwhm_curvature for form in forms]) == pytest.approx(1.0, abs=0.02)
    assert abs(np.median([form.radial_coherence for form in forms])) < 0.15


@pytest.mark.parametrize("count", [30, 250])
@pytest.mark.parametrize("angle", [0.0, 60.0, 180.0, 290.0])
def test_a_tilted_field_tells_how_much_and_whereto(count, angle):
    along, down = np.cos(np.radians(angle)) / FRAME[0], np.sin(np.radians(angle)) / FRAME[1]
    reach = abs(along) + abs(down)
    form = field_form(stars_at(count, fwhm=lambda x, y: 3.0 + 0.6 * (x * along + y * down) / reach), FRAME)
    assert form.fwhm_tilt == pytest.approx(0.4, abs=0.06)
    assert abs((form.fwhm_tilt_angle_deg - angle + 180.0) % 360.0 - 180.0) < 15.0


@pytest.mark.parametrize("growth", [0.75, 1.4])
def test_corners_wider_or_sharper_than_the_centre_are_no_tilt(growth):
    form = field_form(stars_at(200, fwhm=lambda x, y: 3.0 * growth ** ((x**2 + y**2) / 2.0)), FRAME)
    assert form.fwhm_curvature == pytest.approx(growth, rel=0.04)
    assert form.fwhm_tilt < 0.05


@pytest.mark.parametrize(("sign", "expected"), [(1.0, 0.6), (-1.0, -0.6)])
def test_stars_that_fan_out_and_stars_that_circle_the_centre_are_told_apart(sign, expected):
    def fan(x, y):
        return sign * 0.4 * (x + 1j * y) ** 2 / (FRAME[0] ** 2 + FRAME[1] ** 2)

    form = field_form(stars_at(100, ellipticity=fan), FRAME)
    assert form.radial_coherence / expected > 1.0


def test_stars_drawn_out_the_same_way_do_not_fan_out_even_on_one_side_of_the_field():
    everywhere = stars_at(300, ellipticity=lambda x, y: 0.4 + 0j * (x + y), noise=0.01)
    right = everywhere.x_px > 0.4 * FRAME[1]
    some = StarShapes(*(getattr(everywhere, name)[right] for name in StarShapes.__slots__))
    assert abs(field_form(everywhere, FRAME).radial_coherence) < 0.05
    assert abs(field_form(some, FRAME).radial_coherence) < 0.05


def test_a_third_of_galaxies_and_blends_does_not_bend_the_field():
    stars = stars_at(200, fwhm=lambda x, y: 3.0 + 0.3 * x + 0.0 * y)
    wide = np.arange(200) % 3 == 0
    mixed = replace(stars, fwhm_px=np.where(wide, stars.fwhm_px * (1.2 + 0.5 * (stars.y_px > 1500)), stars.fwhm_px))
    assert field_form(mixed, FRAME).fwhm_tilt == pytest.approx(0.2, abs=0.12)


@given(count=st.integers(0, 19))
def test_few_stars_tell_nothing_of_the_field(count):
    assert field_form(stars_at(count), FRAME) == UNKNOWN


def test_stars_in_one_corner_tell_nothing_of_the_field():
    assert field_form(stars_at(200), (9 * FRAME[0], 9 * FRAME[1])) == UNKNOWN


def test_tilt_coma_and_trailing_are_told_apart_in_painted_frames():
    tilted = see(
        painted(1300, star_shape(3.0, tilt=0.5, tilt_angle_deg=0.0), seed=5, density=80, snr=40.0).pixels
    ).stars
    coma = see(painted(1300, star_shape(3.0, coma=1.0), seed=5, density=80, snr=40.0).pixels).stars
    trailed = see(painted(1300, star_shape(3.0, track=drift(5.0, 30.0)), seed=5, density=80, snr=40.0).pixels).stars
    assert tilted.fwhm_tilt > 0.3
    assert min(tilted.fwhm_tilt_angle_deg, 360.0 - tilted.fwhm_tilt_angle_deg) < 20.0
    assert max(coma.fwhm_tilt, trailed.fwhm_tilt) < 0.1
    assert coma.radial_coherence > 0.5
    assert abs(trailed.radial_coherence) < 0.2
    assert trailed.angle_coherence > 0.9
    assert max(coma.angle_coherence, tilted.angle_coherence) < 0.5


def test_the_faintest_star_is_five_times_the_noise_within_its_matched_area():
    sky = painted(1300, star_shape(3.0), seed=5, density=100, snr=40.0)
    seen = see(sky.pixels).stars
    matched = (
        5.0 * np.sqrt(1000.0 + 4.0) * np.sqrt(4.0 * np.pi) * seen.fwhm_px / 2.355
    )  # gain 1, sky 1000, read noise 2
    assert seen.limiting_flux_adu == pytest.approx(matched, rel=0.05)


def test_an_empty_sky_has_no_form_and_no_faintest_star():
    seen = see(np.random.default_rng(1).normal(1000.0, 30.0, (900, 900)).astype(np.uint16)).stars
    assert seen.fwhm_tilt is seen.fwhm_tilt_angle_deg is seen.fwhm_curvature is None
    assert seen.radial_coherence is seen.limiting_flux_adu is None


# findings -------------------------------------------------------------------------------------------------------------

FORMS = {
    "tilt": {"fwhm_tilt": 0.6, "fwhm_tilt_angle_deg": 40.0},
    "corners": {"fwhm_curvature": 1.5},
    "coma": {"radial_coherence": 0.8, "elongation": 1.5},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_rig_with_tilt_curvature_or_coma_is_no_finding(form):
    assert findings_of(replace(GOOD, stars=replace(GOOD.stars, **form))) == ()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_what_the_optics_do_is_named_and_never_makes_a_finding_worse(form):
    plain = replace(GOOD, stars=replace(GOOD.stars, fwhm_px=16.0, hfr_px=9.0))
    with_form = replace(plain, stars=replace(plain.stars, **form))
    (before,), (after,) = findings_of(plain), findings_of(with_form)
    assert after.severity == before.severity
    assert after.text.startswith(before.text)
    assert len(after.text) > len(before.text) + 10


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"hfr_px": 9.0}, "seeing"),
        ({"hfr_px": 6.0}, "flat on top"),
        ({"hfr_px": 6.0, "donut_fraction": 0.9}, "donuts"),
        ({"elongation": 2.4, "angle_coherence": 0.95}, "all over the field"),
    ],
)
def test_findings_name_the_cause_that_the_images_show(changed, words):
    found = findings_of(replace(GOOD, stars=replace(GOOD.stars, fwhm_px=16.0, **changed)))
    assert any(words in finding.text for finding in found)


def test_a_covered_field_still_has_its_own_finding():
    covered = replace(GOOD, coverage=Coverage(0.4, -20.0, ((0, 0), (0, 1)), 4, 4))
    assert [finding.kind for finding in findings_of(covered)] == [Kind.OBSTRUCTION]
