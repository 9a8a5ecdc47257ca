"""FITS inside gzip and bzip2: the same pixels, and never more memory than the header inside announces."""

import tracemalloc

import numpy as np
import pytest
from framefiles import (
    BLOCK,
    bzip2_bytes,
    empty_primary,
    fits_bytes,
    gzip_bytes,
    hostile_files,
    pixels,
    tiled_bytes,
)

from nebulift.errors import UnreadableFrame, UnsupportedFormat
from nebulift.readers import open_frame

PACKERS = [gzip_bytes, bzip2_bytes]


def opened(tmp_path, data, name="frame.fits.gz"):
    path = tmp_path / name
    path.write_bytes(data)
    return open_frame(path)


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_packed_frames_have_the_same_pixels(tmp_path, pack, dtype):
    image = pixels(300, 200, dtype)
    with opened(tmp_path, pack(fits_bytes(image, {"EXPTIME": 5.0}))) as frame:
        np.testing.assert_array_equal(frame.array(), image)
        assert frame.exposure.exposure_s == 5.0


@pytest.mark.parametrize("pack", PACKERS)
def test_a_packed_file_is_known_by_its_bytes_not_its_name(tmp_path, pack):
    with opened(tmp_path, pack(fits_bytes(pixels())), "frame.fits") as frame:
        assert frame.shape == (48, 40)


@pytest.mark.parametrize("pack", PACKERS)
def test_an_extension_inside_is_found(tmp_path, pack):
    image = pixels()
    with opened(tmp_path, pack(empty_primary() + fits_bytes(image, extension=True))) as frame:
        np.testing.assert_array_equal(frame.array(), image)


def test_a_tile_compressed_image_inside_gzip_is_unpacked_twice(tmp_path):
    image = pixels(64, 64)
    with opened(tmp_path, gzip_bytes(tiled_bytes(image))) as frame:
        np.testing.assert_array_equal(frame.array(), image)


def test_several_gzip_members_are_one_stream(tmp_path):
    good = fits_bytes(pixels(100, 100))
    with opened(tmp_path, gzip_bytes(good[:5000]) + gzip_bytes(good[5000:])) as frame:
        np.testing.assert_array_equal(frame.array(), pixels(100, 100))


def test_the_packed_file_is_closed_once_it_is_in_memory(tmp_path):
    frame = opened(tmp_path, gzip_bytes(fits_bytes(pixels())))
    (tmp_path / "frame.fits.gz").write_bytes(b"")
    np.testing.assert_array_equal(frame.array(), pixels())


@pytest.mark.parametrize("pack", PACKERS)
def test_every_cut_is_noticed(tmp_path, pack):
    good = pack(fits_bytes(pixels(100, 100)))
    for length in [20, len(good) // 2, len(good) - 9, len(good) - 1]:
        with pytest.raises(UnreadableFrame):
            opened(tmp_path, good[:length])


@pytest.mark.parametrize("pack", PACKERS)
def test_a_cut_before_packing_is_noticed(tmp_path, pack):
    with pytest.raises(UnreadableFrame, match="is cut"):
        opened(tmp_path, pack(fits_bytes(pixels(100, 100))[: BLOCK + 3000]))


@pytest.mark.parametrize("pack", PACKERS)
def test_a_changed_byte_is_found_by_the_checksum(tmp_path, pack):
    good = pack(fits_bytes(pixels(100, 100)))
    with pytest.raises(UnreadableFrame):
        opened(tmp_path, good[:-3000] + bytes([good[-3000] ^ 1]) + good[-2999:])


def test_a_wrong_length_in_the_trailer_with_the_right_checksum_is_forgiven(tmp_path):
    good = gzip_bytes(fits_bytes(pixels()))
    with opened(tmp_path, good[:-4] + b"\1\2\3\4") as frame:
        np.testing.assert_array_equal(frame.array(), pixels())


@pytest.mark.parametrize("name", [name for name in hostile_files() if "bomb.fits." in name])
def test_bombs_cost_no_memory(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(hostile_files()[name])
    tracemalloc.start()
    with pytest.raises(UnreadableFrame):
        open_frame(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


def test_what_is_packed_but_no_fits_is_unsupported(tmp_path):
    with pytest.raises(UnsupportedFormat, match="no FITS header"):
        opened(tmp_path, gzip_bytes(b"hello " * 1000))
