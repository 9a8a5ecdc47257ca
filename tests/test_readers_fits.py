"""FITS images: every number type, scaling and disguise gives the pixels that astropy gives."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from framefiles import (
    BLOCK,
    empty_primary,
    fits_bytes,
    header,
    image_cards,
    padded,
    pixels,
    table_extension,
    tiled_bytes,
    write_fits,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from nebulift.errors import UnreadableFrame
from nebulift.readers import open_frame

STORED = [np.uint8, np.int16, np.int32, np.int64, np.float32, np.float64]


def opened(tmp_path, data, name="frame.fits"):
    path = tmp_path / name
    path.write_bytes(data)
    return open_frame(path)


def refused(tmp_path, data):
    with pytest.raises(UnreadableFrame) as error:
        opened(tmp_path, data)
    return error.value.cause


def by_astropy(path, hdu=0):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path, memmap=False, uint=False) as hdus:
            return hdus[hdu].data.astype(np.float64)


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("zero", [None, 0, 32768, 2147483648, -128, 0.5, "32768.0 "])
@pytest.mark.parametrize("scale", [None, 1, 2.5, "0.125"])
@pytest.mark.parametrize("blank", [None, 7])
def test_every_type_and_scaling_gives_the_physical_values(tmp_path, dtype, zero, scale, blank):
    stored = pixels(17, 19, dtype)
    if blank is not None and stored.dtype.kind in "iu":
        stored[3, 4] = blank
    elif blank is not None:
        stored[3, 4] = np.nan
    cards = {"BZERO": zero, "BSCALE": scale, "BLANK": blank if stored.dtype.kind in "iu" else None}
    data = fits_bytes(stored, {key: value for key, value in cards.items() if value is not None})
    expected = stored.astype(np.float64) * float(scale or 1) + float(zero or 0)
    if blank is not None and stored.dtype.kind in "iu":
        expected[stored == blank] = np.nan
    with opened(tmp_path, data) as frame:
        np.testing.assert_array_equal(frame.array(), expected.astype(frame.pixels.dtype))
        np.testing.assert_allclose(frame.array(), expected, rtol=1e-7)


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("cards", [{}, {"BZERO": 32768}, {"BZERO": 100, "BSCALE": 3}, {"BLANK": 7}])
def test_the_pixels_are_those_of_astropy(tmp_path, dtype, cards):
    stored = pixels(20, 30, dtype)
    if "BLANK" in cards and stored.dtype.kind == "f":
        return
    path = write_fits(tmp_path / "frame.fits", stored, cards)
    with open_frame(path) as frame:
        np.testing.assert_allclose(frame.array(), by_astropy(path), rtol=1e-6)


@pytest.mark.parametrize(
    ("stored", "cards", "dtype"),
    [
        (np.uint8, {}, np.uint8),
        (np.uint8, {"BZERO": 0.0, "BSCALE": 1.0}, np.uint8),
        (np.uint16, {}, np.uint16),
        (np.int16, {"BZERO": "32768"}, np.uint16),
        (np.int16, {}, np.float32),
        (np.uint16, {"BLANK": 5}, np.float32),
        (np.int32, {}, np.float32),
        (np.float64, {}, np.float32),
    ],
)
def test_small_integers_stay_integers(tmp_path, stored, cards, dtype):
    with opened(tmp_path, fits_bytes(pixels(dtype=stored), cards)) as frame:
        assert frame.pixels.dtype == dtype
        assert frame.array().dtype == dtype
        assert frame.array().dtype.isnative


def test_negative_values_of_signed_frames_stay_negative(tmp_path):
    with opened(tmp_path, fits_bytes(np.full((16, 16), -5, np.int16))) as frame:
        assert (frame.array() == -5.0).all()


@settings(max_examples=40, deadline=None)
@given(height=st.integers(16, 70), width=st.integers(16, 40), rows=st.integers(1, 80))
def test_strips_of_any_height_make_the_whole(tmp_path_factory, height, width, rows):
    image = pixels(height, width)
    with open_frame(write_fits(tmp_path_factory.mktemp("s") / "frame.fits", image)) as frame:
        strips = list(frame.strips(rows))
        assert [top for top, _ in strips] == list(range(0, height, rows))
        np.testing.assert_array_equal(np.concatenate([strip for _, strip in strips]), image)


def test_rows_can_be_asked_for_anywhere_and_written_to(tmp_path):
    image = pixels(50, 40)
    with open_frame(write_fits(tmp_path / "frame.fits", image)) as frame:
        rows = frame.pixels.rows(13, 20)
        rows[:] = 0
        np.testing.assert_array_equal(frame.pixels.rows(13, 20), image[13:20])
        np.testing.assert_array_equal(frame.pixels.rows(45, 99), image[45:])
        assert frame.pixels.rows(60, 70).shape == (0, 40)


def test_overflowing_doubles_become_infinite_and_nan_stays(tmp_path):
    image = np.array([[1e300, np.nan, -np.inf, 1.5] * 4] * 16)
    with opened(tmp_path, fits_bytes(image)) as frame:
        np.testing.assert_array_equal(frame.array()[0, :4], np.array([np.inf, np.nan, -np.inf, 1.5], np.float32))


# which image


def test_the_image_behind_an_empty_primary_is_read_with_the_keywords_of_both(tmp_path):
    image = pixels()
    data = empty_primary({"OBJECT": "M31"}) + fits_bytes(image, {"EXPTIME": 60.0}, extension=True)
    with opened(tmp_path, data) as frame:
        np.testing.assert_array_equal(frame.array(), image)
        assert (frame.exposure.target, frame.exposure.exposure_s) == ("M31", 60.0)
        assert "extension 1" in frame.notes[0]


def test_the_largest_of_several_images_is_read_and_said(tmp_path):
    large = pixels(60, 50, seed=2)
    parts = [empty_primary(), fits_bytes(pixels(20, 20), extension=True), table_extension()]
    data = b"".join(parts) + fits_bytes(large, extension=True) + fits_bytes(pixels(30, 30), extension=True)
    with opened(tmp_path, data) as frame:
        np.testing.assert_array_equal(frame.array(), large)
        assert "3 images" in frame.notes[0]


def test_the_first_of_equal_images_is_read(tmp_path):
    first = pixels(seed=1)
    with opened(tmp_path, fits_bytes(first) + fits_bytes(pixels(seed=2), extension=True)) as frame:
        np.testing.assert_array_equal(frame.array(), first)


@pytest.mark.parametrize("damage", [b"XTENSION= 'IMAGE   '", header({"XTENSION": "IMAGE", "BITPIX": 3}), b"XTENS"])
def test_a_damaged_extension_behind_a_good_image_does_not_cost_the_frame(tmp_path, damage):
    with opened(tmp_path, fits_bytes(pixels()) + damage) as frame:
        np.testing.assert_array_equal(frame.array(), pixels())


def test_a_third_axis_of_one_is_no_axis(tmp_path):
    image = pixels(20, 30)
    with opened(tmp_path, fits_bytes(image[np.newaxis])) as frame:
        assert (frame.shape, frame.notes) == ((20, 30), ())
        np.testing.assert_array_equal(frame.array(), image)


@pytest.mark.parametrize("planes", [3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_colour_planes_are_averaged_and_said(tmp_path, planes, dtype):
    cube = np.stack([pixels(20, 30, dtype, seed) for seed in range(planes)])
    with opened(tmp_path, fits_bytes(cube, {"BAYERPAT": "RGGB"})) as frame:
        mean = cube.astype(np.float64).mean(axis=0)
        expected = mean if np.dtype(dtype).kind == "f" else np.rint(mean)
        np.testing.assert_array_equal(frame.array(), expected.astype(dtype))
        assert frame.exposure.bayer is None
        assert f"{planes} colour planes" in frame.notes[0]


@pytest.mark.parametrize("image", [np.zeros((2, 20, 20), np.int16), np.zeros((100, 20, 20), np.int16)])
def test_a_stack_of_images_is_refused(tmp_path, image):
    assert "a stack of" in refused(tmp_path, fits_bytes(image))


def test_a_file_with_tables_only_is_refused(tmp_path):
    assert "no image" in refused(tmp_path, empty_primary() + table_extension())


@pytest.mark.parametrize(("height", "width"), [(15, 100), (100, 15), (30_001, 16)])
def test_sides_out_of_limits_are_refused(tmp_path, height, width):
    assert f"{width} x {height}" in refused(tmp_path, fits_bytes(np.zeros((height, width), np.uint8)))


# damage


def test_every_missing_byte_of_the_image_is_noticed(tmp_path):
    good = fits_bytes(pixels(20, 30))
    end = BLOCK + 20 * 30 * 2
    assert "1199 of 1200 bytes" in refused(tmp_path, good[: end - 1])
    assert "0 of 1200 bytes" in refused(tmp_path, good[:BLOCK])
    with opened(tmp_path, good[:end]) as frame:  # only padding is missing
        assert frame.shape == (20, 30)


def test_a_file_that_becomes_shorter_while_it_is_read_is_refused_not_a_crash(tmp_path):
    path = write_fits(tmp_path / "frame.fits", pixels(200, 200))
    with open_frame(path) as frame:
        frame.pixels.rows(0, 10)
        path.write_bytes(path.read_bytes()[: BLOCK + 10_000])
        with pytest.raises(UnreadableFrame, match="shorter"):
            frame.array()


def test_a_file_that_is_deleted_while_it_is_read_stays_readable(tmp_path):
    image = pixels(100, 100)
    path = write_fits(tmp_path / "frame.fits", image)
    with open_frame(path) as frame:
        path.unlink()
        np.testing.assert_array_equal(frame.array(), image)


@pytest.mark.parametrize("before_after", [(b"\r\n", b"\n"), (b"\n", b"\r\n")])
def test_converted_line_ends_are_named(tmp_path, before_after):
    image = pixels(600, 500)  # 9 pairs of CR and LF are expected by chance
    image[5, :20] = 0x8D0A  # CR LF as stored
    assert "line ends" in refused(tmp_path, fits_bytes(image).replace(*before_after))


def test_zeros_cut_from_the_padding_are_no_converted_line_ends(tmp_path):
    image = pixels(100, 100)
    with opened(tmp_path, fits_bytes(image)[:-50]) as frame:
        np.testing.assert_array_equal(frame.array(), image)


def test_bytes_behind_the_image_do_not_matter(tmp_path):
    image = pixels(100, 100)
    with opened(tmp_path, fits_bytes(image) + b"\n" * 777) as frame:
        np.testing.assert_array_equal(frame.array(), image)


def test_junk_cards_do_not_cost_the_frame(tmp_path):
    cards, data = image_cards(pixels())
    text = header(cards)
    junk = b"SKEW    = = 1 'a\x00\xff".ljust(80) + b"\xfe" * 80
    block = (text[: 80 * len(cards)] + junk + b"END".ljust(80)).ljust(BLOCK)
    with opened(tmp_path, block + padded(data)) as frame:
        np.testing.assert_array_equal(frame.array(), pixels())


# tile compression


@pytest.mark.parametrize("compression", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "NOCOMPRESS"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32])
def test_tile_compressed_integers_come_back_exactly(tmp_path, compression, dtype):
    image = pixels(50, 60, np.uint8).astype(dtype)  # PLIO and HCOMPRESS hold small numbers only
    with opened(tmp_path, tiled_bytes(image, compression), "frame.fits.fz") as frame:
        np.testing.assert_array_equal(frame.array(), image)
        assert frame.pixels.dtype == (np.float32 if np.dtype(dtype).kind == "i" else dtype)
        assert frame.notes == ()


def test_plio_masks_come_back_exactly(tmp_path):
    image = (pixels(50, 60, np.uint8) // 64).astype(np.int16)
    with opened(tmp_path, tiled_bytes(image, "PLIO_1")) as frame:
        np.testing.assert_array_equal(frame.array(), image)


@pytest.mark.parametrize("options", [{"quantize_level": 16}, {"quantize_level": 0, "compression": "GZIP_2"}])
def test_tile_compressed_floats_are_those_of_astropy(tmp_path, options):
    image = pixels(50, 60, np.float32)
    image[4, 5] = np.nan
    path = tmp_path / "frame.fits"
    path.write_bytes(tiled_bytes(image, **options))
    with open_frame(path) as frame:
        np.testing.assert_allclose(frame.array(), by_astropy(path, 1), rtol=1e-6)
        np.testing.assert_allclose(frame.array(), image, atol=3.0)
        assert np.isnan(frame.array()[4, 5])


@pytest.mark.parametrize("tile_shape", [(16, 16), (50, 60), (7, 60)])
def test_tiles_of_any_shape_are_put_together(tmp_path, tile_shape):
    image = pixels(50, 60)
    with opened(tmp_path, tiled_bytes(image, "RICE_1", tile_shape=tile_shape)) as frame:
        np.testing.assert_array_equal(frame.array(), image)


def test_tile_compressed_colour_planes_are_averaged(tmp_path):
    cube = np.stack([np.full((20, 30), level, np.int16) for level in (100, 200, 600)])
    with opened(tmp_path, tiled_bytes(cube)) as frame:
        assert (frame.array() == 300.0).all()


def test_keywords_of_a_compressed_image_are_read(tmp_path):
    with opened(tmp_path, tiled_bytes(pixels(), cards={"EXPTIME": 30.0, "IMAGETYP": "Dark Frame"})) as frame:
        assert (frame.exposure.exposure_s, str(frame.exposure.kind)) == (30.0, "dark")


def test_a_changed_byte_is_found_by_the_checksum(tmp_path):
    with fits.open(write_fits(tmp_path / "plain.fits", pixels(64, 64))) as hdus:
        tiled = fits.CompImageHDU(hdus[0].data)
        fits.HDUList([fits.PrimaryHDU(), tiled]).writeto(tmp_path / "good.fits.fz", checksum=True)
    good = (tmp_path / "good.fits.fz").read_bytes()
    with opened(tmp_path, good) as frame:
        assert frame.shape == (64, 64)
    assert "checksum" in refused(tmp_path, good[:-4000] + bytes([good[-4000] ^ 1]) + good[-3999:])
