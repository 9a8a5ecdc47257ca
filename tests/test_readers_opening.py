"""Hostile files and odd places: one plain sentence, no waiting, no memory, no crash."""

import os
import socket
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from framefiles import fits_bytes, gzip_bytes, hostile_files, pixels, write_all, write_fits
from hypothesis import given, settings
from hypothesis import strategies as st

from nebulift.errors import UnreadableFrame, UnsupportedFormat
from nebulift.exposure import FrameKind
from nebulift.readers import open_frame
from nebulift.readers.fits_header import is_complete

MOST_MEMORY_BYTES = 16e6  # the largest hostile file is smaller; what they claim is up to terabytes


def sentence(path):
    with pytest.raises(UnreadableFrame) as error:
        open_frame(path)
    return str(error.value)


@pytest.mark.parametrize("name", list(hostile_files()))
def test_every_hostile_file_gets_one_plain_sentence_and_no_memory(tmp_path, name):
    (path,) = write_all(tmp_path, {name: hostile_files()[name]})
    tracemalloc.start()
    said = sentence(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said.startswith(f"{path}: ")
    assert said.isprintable()
    assert len(said) < len(str(path)) + 250
    assert peak < MOST_MEMORY_BYTES
    assert is_complete(path) in (True, False, None)


def test_nothing_is_left_open_after_a_refusal(tmp_path):
    paths = write_all(tmp_path, hostile_files())
    before = len(list(Path("/proc/self/fd").iterdir()))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for path in paths:
            sentence(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_frame_can_be_closed_twice_and_then_not_read(tmp_path):
    frame = open_frame(write_fits(tmp_path / "a.fits", pixels()))
    frame.close()
    frame.close()
    with pytest.raises(ValueError, match="closed"):
        frame.array()


@settings(max_examples=200, deadline=None)
@given(junk=st.binary(min_size=1, max_size=400), where=st.integers(0, 9000), cut=st.integers(0, 9000))
def test_a_damaged_frame_opens_or_gets_a_sentence(tmp_path_factory, junk, where, cut):
    good = fits_bytes(pixels(40, 50), {"OBJECT": "M31"})
    damaged = (good[:where] + junk + good[where + len(junk) :])[: max(len(good) - cut, 1)]
    path = tmp_path_factory.mktemp("d") / "damaged.fits"
    path.write_bytes(damaged)
    try:
        with open_frame(path) as frame:
            assert frame.array().shape == frame.shape
    except UnreadableFrame as error:
        assert str(error).isprintable()  # noqa: PT017 - both outcomes are right


MAGICS = [
    b"SIMPLE  =",
    b"\x1f\x8b\x08\0",
    b"BZh91AY&SY",
    b"XISF0100",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"II*\0",
    b"MM\0*",
]


@settings(max_examples=300, deadline=None)
@given(magic=st.sampled_from(MAGICS), junk=st.binary(max_size=600))
def test_junk_behind_any_magic_gets_a_sentence(tmp_path_factory, magic, junk):
    path = tmp_path_factory.mktemp("j") / "junk.fits"
    path.write_bytes(magic + junk)
    assert sentence(path).isprintable()


def test_a_lack_of_memory_is_a_plain_sentence(tmp_path):
    path = tmp_path / "large.fits.gz"
    path.write_bytes(gzip_bytes(fits_bytes(np.zeros((9000, 9000), np.int16))))
    program = (
        "import sys, resource, pathlib, nebulift.readers.opening as o\n"
        "resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)\n"
        "try: o.open_frame(pathlib.Path(sys.argv[1]))\n"
        "except o.UnreadableFrame as error: print(error)\n"
    )
    arguments = [sys.executable, "-c", program, path, str(used_by_imports() + 60_000_000)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert "more memory than there is" in done.stdout


def used_by_imports():
    program = "import nebulift.readers.opening; print(open('/proc/self/statm').read().split()[0])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout) * os.sysconf("SC_PAGE_SIZE")


# places


def test_a_missing_file_is_said_to_be_gone(tmp_path):
    assert "is gone" in sentence(tmp_path / "a.fits")


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "a.fits").mkdir()
    assert "a folder" in sentence(tmp_path / "a.fits")


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "a.fits")
    assert "a pipe" in sentence(tmp_path / "a.fits")


def test_a_socket_is_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "a.fits"))
        assert "a socket" in sentence(tmp_path / "a.fits")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/full"])
def test_a_link_to_a_device_is_refused(tmp_path, device):
    (tmp_path / "a.fits").symlink_to(device)
    assert "a device" in sentence(tmp_path / "a.fits")


def test_a_loop_of_links_is_refused(tmp_path):
    (tmp_path / "a.fits").symlink_to(tmp_path / "b.fits")
    (tmp_path / "b.fits").symlink_to(tmp_path / "a.fits")
    assert "circle" in sentence(tmp_path / "a.fits")


def test_a_link_to_nothing_is_refused(tmp_path):
    (tmp_path / "a.fits").symlink_to(tmp_path / "nothing.fits")
    assert "is gone" in sentence(tmp_path / "a.fits")


def test_a_link_to_a_frame_is_a_frame(tmp_path):
    (tmp_path / "b.fits").symlink_to(write_fits(tmp_path / "a.fits", pixels()))
    with open_frame(tmp_path / "b.fits") as frame:
        np.testing.assert_array_equal(frame.array(), pixels())


def test_a_link_to_a_secret_text_says_nothing_of_its_content(tmp_path):
    (tmp_path / "a.fits").symlink_to("/etc/passwd")
    assert "root" not in sentence(tmp_path / "a.fits").replace(str(tmp_path), "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_said_to_be_forbidden(tmp_path):
    write_fits(tmp_path / "a.fits", pixels()).chmod(0)
    assert "not permitted" in sentence(tmp_path / "a.fits")


@pytest.mark.parametrize(
    "name", ["new\nline.fits", "\x1b[31mred.fits", os.fsdecode(b"\xff\xfe.fits"), "ü €.fits", "a" * 250 + ".fits"]
)
def test_frames_with_odd_names_are_read_and_their_errors_stay_on_one_line(tmp_path, name):
    path = write_fits(tmp_path / name, pixels())
    with open_frame(path) as frame:
        assert frame.path == path
    path.write_bytes(b"SIMPLE")
    assert sentence(path).isprintable()


@pytest.mark.parametrize("name", ["zero\0byte.fits", "a" * 300 + ".fits"])
def test_impossible_names_are_refused(name):
    assert sentence(Path("/tmp") / name).isprintable()


# the kind of the frame


@pytest.mark.parametrize(
    ("name", "cards", "kind", "source"),
    [
        ("Dark_60s_001.fits", {"IMAGETYP": "Light Frame"}, FrameKind.LIGHT, "header"),
        ("Dark_60s_001.fits", {}, FrameKind.DARK, "name"),
        ("M31_001.fits", {"OBJECT": "M31"}, FrameKind.LIGHT, "assumed"),
    ],
)
def test_the_header_decides_then_the_name(tmp_path, name, cards, kind, source):
    with open_frame(write_fits(tmp_path / name, pixels(), cards)) as frame:
        assert (frame.exposure.kind, frame.exposure.kind_source) == (kind, source)


def test_the_exposure_of_the_header_goes_before_that_of_the_name(tmp_path):
    with open_frame(write_fits(tmp_path / "M31_60s_001.fits", pixels(), {"EXPTIME": 59.9})) as frame:
        assert frame.exposure.exposure_s == 59.9
    with open_frame(write_fits(tmp_path / "M31_60s_002.fits", pixels())) as frame:
        assert frame.exposure.exposure_s == 60.0


def test_unsupported_is_also_unreadable(tmp_path):
    (tmp_path / "a.fits").write_bytes(b"hello")
    with pytest.raises(UnsupportedFormat):
        open_frame(tmp_path / "a.fits")
    assert issubclass(UnsupportedFormat, UnreadableFrame)
