"""TIFF, PNG, JPEG, XISF and camera raws: the same pixels as in the file, or one sentence."""

import sys

import numpy as np
import pytest
from framefiles import NINA, bzip2_bytes, dng_bytes, picture_bytes, pixels, tiff_bytes, xisf_bytes

from nebulift.errors import UnreadableFrame, UnsupportedFormat
from nebulift.exposure import FrameKind
from nebulift.readers import open_frame
from nebulift.readers.picture_header import picture_header


def opened(tmp_path, data, name):
    path = tmp_path / name
    path.write_bytes(data)
    return open_frame(path)


# pictures


@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_pictures_keep_their_numbers(tmp_path, ending, dtype):
    image = pixels(60, 50, dtype)
    with opened(tmp_path, picture_bytes(image, ending), "a" + ending) as frame:
        np.testing.assert_array_equal(frame.array(), image)
        assert (frame.pixels.dtype, frame.notes) == (dtype, ())


@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_colours_are_averaged_without_the_transparency(tmp_path, ending, dtype, channels):
    image = np.stack([pixels(60, 50, dtype, seed) for seed in range(channels)], axis=2)
    with opened(tmp_path, picture_bytes(image, ending), "a" + ending) as frame:
        expected = np.rint(image[..., :3].astype(np.float64).mean(axis=2))
        np.testing.assert_array_equal(frame.array(), expected)
        assert frame.pixels.dtype == dtype
        assert "3 colour channels" in frame.notes[0]


def test_float_tiffs_are_float32(tmp_path):
    image = pixels(60, 50, np.float32)
    with opened(tmp_path, tiff_bytes(image), "a.tiff") as frame:
        np.testing.assert_array_equal(frame.array(), image)
        assert frame.pixels.dtype == np.float32


def test_jpegs_are_read_about_right(tmp_path):
    image = np.tile(np.linspace(20, 200, 64, dtype=np.uint8), (64, 1))
    with opened(tmp_path, picture_bytes(image, ".jpg"), "a.jpeg") as frame:
        assert np.abs(frame.array().astype(int) - image).max() < 8
        assert frame.pixels.dtype == np.uint8


def test_a_picture_is_known_by_its_bytes_and_its_kind_by_its_name(tmp_path):
    with opened(tmp_path, picture_bytes(pixels(), ".png"), "Dark_2.0s_gain100_001.tif") as frame:
        assert (frame.exposure.kind, frame.exposure.kind_source) == (FrameKind.DARK, "name")
        assert frame.exposure.exposure_s == 2.0


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_our_own_header_parser_agrees_with_the_encoder(ending, dtype, channels):
    if ending == ".jpg" and dtype == np.uint16:
        return
    image = pixels(30, 41 * channels, dtype).reshape(30, 41, channels)
    data = picture_bytes(image, ending)
    header = picture_header(lambda offset, length: data[offset : offset + length], len(data))
    assert (header.width, header.height, header.decoded_bytes) == (41, 30, image.nbytes)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif"])
def test_every_cut_picture_is_refused(tmp_path, ending):
    good = picture_bytes(pixels(60, 50, np.uint8), ending)
    for length in [9, 30, 60, len(good) // 2, len(good) - 20]:
        with pytest.raises(UnreadableFrame):
            opened(tmp_path, good[:length], "a" + ending)


def test_big_endian_and_tiled_tiffs_are_judged_by_their_own_numbers(tmp_path):
    image = pixels()
    little = tiff_bytes(image)
    huge_tiles = tiff_bytes(image, [(322, 4, [2**31 - 16]), (323, 4, [2**31 - 16])])
    assert picture_header(lambda offset, length: little[offset : offset + length], len(little)).width == 40
    with pytest.raises(UnreadableFrame, match="tiles"):
        opened(tmp_path, huge_tiles, "a.tif")


# XISF


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.float32, np.float64])
@pytest.mark.parametrize("codec", [None, "zlib", "lz4", "zstd"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_xisf_images_keep_their_numbers(tmp_path, dtype, codec, shuffle):
    pytest.importorskip("lz4")
    pytest.importorskip("zstandard")
    image = pixels(33, 27, dtype)
    with opened(tmp_path, xisf_bytes(image, codec=codec, shuffle=shuffle), "a.xisf") as frame:
        np.testing.assert_array_equal(frame.array(), image.astype(frame.pixels.dtype))
        assert frame.pixels.dtype == (dtype if dtype in (np.uint8, np.uint16) else np.float32)


def test_xisf_written_by_another_program_is_read(tmp_path):
    foreign = pytest.importorskip("xisf")
    image = pixels(60, 50)
    path = tmp_path / "a.xisf"
    keywords = {"IMAGETYP": [{"value": "'FLAT'", "comment": ""}], "EXPTIME": [{"value": "2.5", "comment": "s"}]}
    foreign.XISF.write(
        str(path), image[..., np.newaxis], image_metadata={"FITSKeywords": keywords}, codec="lz4hc", shuffle=True
    )
    with open_frame(path) as frame:
        np.testing.assert_array_equal(frame.array(), image)
        assert (frame.exposure.kind, frame.exposure.exposure_s) == (FrameKind.FLAT, 2.5)


def test_xisf_in_subblocks_is_put_together(tmp_path):
    image = pixels(60, 50)
    with opened(tmp_path, xisf_bytes(image, codec="zlib", shuffle=True, subblocks=3), "a.xisf") as frame:
        np.testing.assert_array_equal(frame.array(), image)


def test_xisf_colour_planes_are_averaged(tmp_path):
    cube = np.stack([np.full((20, 30), level, np.uint16) for level in (10, 20, 60)])
    with opened(tmp_path, xisf_bytes(cube), "a.xisf") as frame:
        assert (frame.array() == 30).all()
        assert "3 colour planes" in frame.notes[0]


def test_xisf_keywords_are_those_of_fits(tmp_path):
    with opened(tmp_path, xisf_bytes(pixels(), NINA | {"OBJECT": "NGC 7000 / Wall"}), "a.xisf") as frame:
        found = frame.exposure
        assert (found.kind, found.kind_source, found.filter_name) == (FrameKind.LIGHT, "header", "Ha")
        assert (found.target, found.exposure_s, found.gain) == ("NGC 7000 / Wall", 300.0, 100.0)


def test_xisf_properties_stand_in_for_missing_keywords(tmp_path):
    inside = (
        '<Property id="Instrument:ExposureTime" type="Float32" value="12.5"/>'
        '<Property id="Observation:Object:Name" type="String">M 42</Property>'
        '<ColorFilterArray pattern="GRBG" width="2" height="2"/>'
    )
    data = xisf_bytes(pixels(), image_attributes='imageType="MasterDark"', inside=inside)
    with opened(tmp_path, data, "a.xisf") as frame:
        found = frame.exposure
        assert (found.exposure_s, found.target, found.bayer, found.kind) == (12.5, "M 42", "GRBG", FrameKind.MASTER)


def test_xisf_rows_are_top_down_whatever_its_keywords_say(tmp_path):
    data = xisf_bytes(pixels(), {"BAYERPAT": "RGGB", "ROWORDER": "BOTTOM-UP"})
    with opened(tmp_path, data, "a.xisf") as frame:
        assert frame.exposure.bayer == "RGGB"


def test_xisf_that_needs_a_missing_package_says_which_extra(tmp_path, monkeypatch):
    data = xisf_bytes(pixels(), codec="zstd")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(UnsupportedFormat, match=r"nebulift\[formats\]"):
        opened(tmp_path, data, "a.xisf")


def test_xisf_whose_attachment_is_damaged_is_refused(tmp_path):
    data = xisf_bytes(pixels(), codec="zlib")
    with pytest.raises(UnreadableFrame, match="unpack"):
        opened(tmp_path, data[:4100] + b"\xff" * (len(data) - 4100), "a.xisf")


# camera raws


@pytest.mark.formats
@pytest.mark.parametrize("pattern", ["RGGB", "GBRG"])
def test_camera_raws_keep_the_numbers_of_the_sensor(tmp_path, pattern):
    pytest.importorskip("rawpy")
    image = pixels(64, 96) // 4
    with opened(tmp_path, dng_bytes(image, pattern), "a.dng") as frame:
        np.testing.assert_array_equal(frame.array(), image)
        assert (frame.pixels.dtype, frame.exposure.bayer) == (np.uint16, pattern)
        assert "black level 64, white level 16383" in frame.notes


@pytest.mark.formats
def test_a_camera_raw_with_the_name_of_a_tiff_is_read_as_raw(tmp_path):
    pytest.importorskip("rawpy")
    with opened(tmp_path, dng_bytes(pixels(64, 96) // 4), "a.tif") as frame:
        assert frame.exposure.bayer == "RGGB"


def test_a_camera_raw_without_its_package_says_which_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(UnsupportedFormat, match=r"nebulift\[formats\]"):
        opened(tmp_path, dng_bytes(pixels(64, 96)), "a.dng")


# everything else


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"GIF89a" + bytes(100), "no format"),
        (b"PK\x03\x04" + bytes(100), "ZIP"),
        (b"LUCAM-RECORDER" + bytes(100), "SER"),
        (b"<html><body>not found</body></html>", "text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (bzip2_bytes(b"x" * 1000), "FITS"),
    ],
)
def test_foreign_formats_are_named(tmp_path, data, said):
    with pytest.raises(UnsupportedFormat, match=said):
        opened(tmp_path, data, "a.fits")
