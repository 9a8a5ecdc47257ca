"""What names say, and what they must not be taken to say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nebulift.readers.names import exposure_s_from_name, ignored_folder, is_frame_name, kind_from_name, stem


@pytest.mark.parametrize(
    "name",
    [
        "a.fits", "a.FIT", "a.fts", "a.fits.fz", "a.FITS.FZ", "a.fit.gz", "a.fts.bz2", "a.xisf", "a.tif", "a.TIFF",
        "a.png", "a.jpg", "a.jpeg", "a.CR2", "a.cr3", "a.nef", "a.arw", "a.dng", "a.raf", "a.orf", "a.rw2",
        "M31_Light_L_60_secs_2026-01-01T01-02-03_001.fits", "-dash first.fits", "new\nline.fits", "umlaut ü.fits",
        "badger.fits", "a.part.fits",
    ],
)  # fmt: skip
def test_frames_are_known_by_their_names(name):
    assert is_frame_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", ".fits", ".a.fits", "a.fits.tmp", "a.fits.part", "a.fits~", ".a.fits.Xy12Zz", "a.fits_", "BAD_a.fits",
        "bad_a.fits", "a.txt", "a.json", "a.fits.json", "a.wcs", "a.gz", "a.fz", "a.tar.gz", "a.png.gz", "a.xisf.fz",
        "fits", "a.fitsx", "a.fits.xmp", ".syncthing.a.fits.tmp",
    ],
)  # fmt: skip
def test_temporary_hidden_rejected_and_foreign_files_are_no_frames(name):
    assert not is_frame_name(name)


def test_names_that_are_no_text_are_frames_all_the_same():
    assert is_frame_name(os.fsdecode(b"M31_\xff\xfe.fits"))


@pytest.mark.parametrize(
    "name", ["rejected", "Rejected", ".stversions", ".hidden", "@eaDir", "lost+found", "$RECYCLE.BIN"]
)
def test_folders_without_frames_to_judge(name):
    assert ignored_folder(name)


@pytest.mark.parametrize("name", ["M31", "Light", "2026-01-01", "rejected stars of M31", "unrejected"])
def test_folders_with_frames_to_judge(name):
    assert not ignored_folder(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("M31_001.fits.fz", "M31_001"), ("a.b.FIT", "a.b"), ("IMG_1.CR2", "IMG_1"), ("notes.txt", "notes.txt")],
)
def test_the_stem_is_the_name_without_its_format(name, expected):
    assert stem(name) == expected


@given(st.text(max_size=40))
def test_any_name_can_be_asked(name):
    path = Path("/watch") / name.replace("\0", "")
    assert is_frame_name(name) in (True, False)
    assert name.startswith(stem(name))
    kind_from_name(path)
    exposure_s_from_name(path)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        # Ekos, N.I.N.A., ASIAIR, Seestar, DWARF, SharpCap, Siril, PixInsight
        ("M31/Light/L/M31_Light_L_60_secs_2026-01-01T01-02-03_001.fits", "light"),
        ("M31/Dark/M31_Dark_60_secs_2026-01-01T01-02-03_001.fits", "dark"),
        ("2026-01-01/LIGHT/2026-01-01_22-00-00_Ha_-10.00_300.00s_0001.fits", "light"),
        ("2026-01-01/FLAT/2026-01-01_22-00-00_Ha_-10.00_1.50s_0001.fits", "flat"),
        ("2026-01-01/DARKFLAT/x_0001.fits", "darkflat"),
        ("Autorun/Light/M31/Light_M31_60.0s_Bin1_gain100_20260101-220000_-10.0C_0001.fit", "light"),
        ("Autorun/Bias/Bias_1.0ms_Bin1_gain100_20260101-220000_-10.0C_0001.fit", "bias"),
        ("Autorun/Flat/Flat_200.0ms_Bin1_L_gain100_0001.fit", "flat"),
        ("M 31_sub/Light_M 31_10.0s_IRCUT_20250326-212046.fit", "light"),
        ("M 31/Stacked_12_M 31_10.0s_IRCUT_20250326-212046.fit", "stack"),
        ("Capture/Dark_60s_gain100_001.png", "dark"),
        ("x/offsets/0001.fit", "bias"),
        ("process/pp_light_stacked.fit", "stack"),
        ("master/masterDark_BIN-1_4144x2822_EXPOSURE-300.00s.xisf", "master"),
        ("calibration/master-bias-CAM2.fits.gz", "master"),
        ("calibration/MasterFlat_Ha.fits", "master"),
        ("masters/0001.fits", "master"),
        ("Dark Flats/0001.fits", "darkflat"),
        ("Dark_Flat/0001.fits", "darkflat"),
        ("x/Flat_Dark_1s_001.fits", "darkflat"),
        ("x/DARK.fits", "dark"),
        # lights that only sound like calibration frames
        ("M31/Light/Dark Nebula B33_60s_001.fits", "light"),
        ("x/Dark_Nebula_Light_60s_001.fits", "light"),
        ("Dark Nebula/Light_Dark Nebula_60.0s_Bin1_0001.fit", "light"),
        ("x/Darkness_B33_60s_001.fits", None),
        ("x/Dark_Nebula_60s_001.fits", None),
        ("x/Dark_Horse_60s_001.fits", None),
        ("x/Dark_Shark_LDN1235_300s_001.fits", None),
        ("Dark Nebula/B33_60s_001.fits", None),
        ("x/Flatiron_Nebula_001.fits", None),
        ("x/Biaspoint_001.fits", None),
        ("x/Masterpiece_001.fits", None),
        ("x/IC1396_offset50_gain100_001.fits", None),
        ("x/IC1396_Offset_50_001.fits", None),
        ("x/Delight_001.fits", None),
        ("dark/a/b/c/d/M31_001.fits", None),
        ("dataset/M31_001.fits", None),
    ],
)
def test_the_kind_in_a_name(path, kind):
    found = kind_from_name(Path("/home/pi") / path)
    assert (found and str(found)) == kind


@pytest.mark.parametrize(
    ("path", "seconds"),
    [
        ("Light_M31_60.0s_Bin1.fit", 60.0),
        ("M31_Light_L_300_secs_001.fits", 300.0),
        ("2026-01-01_22-00-00_Ha_-10.00_180.00s_0001.fits", 180.0),
        ("Bias_1.0ms_Bin1.fit", 0.001),
        ("M106_60sec_LP.fits", 60.0),
        ("DWARF_RAW_TELE_M 31_EXP_15_GAIN_80_2024-10-11-22-44-22-123/M 31_0001.fits", 15.0),
        ("M31_2026-01-01_001.fits", None),
        ("M31s_001.fits", None),
        ("30stars_001.fits", None),
    ],
)
def test_the_exposure_in_a_name(path, seconds):
    assert exposure_s_from_name(Path(path)) == seconds


def test_the_watching_process_loads_no_array_library():
    program = (
        "import nebulift.readers, nebulift.readers.names, nebulift.readers.fits_header, sys;"
        "sys.exit(bool({'numpy', 'cv2', 'astropy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_opening_a_plain_frame_loads_neither_astropy_nor_opencv(tmp_path):
    from framefiles import pixels, write_fits  # noqa: PLC0415 - numpy belongs to this test only

    path = write_fits(tmp_path / "frame.fits", pixels())
    program = (
        "import sys, pathlib, nebulift.readers as r; r.open_frame(pathlib.Path(sys.argv[1])).close();"
        "sys.exit(bool({'cv2', 'astropy', 'rawpy', 'onnxruntime'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program, path], check=False).returncode == 0
