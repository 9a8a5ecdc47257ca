"""Light, dark, bias or flat from pixels alone: sure where it is plain, silent where it is not."""

import numpy as np
import pytest

from nebulift.exposure import FrameKind
from nebulift.frame import ArrayPixels, frame_from_array
from nebulift.readers.kind_from_pixels import kind_from_pixels

HEIGHT, WIDTH = 1000, 1500
Y, X = np.mgrid[:HEIGHT, :WIDTH]
RADIUS = ((X - WIDTH / 2) ** 2 + (Y - HEIGHT / 2) ** 2) / (WIDTH**2 / 4 + HEIGHT**2 / 4)
VIGNETTING = 1.0 - 0.1 * RADIUS


def exposed(electrons, rng, adu_per_electron=1.0, read_noise=1.5, pedestal=500.0):
    """What a camera makes of a map of electrons, uint16."""
    noisy = rng.poisson(np.broadcast_to(electrons, (HEIGHT, WIDTH))) + rng.normal(0, read_noise, (HEIGHT, WIDTH))
    return np.clip(np.rint(noisy * adu_per_electron + pedestal), 0, 65535).astype(np.uint16)


def with_hot_pixels(image, rng, count=500):
    image = image.copy()
    image[rng.integers(0, HEIGHT, count), rng.integers(0, WIDTH, count)] = rng.integers(700, 65535, count)
    return image


def stars(count, rng, fwhm_px=3.5, flux=2000.0):
    sky = np.zeros((HEIGHT, WIDTH))
    for x, y in zip(rng.uniform(20, WIDTH - 20, count), rng.uniform(20, HEIGHT - 20, count), strict=True):
        box = np.s_[int(y) - 10 : int(y) + 11, int(x) - 10 : int(x) + 11]
        distance = (X[box] - x) ** 2 + (Y[box] - y) ** 2
        sky[box] += flux * 0.88 / fwhm_px**2 * np.exp(-2.77 * distance / fwhm_px**2)
    return sky


def kind(image, exposure_s=None):
    return kind_from_pixels(frame_from_array(image).pixels, exposure_s)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_stars_make_a_light(rng):
    assert kind(exposed(50.0 + stars(60, rng), rng), 60.0) == FrameKind.LIGHT


def test_stars_make_a_light_behind_a_bayer_pattern(rng):
    colours = np.tile([[1.0, 2.0], [2.0, 0.7]], (HEIGHT // 2, WIDTH // 2))
    assert kind(exposed((200.0 + stars(60, rng)) * colours, rng), 60.0) == FrameKind.LIGHT


def test_a_bias_and_a_dark_are_seen(rng):
    assert kind(exposed(0.0, rng), 0.0) == FrameKind.BIAS
    assert kind(with_hot_pixels(exposed(2.0, rng), rng), 300.0) == FrameKind.DARK
    assert kind(with_hot_pixels(exposed(2.0, rng), rng)) == FrameKind.DARK


def test_a_short_bright_smooth_frame_is_a_flat(rng):
    assert kind(exposed(25_000 * VIGNETTING, rng), 2.0) == FrameKind.FLAT


@pytest.mark.parametrize("electrons", [20, 50, 200, 1000, 20_000])
def test_an_overcast_sky_is_never_a_calibration_frame(rng, electrons):
    for seconds in (30.0, 300.0, None):
        assert kind(with_hot_pixels(exposed(electrons * VIGNETTING, rng), rng), seconds) is None


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_handful_of_stars_is_never_a_calibration_frame(rng, count):
    assert kind(exposed(1.0 + stars(count, rng), rng), 1.0) in (None, FrameKind.LIGHT)


def test_a_single_defocused_star_is_never_a_calibration_frame(rng):
    ring = 40.0 * (np.abs(np.hypot(X - 700, Y - 333) - 12) < 3)
    assert kind(exposed(1.0 + ring, rng), 1.0) in (None, FrameKind.LIGHT)


def test_clouds_lit_by_a_city_are_no_flat(rng):
    clouds = 20_000 + 4000 * np.sin(X / 90.0) * np.cos(Y / 70.0)
    assert kind(exposed(clouds, rng), 4.0) in (None, FrameKind.LIGHT)


def test_a_frame_without_noise_cannot_be_judged():
    assert kind(np.full((200, 200), 100, np.uint16)) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_without_a_number_do_not_disturb(rng, value):
    image = exposed(50.0 + stars(60, rng), rng).astype(np.float32)
    image[:, 5] = value
    image[100:140] = value
    assert kind(image, 60.0) == FrameKind.LIGHT
    assert kind(np.full((100, 100), value, np.float32)) is None


@pytest.mark.parametrize("shape", [(16, 16), (17, 19), (33, 1000), (1000, 33), (31, 129)])
def test_small_and_odd_frames_can_be_asked(rng, shape):
    image = rng.normal(1000, 10, shape).astype(np.uint16)
    assert kind_from_pixels(ArrayPixels(image), 10.0) in (None, FrameKind.DARK)
